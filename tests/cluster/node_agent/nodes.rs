//! The Node objects of an agent: made Ready, and kept alive by renewing their leases as kubelets do.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::status::time;
use super::{Shared, lock};

/// The key of the taint on nodes that have an owner.
pub const RESERVED: &str = "tests/reserved";

/// Kubelets renew every 10 s; the plane allows 10 minutes.
const RENEW: Duration = Duration::from_secs(30);

/// Creates a node with room for everything; where it has an owner, for that one's pods alone.
pub async fn add(shared: &Shared, name: &str, owner: Option<&str>) -> Result<()> {
    let labels = json!({"kubernetes.io/hostname": name});
    let taint = |owner| json!({"key": RESERVED, "value": owner, "effect": "NoSchedule"});
    let taints: Vec<_> = owner.map(taint).into_iter().collect();
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {"taints": taints},
    });
    let client = &shared.client;
    let api = Api::<Node>::all(client.clone());
    let by = PatchParams::apply("node-agent").force();
    api.patch(name, &by, &Patch::Apply(node)).await?;
    renew(client, name).await?;
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(ready()))
        .await?;
    lock(&shared.nodes).push(name.to_owned());
    Ok(())
}

/// Renews leases for ever. An API server that a test has stopped is asked again at the next turn.
pub async fn keep_alive(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(RENEW).await;
        let names = lock(&shared.nodes).clone();
        for name in &names {
            if let Err(error) = renew(&shared.client, name).await {
                println!("node agent: the lease of {name} was not renewed: {error:#}");
            }
        }
    }
}

async fn renew(client: &Client, name: &str) -> Result<()> {
    let now = Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        .to_string();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now},
    });
    let api = Api::<Lease>::namespaced(client.clone(), "kube-node-lease");
    let by = PatchParams::apply("node-agent").force();
    api.patch(name, &by, &Patch::Apply(lease)).await?;
    Ok(())
}

fn ready() -> serde_json::Value {
    let now = time(Timestamp::now());
    let room =
        json!({"cpu": "256", "memory": "1024Gi", "pods": "1000", "ephemeral-storage": "1024Gi"});
    json!({"status": {
        "capacity": room,
        "allocatable": room,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
        "nodeInfo": {
            "kubeletVersion": "v1.36.3", "kubeProxyVersion": "", "osImage": "", "kernelVersion": "", "architecture": "amd64",
            "operatingSystem": "linux", "containerRuntimeVersion": "processes://1", "machineID": "", "systemUUID": "", "bootID": "",
        },
    }})
}
