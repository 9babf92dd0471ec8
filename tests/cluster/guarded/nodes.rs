//! What nodes do to their workers: a drain with busy, idle and flushing workers on them, taint-based eviction, and a drain
//! that somebody thinks better of.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use xtrinode::trino::words::NodeState;

use super::scene::{Scene, evict, ours, spec};
use crate::runner::{Scenario, Stage};
use crate::trino_on_plane::{Spec, WORKERS};
use crate::wait;
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-drain-of-many-workers",
            stage: Stage::Plane(|world| Box::pin(drain(world))),
        },
        Scenario {
            name: "guarded-drain-of-idle-workers",
            stage: Stage::Plane(|world| Box::pin(idle(world))),
        },
        Scenario {
            name: "guarded-taint-based-eviction",
            stage: Stage::Plane(|world| Box::pin(tainted(world))),
        },
        Scenario {
            name: "guarded-uncordon-gives-workers-back",
            stage: Stage::Plane(|world| Box::pin(uncordoned(world))),
        },
        Scenario {
            name: "guarded-only-worker",
            stage: Stage::Plane(|world| Box::pin(only_worker(world))),
        },
    ]
}

async fn drain(world: &mut World) -> Result<()> {
    let spec = Spec {
        workers: 8,
        ..spec("drained")
    };
    let scene = Scene::busy(world, spec).await?;
    drain_two(world).await?;
    world.ready(scene.namespace(), WORKERS, 8).await?;
    uncordon(world).await?;
    scene.end(world).await
}

/// Without a query there is nothing to wait for but the drain itself.
async fn idle(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec("idle")).await?;
    drain_two(world).await?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    uncordon(world).await?;
    scene.end(world).await
}

async fn drain_two(world: &World) -> Result<()> {
    let arguments = ["drain", "node-1", "node-2", "--timeout=600s"];
    world.plane.show(&arguments).await
}

async fn uncordon(world: &World) -> Result<()> {
    let said = world.plane.kubectl(&["uncordon", "node-1", "node-2"]);
    said.await?.ok().map(drop)
}

/// The taint-eviction controller tries five times within a moment and never again: the guard's leader finishes it.
async fn tainted(world: &mut World) -> Result<()> {
    let scene = Scene::busy(world, spec("tainted")).await?;
    let victims: Vec<Pod> = on_node(&scene.workers(world).await?, "node-2");
    ensure!(!victims.is_empty(), "no worker is on node-2");
    let taint = ["taint", "node", "node-2", "tests/leaving=soon:NoExecute"];
    world.plane.show(&taint).await?;
    let gone = wait_gone(world, &scene, &victims).await;
    let untaint = ["taint", "node", "node-2", "tests/leaving-"];
    world.plane.kubectl(&untaint).await?.ok()?;
    gone?;
    println!("  {} workers of the tainted node went", victims.len());
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

fn on_node(pods: &[Pod], node: &str) -> Vec<Pod> {
    let is_there = |pod: &&Pod| {
        let spec = pod.spec.as_ref();
        spec.and_then(|spec| spec.node_name.as_deref()) == Some(node)
    };
    pods.iter().filter(is_there).cloned().collect()
}

async fn wait_gone(world: &World, scene: &Scene, victims: &[Pod]) -> Result<()> {
    wait::until("the victims to be gone", 240, async || {
        let pods = scene.workers(world).await?;
        let left = pods
            .iter()
            .any(|pod| victims.iter().any(|victim| victim.uid() == pod.uid()));
        Ok((!left).then_some(()))
    })
    .await
}

/// A drain that is called off: the worker that it began with works again, and nothing of it is left on the pod.
async fn uncordoned(world: &mut World) -> Result<()> {
    let scene = Scene::quiet(world, spec("given-back")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    world.plane.show(&["cordon", "node-1"]).await?;
    let victim = on_node(&scene.workers(world).await?, "node-1");
    let victim = victim.into_iter().next().context("a worker on node-1")?;
    let refusal = evict(world, &victim, false).await?;
    println!("  {}", refusal.context("the eviction was not refused")?);
    scene.wait_state(&victim, NodeState::Draining).await?;
    world.plane.show(&["uncordon", "node-1"]).await?;
    scene.wait_state(&victim, NodeState::Active).await?;
    println!("  {} is ACTIVE again", victim.name_any());
    wait::until("a pod without annotations of ours", 60, async || {
        let pods = scene.workers(world).await?;
        let same = pods.iter().find(|pod| pod.uid() == victim.uid());
        let left = same.map(ours).context("the victim is gone")?;
        Ok(left.is_empty().then_some(()))
    })
    .await?;
    scene.release(&query).await?;
    scene.end(world).await
}

/// The last worker is not drained under a running query; without one it goes, and whoever comes then finds its
/// successor.
async fn only_worker(world: &mut World) -> Result<()> {
    let spec = Spec {
        workers: 1,
        ..spec("alone")
    };
    let mut scene = Scene::quiet(world, spec).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let worker = scene.workers(world).await?.remove(0);
    for _ in 0..8 {
        let refusal = evict(world, &worker, false).await?;
        ensure!(refusal.is_some(), "the only worker went under a query");
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    ensure!(
        scene.state(&worker) == Some(NodeState::Active),
        "the only worker was drained under a query"
    );
    scene.release(&query).await?;
    let refused = super::scene::evict_until_gone(world, &worker).await?;
    println!("  the query ended; refused {refused} times more");
    world.ready(scene.namespace(), WORKERS, 1).await?;
    scene.load(2).await?;
    scene.end(world).await
}
