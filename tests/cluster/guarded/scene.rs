//! A guarded cluster of simulated workers under load, in a namespace of its own: what most scenarios act on. Its end says
//! that nothing failed.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{EvictParams, PostParams};
use kube::{Api, ResourceExt as _};
use xtrinode::demo::simulator::{Client, QuerySpec, Simulator};
use xtrinode::trino::words::{NodeState, QueryState};

use super::installation::{self, ENFORCE};
use crate::simulated_load::SimulatedLoad;
use crate::story::say;
use crate::trino_on_plane::{Nodes, Spec, TrinoOnPlane, WORKERS};
use crate::wait;
use crate::world::World;

/// Queries under way at any time.
const QUERIES: usize = 10;

/// A guarded simulated cluster.
pub struct Scene {
    pub cluster: TrinoOnPlane,
    pub simulator: Arc<Simulator>,
    load: Option<SimulatedLoad>,
}

/// Five simulated workers in an enforced namespace.
pub fn spec(namespace: &'static str) -> Spec {
    Spec {
        labels: &[ENFORCE],
        simulated: true,
        workers: 5,
        ..Spec::new(namespace)
    }
}

/// The same on nodes of its own, for scenarios that drain, taint or cordon them.
pub fn spec_on_own_nodes(namespace: &'static str) -> Spec {
    Spec {
        nodes: Nodes::Own,
        ..spec(namespace)
    }
}

/// Three workers, all on the first node of their own.
pub fn spec_on_one_node(namespace: &'static str) -> Spec {
    Spec {
        workers: 3,
        nodes: Nodes::OwnGathered,
        ..spec_on_own_nodes(namespace)
    }
}

impl Scene {
    /// A cluster under load.
    pub async fn busy(world: &World, spec: Spec) -> Result<Self> {
        let mut scene = Self::quiet(world, spec).await?;
        scene.load(3).await?;
        Ok(scene)
    }

    /// Begins the load, and waits until so many queries have finished.
    pub async fn load(&mut self, finished: u64) -> Result<()> {
        let load = SimulatedLoad::start(&self.simulator, QUERIES);
        load.wait_finished(finished).await?;
        self.load = Some(load);
        Ok(())
    }

    /// The same without load.
    pub async fn quiet(world: &World, spec: Spec) -> Result<Self> {
        installation::usual(world).await?;
        Self::without_guard(world, spec).await
    }

    /// The same under whatever guard is installed.
    pub async fn without_guard(world: &World, spec: Spec) -> Result<Self> {
        let cluster = TrinoOnPlane::start(world, spec).await?;
        Ok(Self {
            simulator: cluster.simulator(world).await?,
            cluster,
            load: None,
        })
    }

