//! A control plane with nodes whose pods are real processes: what the scenarios of the guard share.

use anyhow::Result;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::sync::Mutex;

use crate::guarded::installation::{self, Guard};
use crate::node_agent::Agent;
use crate::plane::Plane;
use crate::story::Story;
use crate::wait;

/// The nodes that every scenario finds.
pub const NODES: [&str; 4] = ["node-1", "node-2", "node-3", "node-4"];

/// A plane and its nodes.
pub struct World {
    // Dropped first: it watches the plane.
    pub agent: Agent,
    pub plane: Plane,
    /// Installed by the first scenario that needs it.
    pub guard: Mutex<Option<Guard>>,
}

impl World {
    /// Starts both.
    pub async fn start() -> Result<Self> {
        let plane = Plane::start().await?;
        let agent = Agent::start(&plane, &NODES).await?;
        Ok(Self {
            agent,
            plane,
            guard: Mutex::default(),
        })
    }

    /// All pods of a namespace that a selector of labels names, terminating ones too.
    pub async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>> {
        let api = Api::<Pod>::namespaced(self.plane.client.clone(), namespace);
        Ok(api
            .list(&ListParams::default().labels(selector))
            .await?
            .items)
    }

    /// Waits until the pods that a selector names are exactly so many, all ready and none terminating.
    pub async fn ready(&self, namespace: &str, selector: &str, count: usize) -> Result<Vec<Pod>> {
        let what = format!("{count} ready pods {selector} in {namespace}");
        wait::until(&what, 240, async || {
            let pods = self.pods(namespace, selector).await?;
            let whole = pods.len() == count && pods.iter().all(is_ready);
            Ok(whole.then_some(pods))
        })
        .await
    }

    /// Lets pods come to a node again.
    pub async fn uncordon(&self, node: &str) -> Result<()> {
        let api = Api::<Node>::all(self.plane.client.clone());
        let usable = json!({"spec": {"unschedulable": null}});
        api.patch(node, &PatchParams::default(), &Patch::Merge(usable))
            .await?;
        Ok(())
    }

    /// After a failed scenario: nodes in use again, and no cluster of its left that holds up the next.
    pub async fn tidy(&self) -> Result<()> {
        for node in NODES {
            self.uncordon(node).await?;
        }
        let guarded = ["namespace", "-l", "xtrinode.io/guard"];
        let release = [["label"].as_slice(), &guarded, &["xtrinode.io/guard-"]].concat();
        let found = [["get"].as_slice(), &guarded, &["-o=name"]].concat();
        let found = self.plane.kubectl(&found).await?.ok()?;
        self.plane.kubectl(&release).await?.ok()?;
        for name in found
            .lines()
            .filter_map(|line| line.strip_prefix("namespace/"))
        {
            self.remove(name).await?;
        }
        Ok(())
    }

    /// The last lines of everything that runs, for a failure's report.
    pub async fn logs(&self) -> String {
        self.plane.logs() + &installation::logs(self, 60, |_| true).await
    }

    /// The last lines of the guard about one scenario of several that ran.
    pub async fn logs_about(&self, story: &Story) -> String {
        installation::logs(self, 4000, |line| story.is_about(line)).await
    }

    /// Deletes a namespace and waits until nothing of it is left.
    pub async fn remove(&self, namespace: &str) -> Result<()> {
        self.plane
            .kubectl(&["delete", "namespace", namespace, "--timeout=120s"])
            .await?
            .ok()?;
        Ok(())
    }
}

/// Ready and not terminating.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    pod.metadata.deletion_timestamp.is_none() && ready.any(|condition| condition.status == "True")
}
