//! Kubernetes objects of 100 Trino clusters, as long as real ones: pods are made from a recorded one, with the environment,
//! volumes and managed fields that the official chart's pods bring along.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::api::NODES;

const RECORDED: &str = include_str!("../../tests/data/admission-1.36/pod-delete.json");

/// Trino clusters: 10 000 pods, 200 workloads.
const CLUSTERS: usize = 100;
const PODS: usize = 100;

/// Clusters whose nodes answer: 2000 pods.
const ANSWERING: usize = 20;

/// Entries of a pod's environment, and of its managed fields: what makes a pod of 9 kB.
const ENTRIES: usize = 40;

/// One Trino cluster, by its number: a coordinator and its workers.
#[derive(Clone, Copy, Debug)]
pub struct Cluster(usize);

/// All of them.
pub fn clusters() -> Vec<Cluster> {
    (0..CLUSTERS).map(Cluster).collect()
}

/// The addresses at which a node answers.
pub fn answering(clusters: &[Cluster]) -> Vec<Ipv4Addr> {
    let first = clusters.iter().take(ANSWERING);
    let all = first.flat_map(|cluster| (0..PODS).map(|pod| ip(cluster.0, pod)));
    all.collect()
}

/// How many objects of a resource there are.
pub fn count(clusters: &[Cluster], resource: &str) -> usize {
    match resource {
        "namespaces" => clusters.len(),
        "nodes" => PODS,
        "deployments" | "replicasets" => 2 * clusters.len(),
        "pods" => PODS * clusters.len(),
        _ => 0,
    }
}

/// Which pods are in a namespace.
pub fn pods_of(namespace: &str) -> Range<usize> {
    let cluster = namespace.strip_prefix("trino-");
    let cluster: usize = cluster
        .and_then(|text| text.parse().ok())
        .unwrap_or(CLUSTERS);
    PODS * cluster..PODS * (cluster + 1).min(CLUSTERS)
}

/// One of them, as JSON.
pub fn object(clusters: &[Cluster], resource: &str, index: usize) -> String {
    let cluster = |index: usize| clusters[index % clusters.len()].0;
    let object = match resource {
        "namespaces" => namespace(cluster(index)),
        "nodes" => node(index),
        "deployments" => deployment(cluster(index / 2), index % 2),
        "replicasets" => set(cluster(index / 2), index % 2),
        _ => pod(cluster(index / PODS), index % PODS),
    };
    object.to_string()
}

/// Loopback has room for everybody.
fn ip(cluster: usize, pod: usize) -> Ipv4Addr {
    let part = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, 44, part(cluster), part(pod + 1))
}

const fn role(workload: usize) -> &'static str {
    if workload == 0 {
        "coordinator"
    } else {
        "worker"
    }
}

fn labels(role: &str) -> Value {
    json!({"app.kubernetes.io/name": "trino", "app.kubernetes.io/instance": "trino",
        "app.kubernetes.io/component": role, "app.kubernetes.io/managed-by": "Helm"})
}

fn namespace(cluster: usize) -> Value {
    json!({"metadata": {"name": format!("trino-{cluster}"), "uid": format!("namespace-{cluster}"),
        "resourceVersion": "7", "labels": {"xtrinode.io/guard": "enforce"}}})
}

fn node(index: usize) -> Value {
    json!({"metadata": {"name": format!("node-{index}"), "uid": format!("node-{index}"), "resourceVersion": "7"},
        "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn deployment(cluster: usize, workload: usize) -> Value {
    let role = role(workload);
    let replicas = if workload == 0 { 1 } else { PODS - 1 };
    json!({"metadata": {"name": format!("trino-{role}"), "namespace": format!("trino-{cluster}"),
            "uid": format!("deployment-{role}-{cluster}"), "resourceVersion": "7",
            "creationTimestamp": "2026-11-22T00:00:00Z"},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": labels(role)}, "spec": ENVIRONMENT.clone()}}})
}

fn set(cluster: usize, workload: usize) -> Value {
    let mut set = deployment(cluster, workload);
    let role = role(workload);
    let metadata = &mut set["metadata"];
    metadata["name"] = format!("trino-{role}-7d9f8b6c54").into();
    metadata["uid"] = format!("set-{role}-{cluster}").into();
    metadata["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "controller": true,
        "name": format!("trino-{role}"), "uid": format!("deployment-{role}-{cluster}")}]);
    set
}

static RECORDED_POD: LazyLock<Value> = LazyLock::new(|| {
    let review: Value = serde_json::from_str(RECORDED).unwrap_or_default();
    review["request"]["oldObject"].clone()
});

static ENVIRONMENT: LazyLock<Value> = LazyLock::new(|| {
    let entries = (0..ENTRIES).map(|entry| {
        let reference = json!({"secretKeyRef": {"name": "trino-catalog-secrets", "key": format!("key-{entry}")}});
        json!({"name": format!("CATALOG_PROPERTY_{entry}"), "valueFrom": reference})
    });
    json!({"containers": [{"name": "trino", "image": "trinodb/trino:476", "env": entries.collect::<Vec<_>>(),
        "ports": [{"name": "http", "containerPort": NODES, "protocol": "TCP"}],
        "resources": {"limits": {"cpu": "8", "memory": "64Gi"}, "requests": {"cpu": "8", "memory": "64Gi"}}}]})
});

fn pod(cluster: usize, number: usize) -> Value {
    let role = role(usize::from(number > 0));
    let mut pod = RECORDED_POD.clone();
    let metadata = &mut pod["metadata"];
    metadata["name"] = format!("trino-{role}-7d9f8b6c54-{number:05}").into();
    metadata["namespace"] = format!("trino-{cluster}").into();
    metadata["uid"] = format!("6f1c8f60-{cluster:04}-4e1b-8f0a-{number:012}").into();
    metadata["labels"] = labels(role);
    metadata["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true,
        "name": format!("trino-{role}-7d9f8b6c54"), "uid": format!("set-{role}-{cluster}")}]);
    let manager = metadata["managedFields"][0].clone();
    metadata["managedFields"] = vec![manager; 4].into();
    let name = format!("node-{number}");
    pod["spec"] = ENVIRONMENT.clone();
    pod["spec"]["nodeName"] = name.into();
    let id = format!("containerd://{cluster:032x}{number:032x}");
    pod["status"] = json!({"phase": "Running", "podIP": ip(cluster, number), "startTime": "2026-11-22T01:00:00Z",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T01:00:30Z"}],
        "containerStatuses": [{"name": "trino", "ready": true, "restartCount": 0, "containerID": id,
            "image": "trinodb/trino:476", "state": {"running": {"startedAt": "2026-11-22T01:00:10Z"}}}]});
    pod
}
