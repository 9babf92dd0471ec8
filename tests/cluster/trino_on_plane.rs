//! A Trino cluster as Kubernetes objects: one coordinator, some workers, labelled as the official chart does, in a
//! namespace of its own. The coordinator lives on the last node, workers on the others.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use xtrinode::demo::simulator::Simulator;

use crate::client::Client;
use crate::node_agent::RESERVED;
use crate::trino::Version;
use crate::trino_config::{ADMIN, VIEWER};
use crate::world::{NODES, World};
use crate::{http, story, wait};

/// Selects a cluster's workers.
pub const WORKERS: &str = "app.kubernetes.io/component=worker";
/// Selects a cluster's coordinator.
pub const COORDINATOR: &str = "app.kubernetes.io/component=coordinator";

/// The instance label of every cluster; namespaces tell them apart.
pub const INSTANCE: &str = "blue";

/// What makes the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Deployment,
    StatefulSet,
}

/// Where a cluster's pods live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// On those that all share.
    Shared,
    /// On nodes of its own, `NAMESPACE-1` to `NAMESPACE-4`.
    Own,
    /// The same, and all workers start on the first.
    OwnGathered,
}

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct Spec {
    pub namespace: &'static str,
    /// Labels of the namespace.
    pub labels: &'static [(&'static str, &'static str)],
    pub version: Version,
    /// Whether its nodes are simulated, inside the test, instead of real ones.
    pub simulated: bool,
    pub owner: Owner,
    pub workers: usize,
    /// Whether the workers let anybody drain them.
    pub may_drain: bool,
    /// Further annotations of its pods.
    pub annotations: &'static [(&'static str, &'static str)],
    /// The workers' termination grace period in seconds.
    pub grace: u32,
    /// More lines of every node's `config.properties`; of simulated ones only `shutdown.grace-period`.
    pub config: &'static str,
    pub nodes: Nodes,
}

impl Spec {
    /// Three workers of a Deployment, Trino 476.
    pub fn new(namespace: &'static str) -> Self {
        Self {
            namespace,
            labels: &[],
            version: Version::Nested,
            simulated: false,
            owner: Owner::Deployment,
            workers: 3,
            may_drain: true,
            annotations: &[],
            grace: 30,
            config: "",
            nodes: Nodes::Shared,
        }
    }

    /// `deployment/trino-worker` or `statefulset/trino-worker`.
    pub fn workload(&self) -> &'static str {
        match self.owner {
            Owner::Deployment => "deployment/trino-worker",
            Owner::StatefulSet => "statefulset/trino-worker",
        }
    }

    /// The name of the first, second, third node for workers or, as the fourth, of the coordinator's.
    pub fn node(&self, number: usize) -> String {
        match self.nodes {
            Nodes::Shared => NODES[number - 1].to_owned(),
            Nodes::Own | Nodes::OwnGathered => format!("{}-{number}", self.namespace),
        }
    }

    fn node_names(&self) -> impl Iterator<Item = String> {
        (1..=NODES.len()).map(|number| self.node(number))
    }

    /// Its objects.
    pub fn items(&self) -> [Value; 3] {
        [
            self.service(),
            self.workload_of("coordinator", Owner::Deployment, 1),
            self.workload_of("worker", self.owner, self.workers),
        ]
    }

    fn manifests(&self) -> String {
        json!({"apiVersion": "v1", "kind": "List", "items": self.items()}).to_string()
    }

    /// The coordinator's Service, as the chart makes it; nothing here routes to it.
    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "trino", "namespace": self.namespace},
            "spec": {"selector": labels("coordinator"), "ports": [{"name": "http", "port": 8080}]},
        })
    }

    fn workload_of(&self, component: &str, owner: Owner, replicas: usize) -> Value {
        let labels = labels(component);
        let mut workload = json!({
            "apiVersion": "apps/v1",
            "kind": format!("{owner:?}"),
            "metadata": {"name": format!("trino-{component}"), "namespace": self.namespace, "labels": labels},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels, "annotations": self.annotations()}, "spec": self.pod(component)},
            },
        });
        let spec = &mut workload["spec"];
        match owner {
            Owner::StatefulSet => {
                spec["serviceName"] = "trino".into();
                spec["podManagementPolicy"] = "Parallel".into();
            }
            // Two coordinators behind one Service would share its queries.
            Owner::Deployment if component == "coordinator" => {
                spec["strategy"] = json!({"type": "Recreate"});
            }
            Owner::Deployment => {}
        }
        workload
    }

    fn annotations(&self) -> Value {
        let mut annotations =
            json!({"tests/may-drain": self.may_drain.to_string(), "tests/config": self.config});
        for (key, value) in self.annotations {
            annotations[*key] = (*value).into();
        }
        annotations
    }

    fn image(&self) -> String {
        let name = if self.simulated {
            "simulated-trino"
        } else {
            "trinodb/trino"
        };
        format!("{name}:{}", self.version.number())
    }

    fn pod(&self, component: &str) -> Value {
        let workers = NODES.len() - 1;
        let (nodes, grace): (Vec<_>, _) = match component {
            "coordinator" => (self.node_names().skip(workers).collect(), 10),
            _ => (self.node_names().take(workers).collect(), self.grace),
        };
        let place = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": nodes});
        let toleration = json!({"key": RESERVED, "operator": "Exists", "effect": "NoSchedule"});
        json!({
            "terminationGracePeriodSeconds": grace,
            "tolerations": [toleration],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [place]}],
            }}},
            "containers": [{
                "name": format!("trino-{component}"),
                "image": self.image(),
                "ports": [{"name": "http", "containerPort": 8080}],
            }],
        })
    }
}

