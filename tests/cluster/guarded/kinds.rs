//! `kubectl drain` of two nodes with an idle, a flushing and a busy worker on purpose: who has work waits for its own
//! work's end, who has none goes before.

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use xtrinode::demo::simulator::model::task::Task;
use xtrinode::demo::simulator::{Client, QuerySpec};
use xtrinode::trino::words::{NodeState, QueryState, TaskState};

use super::scene::{Scene, spec_on_own_nodes};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Spec, WORKERS};
use crate::world::World;
use crate::{tool, wait};

/// So many pages fit into the coordinator's buffer: what is beyond them waits on the worker.
const COORDINATORS_PAGES: u64 = 40;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-drain-of-busy-idle-and-flushing",
        stage: Stage::Shared(|world| Box::pin(kinds(world))),
    }]
}

async fn kinds(world: &World) -> Result<()> {
    let spec = Spec {
        workers: 9,
        ..spec_on_own_nodes("kinds")
    };
    let scene = Scene::quiet(world, spec).await?;
    let nodes = [1, 2].map(|number| scene.cluster.spec.node(number));
    let workers = scene.workers(world).await?;
    let [first, second] = nodes.each_ref().map(|node| on_node(&workers, node));
    let flushing = Pair::of(&scene, &first, TaskState::Flushing).await?;
    let busy = Pair::of(&scene, &second, TaskState::Running).await?;
    let arguments = ["drain", &nodes[0], &nodes[1], "--timeout=600s"];
    say!("  $ kubectl {}", arguments.join(" "));
    let command = world.plane.kubectl_command(&arguments)?;
    let drain = tokio::task::spawn_blocking(move || tool::run(command, ""));
    flushing.leaves(world, &scene).await?;
    ensure!(
        there(world, &scene, busy.worker).await?,
        "the busy worker went"
    );
    busy.leaves(world, &scene).await?;
    drain.await??.ok()?;
    world.ready(scene.namespace(), WORKERS, 9).await?;
    scene.end(world).await
}

/// Two workers of a node: one with work, and one without.
struct Pair<'a> {
    worker: &'a str,
    idle: &'a str,
    query: String,
    state: TaskState,
}

impl<'a> Pair<'a> {
    /// Gives the first of a node's workers a task in this state.
    async fn of(scene: &Scene, names: &'a [String], state: TaskState) -> Result<Self> {
        let [worker, idle, ..] = names else {
            bail!("the scheduler put only {names:?} on a node");
        };
        Ok(Self {
            worker,
            idle,
            query: held(scene, worker, state).await?,
            state,
        })
    }

    /// The idle one goes, the other waits for its query's end.
    async fn leaves(&self, world: &World, scene: &Scene) -> Result<()> {
        gone(world, scene, self.idle).await?;
        waits(scene, self.worker).await?;
        say!(
            "  idle: {} went; {:?}: {} waits",
            self.idle,
            self.state,
            self.worker
        );
        scene.release(&self.query).await?;
        gone(world, scene, self.worker).await?;
        let end = scene.simulator.query_state(&self.query);
        say!("  its query is {end:?}: it went");
        ensure!(end == Some(QueryState::Finished), "{end:?}");
        Ok(())
    }
}

fn on_node(pods: &[Pod], node: &str) -> Vec<String> {
    let is_there = |pod: &&Pod| {
        let spec = pod.spec.as_ref();
        spec.and_then(|spec| spec.node_name.as_deref()) == Some(node)
    };
    pods.iter().filter(is_there).map(Pod::name_any).collect()
}

/// A query whose client has stopped reading, with one task, on this worker, in this state.
async fn held(scene: &Scene, worker: &str, wanted: TaskState) -> Result<String> {
    let pages_per_task = match wanted {
        TaskState::Flushing => COORDINATORS_PAGES + 20,
        _ => 10 * COORDINATORS_PAGES,
    };
    let query = scene.simulator.submit(QuerySpec {
        client: Client::Held,
        workers: vec![worker.to_owned()],
        pages_per_task,
        ..QuerySpec::default()
    });
    wait::until(&format!("a task that is {wanted:?}"), 30, async || {
        let state = scene.simulator.query(&query);
        let state = state.context("the query is forgotten")?;
        let holds = |task: &Task| task.seen.state == wanted && task.seen.pages > 0;
        Ok(state.tasks().any(|(_, task)| holds(task)).then_some(()))
    })
    .await?;
    Ok(query)
}

async fn there(world: &World, scene: &Scene, name: &str) -> Result<bool> {
    let pods = scene.workers(world).await?;
    Ok(pods.iter().any(|pod| pod.name_any() == name))
}

async fn gone(world: &World, scene: &Scene, name: &str) -> Result<()> {
    wait::until(&format!("{name} to be gone"), 240, async || {
        Ok((!there(world, scene, name).await?).then_some(()))
    })
    .await
}

/// It drains and is not let go: seen over some tries of whoever drains its node.
async fn waits(scene: &Scene, name: &str) -> Result<()> {
    let state = || {
        let mut workers = scene.simulator.workers().into_iter();
        workers
            .find(|worker| worker.name == name && worker.alive)
            .map(|worker| worker.state)
    };
    wait::until(&format!("{name} to drain"), 60, async || {
        Ok((state() == Some(NodeState::Draining)).then_some(()))
    })
    .await?;
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    ensure!(
        state() == Some(NodeState::Draining),
        "{name}: {:?}",
        state()
    );
    Ok(())
}