    pub const fn namespace(&self) -> &'static str {
        self.cluster.spec.namespace
    }

    /// The name of a series about this cluster, with one more label.
    pub fn series(&self, metric: &str, (label, value): (&str, &str)) -> String {
        let cluster = self.cluster.name();
        format!("{metric}{{cluster=\"{cluster}\",{label}=\"{value}\"}}")
    }

    /// `--namespace=…`
    pub fn space(&self) -> String {
        format!("--namespace={}", self.namespace())
    }

    /// Its workers' pods.
    pub async fn workers(&self, world: &World) -> Result<Vec<Pod>> {
        world.pods(self.namespace(), WORKERS).await
    }

    /// A query whose client has stopped reading, with a task on every worker.
    pub async fn hold(&self) -> Result<String> {
        self.held(None).await
    }

    /// The same with a task on so many workers.
    pub async fn hold_on(&self, workers: u32) -> Result<String> {
        self.held(Some(workers)).await
    }

    async fn held(&self, tasks_per_stage: Option<u32>) -> Result<String> {
        let query = self.simulator.submit(QuerySpec {
            client: Client::Held,
            tasks_per_stage,
            ..QuerySpec::default()
        });
        wait::until("a query that holds data", 30, async || {
            let state = self.simulator.query_state(&query);
            Ok((state == Some(QueryState::Running)).then_some(()))
        })
        .await?;
        Ok(query)
    }

    /// Waits until the guard has seen that every worker holds data.
    pub async fn wait_seen(&self, world: &World) -> Result<()> {
        let workers = self.workers(world).await?.len();
        self.wait_seen_on(world, workers).await
    }

    /// Waits until the guard has seen that so many workers hold data.
    pub async fn wait_seen_on(&self, world: &World, workers: usize) -> Result<()> {
        wait::until("a guard that sees the data", 60, async || {
            let mut seen = 0;
            for pod in self.workers(world).await? {
                let refusal = evict(world, &pod, true).await?;
                let holds = refusal.is_some_and(|words| words.contains("holds output buffers"));
                seen += usize::from(holds);
            }
            Ok((seen == workers).then_some(()))
        })
        .await
    }

    /// Lets a held query's client read to the end.
    pub async fn release(&self, query: &str) -> Result<()> {
        ensure!(self.simulator.resume(query, 200.0), "{query} is not held");
        wait::until("the query's end", 60, async || {
            let state = self.simulator.query_state(query);
            Ok(state.filter(|state| *state != QueryState::Running))
        })
        .await
        .and_then(|state| {
            ensure!(
                matches!(state, QueryState::Finished | QueryState::Finishing),
                "{state:?}"
            );
            Ok(())
        })
    }

    /// Waits for an Event with this reason.
    pub async fn event(&self, world: &World, reason: &str) -> Result<()> {
        let field = format!("--field-selector=reason={reason}");
        let space = self.space();
        let arguments = ["get", "events.events.k8s.io", &space, &field, "-o=name"];
        wait::until(&format!("an Event {reason}"), 30, async || {
            let said = world.plane.kubectl(&arguments).await?.ok()?;
            Ok((!said.trim().is_empty()).then_some(()))
        })
        .await
    }

    /// What a worker says of itself.
    pub fn state(&self, pod: &Pod) -> Option<NodeState> {
        let name = pod.name_any();
        let mut workers = self.simulator.workers().into_iter();
        let found = workers.find(|worker| worker.alive && worker.name.starts_with(&name));
        found.map(|worker| worker.state)
    }

    /// Waits until a worker says this.
    pub async fn wait_state(&self, pod: &Pod, wanted: NodeState) -> Result<()> {
        let what = format!("{} to be {wanted:?}", pod.name_any());
        wait::until(&what, 180, async || {
            Ok((self.state(pod) == Some(wanted)).then_some(()))
        })
        .await
    }

    /// A worker that drains because its eviction was refused.
    pub async fn draining(&self, world: &World) -> Result<Pod> {
        let victim = self.workers(world).await?.remove(0);
        let refusal = evict(world, &victim, false).await?;
        refusal.context("a busy worker went")?;
        self.wait_state(&victim, NodeState::Draining).await?;
        Ok(victim)
    }

    /// Lets the queries that are under way end; no more come. Fails when one failed.
    pub async fn calm(&mut self) -> Result<()> {
        let load = self.load.take().context("there is no load")?;
        let report = load.finish().await?;
        say!("  queries: {report}");
        ensure!(
            report.failed.is_empty() && report.wrong.is_empty(),
            "{report}"
        );
        Ok(())
    }

    /// Ends the load, which nothing may have failed, and takes everything away, without waiting until it is gone.
    pub async fn end(mut self, world: &World) -> Result<()> {
        if self.load.is_some() {
            self.calm().await?;
        }
        self.cluster.remove(world).await
    }
}

/// Asks for the eviction of a pod as the eviction API's callers do; the refusal's words where it is refused.
pub async fn evict(world: &World, pod: &Pod, dry_run: bool) -> Result<Option<String>> {
    let namespace = pod.namespace().unwrap_or_default();
    let api = Api::<Pod>::namespaced(world.plane.once.clone(), &namespace);
    let parameters = EvictParams {
        post_options: PostParams {
            dry_run,
            ..PostParams::default()
        },
        ..EvictParams::default()
    };
    match api.evict(&pod.name_any(), &parameters).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 429 => Ok(Some(status.message.clone())),
        Err(error) => Err(error.into()),
    }
}

/// Evicts until it is allowed. Gives how often it was refused.
pub async fn evict_until_gone(world: &World, pod: &Pod) -> Result<usize> {
    let mut refused = 0;
    let what = format!("the eviction of {}", pod.name_any());
    wait::until(&what, 240, async || {
        if evict(world, pod, false).await?.is_none() {
            return Ok(Some(()));
        }
        refused += 1;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        Ok(None)
    })
    .await?;
    Ok(refused)
}

/// Hints to autoscalers on a pod.
pub fn hints(pod: &Pod) -> Vec<&String> {
    let keys = pod.annotations().keys();
    keys.filter(|key| key.ends_with("/safe-to-evict") || key.ends_with("/do-not-disrupt"))
        .collect()
}

/// The annotations of ours on a pod.
pub fn ours(pod: &Pod) -> Vec<String> {
    let keys = pod.annotations().keys();
    let ours = keys.filter(|key| key.contains("xtrinode.io") || key.contains("deletion-cost"));
    ours.cloned().collect()
}
