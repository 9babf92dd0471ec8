//! What nodes do to their workers: a drain with busy, idle and flushing workers on them, taint-based eviction, and a drain
//! that somebody thinks better of.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use xtrinode::trino::words::NodeState;

use super::scene::{
    Scene, evict, evict_until_gone, ours, spec, spec_on_one_node, spec_on_own_nodes,
};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Spec, WORKERS};
use crate::wait;
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-drain-of-many-workers",
            stage: Stage::Shared(|world| Box::pin(drain(world))),
        },
        Scenario {
            name: "guarded-drain-of-all-workers",
            stage: Stage::Shared(|world| Box::pin(drain_of_all(world))),
        },
        Scenario {
            name: "guarded-drain-of-idle-workers",
            stage: Stage::Shared(|world| Box::pin(idle(world))),
        },
        Scenario {
            name: "guarded-taint-based-eviction",
            stage: Stage::Shared(|world| Box::pin(tainted(world))),
        },
        Scenario {
            name: "guarded-uncordon-gives-workers-back",
            stage: Stage::Shared(|world| Box::pin(uncordoned(world))),
        },
        Scenario {
            name: "guarded-only-worker",
            stage: Stage::Shared(|world| Box::pin(only_worker(world))),
        },
    ]
}

async fn drain(world: &World) -> Result<()> {
    let spec = Spec {
        workers: 8,
        ..spec_on_own_nodes("drained")
    };
    let scene = Scene::busy(world, spec).await?;
    let spec = &scene.cluster.spec;
    let arguments = ["drain", &spec.node(1), &spec.node(2), "--timeout=600s"];
    world.plane.show(&arguments).await?;
    world.ready(scene.namespace(), WORKERS, 8).await?;
    scene.end(world).await
}

/// One node holds every worker: they go one after another, each when its replacement serves.
async fn drain_of_all(world: &World) -> Result<()> {
    let scene = Scene::busy(world, spec_on_one_node("gathered")).await?;
    let node = scene.cluster.spec.node(1);
    let there = on_node(&scene.workers(world).await?, &node);
    ensure!(there.len() == 3, "{} workers are on {node}", there.len());
    let drain = ["drain", &node, "--timeout=600s"];
    world.plane.show(&drain).await?;
    world.ready(scene.namespace(), WORKERS, 3).await?;
    scene.end(world).await
}

/// Without a query there is nothing to wait for but the drain itself.
async fn idle(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec_on_own_nodes("idle")).await?;
    let node = scene.cluster.spec.node(1);
    let drain = ["drain", &node, "--timeout=600s"];
    world.plane.show(&drain).await?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// The taint-eviction controller tries five times within a moment and never again: the guard's leader finishes it.
async fn tainted(world: &World) -> Result<()> {
    let scene = Scene::busy(world, spec_on_own_nodes("tainted")).await?;
    let node = scene.cluster.spec.node(2);
    let victims: Vec<Pod> = on_node(&scene.workers(world).await?, &node);
    ensure!(!victims.is_empty(), "no worker is on {node}");
    let taint = ["taint", "node", &node, "tests/leaving=soon:NoExecute"];
    world.plane.show(&taint).await?;
    wait_gone(world, &scene, &victims).await?;
    say!("  {} workers of the tainted node went", victims.len());
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
async fn uncordoned(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec_on_own_nodes("given-back")).await?;
    let node = scene.cluster.spec.node(1);
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    world.plane.show(&["cordon", &node]).await?;
    let victim = on_node(&scene.workers(world).await?, &node);
    let victim = victim.into_iter().next();
    let victim = victim.context("a worker on the cordoned node")?;
    let refusal = evict(world, &victim, false).await?;
    say!("  {}", refusal.context("the eviction was not refused")?);
    scene.wait_state(&victim, NodeState::Draining).await?;
    world.plane.show(&["uncordon", &node]).await?;
    scene.wait_state(&victim, NodeState::Active).await?;
    say!("  {} is ACTIVE again", victim.name_any());
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

/// The last worker is not drained under a running query. Without one it is, and works again when one comes; it goes when
/// nobody needs it.
async fn only_worker(world: &World) -> Result<()> {
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
        refusal.context("the only worker went under a query")?;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    ensure!(
        scene.state(&worker) == Some(NodeState::Active),
        "the only worker was drained under a query"
    );
    scene.release(&query).await?;
    scene.wait_state(&worker, NodeState::Draining).await?;
    scene.load(2).await?;
    ensure!(
        scene.state(&worker) == Some(NodeState::Active),
        "queries ended on a worker that drains"
    );
    say!("  it drained when the query ended, and works again for the next ones");
    scene.calm().await?;
    let refused = evict_until_gone(world, &worker).await?;
    say!("  they ended; refused {refused} times more");
    world.ready(scene.namespace(), WORKERS, 1).await?;
    scene.load(2).await?;
    scene.end(world).await
}
