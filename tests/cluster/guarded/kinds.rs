//! `kubectl drain` of two nodes with an idle, a flushing and a busy worker on purpose: who has work waits for its own
//! work's end, who has none goes before.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use xtrinode::demo::simulator::{Client, QuerySpec};
use xtrinode::trino::words::{NodeState, QueryState, TaskState};

use super::scene::{Scene, spec};
use crate::runner::{Scenario, Stage};
use crate::trino_on_plane::{Spec, WORKERS};
use crate::world::World;
use crate::{tool, wait};

/// So many pages fit into the coordinator's buffer: what is beyond them waits on the worker.
const COORDINATORS_PAGES: u64 = 40;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-drain-of-busy-idle-and-flushing",
        stage: Stage::Plane(|world| Box::pin(kinds(world))),
    }]
}

async fn kinds(world: &mut World) -> Result<()> {
    let spec = Spec {
        workers: 9,
        ..spec("kinds")
    };
    let scene = Scene::quiet(world, spec).await?;
    let workers = scene.workers(world).await?;
    let (first, second) = (on_node(&workers, "node-1"), on_node(&workers, "node-2"));
    let (flushing, idle) = pair(&first)?;
    let (busy, also_idle) = pair(&second)?;
    let flushes = held(
        &scene,
        flushing,
        COORDINATORS_PAGES + 20,
        TaskState::Flushing,
    )
    .await?;
    let runs = held(&scene, busy, 10 * COORDINATORS_PAGES, TaskState::Running).await?;
    println!("  node-1: flushing {flushing} and idle ones; node-2: busy {busy} and idle ones");
    let arguments = ["drain", "node-1", "node-2", "--timeout=600s"];
    println!("  $ kubectl {}", arguments.join(" "));
    let command = world.plane.kubectl_command(&arguments)?;
    let drain = tokio::task::spawn_blocking(move || tool::run(command, ""));
    gone(world, &scene, idle).await?;
    waits(&scene, flushing).await?;
    ensure!(there(world, &scene, busy).await?, "the busy worker went");
    println!("  the idle worker of node-1 went, the flushing one waits");
    scene.release(&flushes).await?;
    gone(world, &scene, flushing).await?;
    println!("  flushed: it went");
    gone(world, &scene, also_idle).await?;
    waits(&scene, busy).await?;
    println!("  the idle worker of node-2 went, the busy one waits");
    scene.release(&runs).await?;
    gone(world, &scene, busy).await?;
    drain.await??.ok()?;
    println!("  read to the end: it went, and the drain is done");
    let uncordon = ["uncordon", "node-1", "node-2"];
    world.plane.kubectl(&uncordon).await?.ok()?;
    world.ready(scene.namespace(), WORKERS, 9).await?;
    for query in [flushes, runs] {
        let state = scene.simulator.query_state(&query);
        ensure!(state == Some(QueryState::Finished), "{query}: {state:?}");
    }
    scene.end(world).await
}

fn on_node(pods: &[Pod], node: &str) -> Vec<String> {
    let is_there = |pod: &&Pod| {
        let spec = pod.spec.as_ref();
        spec.and_then(|spec| spec.node_name.as_deref()) == Some(node)
    };
    pods.iter().filter(is_there).map(Pod::name_any).collect()
}

fn pair(names: &[String]) -> Result<(&str, &str)> {
    match names {
        [one, other, ..] => Ok((one, other)),
        few => anyhow::bail!("the scheduler put only {few:?} on a node"),
    }
}

/// A query whose client has stopped reading, with one task, on this worker, in this state.
async fn held(scene: &Scene, worker: &str, pages: u64, wanted: TaskState) -> Result<String> {
    let query = scene.simulator.submit(QuerySpec {
        client: Client::Held,
        workers: vec![worker.to_owned()],
        pages_per_task: pages,
        ..QuerySpec::default()
    });
    wait::until(&format!("a task that is {wanted:?}"), 30, async || {
        let state = scene.simulator.query(&query);
        let state = state.context("the query is forgotten")?;
        let mut tasks = state.tasks();
        Ok(tasks
            .any(|(_, task)| task.seen.state == wanted && task.seen.pages > 0)
            .then_some(()))
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