fn labels(component: &str) -> Value {
    json!({
        "app.kubernetes.io/name": "trino",
        "app.kubernetes.io/instance": INSTANCE,
        "app.kubernetes.io/component": component,
    })
}

/// A running cluster.
pub struct TrinoOnPlane {
    pub spec: Spec,
    /// Of its coordinator.
    pub url: String,
}

impl TrinoOnPlane {
    /// Creates it and waits until its coordinator counts every worker. One that is there already is made whole again.
    pub async fn start(world: &World, spec: Spec) -> Result<Self> {
        let cluster = Self {
            url: world.agent.coordinator_url(spec.namespace, INSTANCE)?,
            spec,
        };
        story::takes_place_in(cluster.spec.namespace);
        if cluster.spec.nodes != Nodes::Shared {
            for node in cluster.spec.node_names() {
                world.agent.add_node(&node, cluster.spec.namespace).await?;
            }
        }
        world
            .plane
            .namespace(cluster.spec.namespace, cluster.spec.labels)
            .await?;
        cluster.restore(world).await?;
        Ok(cluster)
    }

    /// Makes it whole: all nodes in use, all workers there and active.
    pub async fn restore(&self, world: &World) -> Result<()> {
        for node in self.spec.node_names() {
            world.uncordon(&node).await?;
        }
        let others = [2, 3].map(|number| self.spec.node(number));
        let others = others
            .iter()
            .filter(|_| self.spec.nodes == Nodes::OwnGathered);
        for node in others.clone() {
            world.plane.kubectl(&["cordon", node]).await?.ok()?;
        }
        world.plane.apply(&self.spec.manifests()).await?;
        let namespace = self.spec.namespace;
        world.ready(namespace, COORDINATOR, 1).await?;
        world.ready(namespace, WORKERS, self.spec.workers).await?;
        for node in others {
            world.uncordon(node).await?;
        }
        if self.spec.simulated {
            return Ok(());
        }
        self.wait_active(self.spec.workers).await
    }

    /// Takes it away with its namespace, past any guard and whatever runs on it, without waiting until it is gone.
    pub async fn remove(&self, world: &World) -> Result<()> {
        let namespace = self.spec.namespace;
        let unguard = ["label", "namespace", namespace, "xtrinode.io/guard-"];
        world.plane.kubectl(&unguard).await?.ok()?;
        let delete = ["delete", "namespace", namespace, "--wait=false"];
        world.plane.kubectl(&delete).await?.ok().map(drop)
    }

    /// What the guard calls it.
    pub fn name(&self) -> String {
        format!("{}/{INSTANCE}", self.spec.namespace)
    }

    /// The simulated cluster behind it.
    pub async fn simulator(&self, world: &World) -> Result<Arc<Simulator>> {
        let found = world.agent.simulator(self.spec.namespace, INSTANCE).await;
        found.context("the cluster is not simulated")
    }

    /// A user's client.
    pub fn client(&self) -> Client {
        Client::new(&self.url, VIEWER)
    }

    /// What the coordinator says of one of its queries.
    pub async fn query(&self, id: &str) -> Result<Value> {
        self.get(&format!("/v1/query/{id}")).await
    }

    /// What the coordinator says of all queries that it remembers.
    pub async fn queries(&self) -> Result<Vec<Value>> {
        let list = self.get("/v1/query").await?;
        Ok(list.as_array().cloned().unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let url = format!("{}{path}", self.url);
        http::get(&url, &[("X-Trino-User", ADMIN)]).await?.json()
    }

    /// Waits until the coordinator counts exactly so many workers as active.
    pub async fn wait_active(&self, count: usize) -> Result<()> {
        let client = Client::new(&self.url, ADMIN);
        let sql =
            "SELECT count(*) FROM system.runtime.nodes WHERE state = 'active' AND NOT coordinator";
        let what = format!("{count} active workers");
        wait::until(&what, 240, async || {
            // A coordinator that has just started refuses; it is asked again.
            let Ok(rows) = client.run(sql).await else {
                return Ok(None);
            };
            let active = rows.first().and_then(|row| row[0].as_u64());
            Ok((active == Some(count as u64)).then_some(()))
        })
        .await
        .with_context(|| format!("cluster {}", self.spec.namespace))
    }
}
