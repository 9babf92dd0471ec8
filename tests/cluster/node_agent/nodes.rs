//! The Node objects of an agent: made Ready, and kept alive by renewing their leases as kubelets do.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::status::time;

/// Kubelets renew every 10 s; the plane allows 10 minutes.
const RENEW: Duration = Duration::from_secs(30);

/// Creates a node with room for everything.
pub async fn add(client: &Client, name: &str) -> Result<()> {
    let labels = json!({"kubernetes.io/hostname": name});
    let node =
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
    let api = Api::<Node>::all(client.clone());
    let by = PatchParams::apply("node-agent").force();
    api.patch(name, &by, &Patch::Apply(node)).await?;
    renew(client, name).await?;
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(ready()))
        .await?;
    Ok(())
}

/// Renews leases for ever. An API server that a test has stopped is asked again at the next turn.
pub async fn keep_alive(client: Client, names: Vec<String>) {
    loop {
        tokio::time::sleep(RENEW).await;
        for name in &names {
            if let Err(error) = renew(&client, name).await {
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
