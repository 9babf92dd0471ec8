//! Whatever the API says about pods, workloads, nodes and namespaces: read or skipped, never a panic; and no pod that runs is
//! called dead or drained for what it does not say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use xtrinode::cluster::raw::place::{RawNamespace, RawNode, namespace, node};
use xtrinode::cluster::raw::pod::{RawPod, pod, pod_as};
use xtrinode::cluster::raw::workload::{RawWorkload, workload};
use xtrinode::cluster::selection::Selection;
use xtrinode::core::guard::facts::place::Mode;
use xtrinode::core::guard::facts::pod::{ClusterId, Role};
use xtrinode::core::guard::facts::workload::Kind;

fuzz_target!(|body: &[u8]| {
    let selection = Selection::default();
    if let Ok(raw) = serde_json::from_slice::<RawPod>(body) {
        let _ = pod(&raw, &selection);
        let pod = pod_as(&raw, Role::Worker, ClusterId::default());
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            runs(&value, pod.running().is_some());
        }
    }
    if let Ok(raw) = serde_json::from_slice::<RawWorkload>(body) {
        for kind in [
            Kind::Deployment,
            Kind::ReplicaSet,
            Kind::StatefulSet,
            Kind::Other,
        ] {
            let _ = workload(kind, &raw, &selection);
        }
    }
    if let Ok(raw) = serde_json::from_slice::<RawNode>(body) {
        let _ = node(&raw);
    }
    if let Ok(raw) = serde_json::from_slice::<RawNamespace>(body) {
        let told = namespace(&raw, Mode::Audit);
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            let opted = &value["metadata"]["labels"]["xtrinode.io/guard"];
            assert!(told.mode.is_none() || opted.is_string(), "nobody opted in");
        }
    }
});

/// A pod whose phase is Running and of whose containers nothing at all is said.
fn runs(pod: &Value, running: bool) {
    let silent = pod["status"]["containerStatuses"].is_null();
    if pod["status"]["phase"] == "Running" && silent {
        assert!(running, "a running pod is called dead");
    }
}
