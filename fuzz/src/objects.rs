//! Whatever the API says about pods, workloads, nodes and namespaces: read or skipped, never a panic; no pod that runs is
//! called dead or drained for what it does not say; no taint but the autoscalers' own announces that a node goes; no
//! namespace opts in but by the label.

use serde_json::Value;
use xtrinode::cluster::raw::place::{RawNamespace, RawNode, namespace, node};
use xtrinode::cluster::raw::pod::{RawPod, pod, pod_as};
use xtrinode::cluster::raw::workload::{RawWorkload, workload};
use xtrinode::cluster::selection::Selection;
use xtrinode::core::guard::facts::place::{Announced, Mode, Namespace, Node};
use xtrinode::core::guard::facts::pod::{ClusterId, Role};
use xtrinode::core::guard::facts::workload::Kind;

/// Reads an object as each kind that it may be.
pub fn check(body: &[u8]) {
    // What a general parser does not read is checked for panics alone.
    let told: Option<Value> = serde_json::from_slice(body).ok();
    pods(body, told.as_ref());
    workloads(body);
    if let Ok(raw) = serde_json::from_slice::<RawNode>(body) {
        let read = node(&raw);
        if let Some(told) = &told {
            same_node(told, &read);
        }
    }
    if let Ok(raw) = serde_json::from_slice::<RawNamespace>(body) {
        let read = namespace(&raw, Mode::Audit);
        if let Some(told) = &told {
            same_namespace(told, &read);
        }
    }
}

fn pods(body: &[u8], told: Option<&Value>) {
    let Ok(raw) = serde_json::from_slice::<RawPod>(body) else {
        return;
    };
    let _ = pod(&raw, &Selection::default());
    let read = pod_as(&raw, Role::Worker, ClusterId::default());
    let silent = |told: &Value| {
        told["status"]["phase"] == "Running" && told["status"]["containerStatuses"].is_null()
    };
    let runs = read.running().is_some();
    assert!(
        runs || !told.is_some_and(silent),
        "a running pod is called dead"
    );
}

fn workloads(body: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<RawWorkload>(body) else {
        return;
    };
    for kind in [
        Kind::Deployment,
        Kind::ReplicaSet,
        Kind::StatefulSet,
        Kind::Other,
    ] {
        let _ = workload(kind, &raw, &Selection::default());
    }
}

/// Exactly the taints of the autoscalers count, whatever their effect and value; certainty goes before a perhaps.
fn same_node(told: &Value, read: &Node) {
    let taints = told["spec"]["taints"].as_array();
    let has =
        |key: &str| taints.is_some_and(|taints| taints.iter().any(|taint| taint["key"] == key));
    let announced = if has("ToBeDeletedByClusterAutoscaler") {
        Some(Announced::ClusterAutoscaler)
    } else if has("karpenter.sh/disrupted") || has("karpenter.sh/disruption") {
        Some(Announced::Karpenter)
    } else if has("DeletionCandidateOfClusterAutoscaler") {
        Some(Announced::Candidate)
    } else {
        None
    };
    let conditions = told["status"]["conditions"].as_array();
    let ready = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
    let expected = Node {
        cordoned: told["spec"]["unschedulable"] == true,
        announced,
        ready: conditions.is_some_and(|all| all.iter().any(ready)),
    };
    assert_eq!(*read, expected);
}

fn same_namespace(told: &Value, read: &Namespace) {
    let mode = match told["metadata"]["labels"]["xtrinode.io/guard"].as_str() {
        Some("enabled" | "audit") => Some(Mode::Audit),
        Some("enforce") => Some(Mode::Enforce),
        _ => None,
    };
    assert_eq!(read.mode, mode, "nobody opted in like that");
    let going = !told["metadata"]["deletionTimestamp"].is_null();
    assert_eq!(read.terminating, going);
}
