//! What is not the ordinary course: questions that must change nothing, break-glass, bounds that are reached, workers that
//! may not be drained, containers that restart in the middle of a drain.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use xtrinode::trino::words::NodeState;

use super::scene::{Scene, evict, evict_until_gone, ours, spec, spec_on_own_nodes};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Spec, WORKERS};
use crate::wait;
use crate::world::World;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-dry-run-changes-nothing",
            stage: Stage::Shared(|world| Box::pin(dry_run(world))),
        },
        Scenario {
            name: "guarded-break-glass",
            stage: Stage::Shared(|world| Box::pin(break_glass(world))),
        },
        Scenario {
            name: "guarded-max-block",
            stage: Stage::Shared(|world| Box::pin(max_block(world))),
        },
        Scenario {
            name: "guarded-container-restart-while-draining",
            stage: Stage::Shared(|world| Box::pin(restarted(world))),
        },
        Scenario {
            name: "guarded-without-drain-permission",
            stage: Stage::Shared(|world| Box::pin(relaxed(world))),
        },
        Scenario {
            name: "guarded-audit-writes-nothing",
            stage: Stage::Shared(|world| Box::pin(audit(world))),
        },
    ]
}

/// The same verdict as a real request gets, by the query and in the body, and no trace of either.
async fn dry_run(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec_on_own_nodes("dry-run")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0);
    // kubectl asks by the body, the client by the query.
    let node = victim.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let node = node.context("the victim's node")?;
    let drain = ["drain", &node, "--dry-run=server", "--timeout=3s"];
    let said = world.plane.kubectl(&drain).await?;
    say!(
        "  $ kubectl {}\n    {}",
        drain.join(" "),
        said.stderr.trim()
    );
    ensure!(
        !said.success && said.stderr.contains("holds output buffers"),
        "{said:?}"
    );
    let asked = evict(world, &victim, true)
        .await?
        .context("the dry run was allowed")?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    untouched(world, &scene).await?;
    let real = evict(world, &victim, false)
        .await?
        .context("the eviction was allowed")?;
    let start = |message: &str| message.split(" (").next().unwrap_or_default().to_owned();
    ensure!(start(&asked) == start(&real), "{asked}\n{real}");
    scene.wait_state(&victim, NodeState::Draining).await?;
    scene.release(&query).await?;
    scene.end(world).await
}

/// No pod carries anything of ours, and every worker is active.
async fn untouched(world: &World, scene: &Scene) -> Result<()> {
    for pod in scene.workers(world).await? {
        let left = ours(&pod);
        let marks: Vec<_> = left
            .iter()
            .filter(|key| !key.contains("deletion-cost"))
            .collect();
        ensure!(marks.is_empty(), "{}: {marks:?}", pod.name_any());
        ensure!(
            scene.state(&pod) == Some(NodeState::Active),
            "{} is not active",
            pod.name_any()
        );
    }
    Ok(())
}

async fn break_glass(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec("glass")).await?;
    scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0);
    ensure!(
        evict(world, &victim, false).await?.is_some(),
        "a busy worker went"
    );
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    let note = format!(
        "xtrinode.io/guard-override={};the disk below it fails",
        end.strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    let name = victim.name_any();
    world
        .plane
        .show(&["annotate", &scene.space(), "pod", &name, &note])
        .await?;
    wait::until("the broken glass to count", 10, async || {
        Ok(evict(world, &victim, false).await?.is_none().then_some(()))
    })
    .await?;
    scene.event(world, "BreakGlassUsed").await?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// The shortest that shows whether anybody waits for it.
const BOUND: Duration = Duration::from_secs(20);

async fn max_block(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec("bound")).await?;
    let bound = [
        "annotate",
        &scene.space(),
        scene.cluster.spec.workload(),
        &format!("xtrinode.io/max-block={}s", BOUND.as_secs()),
    ];
    world.plane.show(&bound).await?;
    scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0);
    let asked = Instant::now();
    let refused = evict_until_gone(world, &victim).await?;
    say!("  let go at the bound after {refused} refusals");
    // It runs from the drain's start, which the first refusal asks for.
    ensure!(asked.elapsed() >= BOUND, "let go before the bound");
    scene.event(world, "ForcedAfterMaxBlock").await?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// A new JVM knows of no drain: the leader tells it again, and what the old one proved does not count.
async fn restarted(world: &World) -> Result<()> {
    let scene = Scene::quiet(world, spec("container")).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0);
    ensure!(
        evict(world, &victim, false).await?.is_some(),
        "a busy worker went"
    );
    scene.wait_state(&victim, NodeState::Draining).await?;
    scene.simulator.cancel(&query);
    scene.simulator.kill_worker(&victim.name_any());
    wait::until("the container's successor", 60, async || {
        let pods = scene.workers(world).await?;
        let same = pods.iter().find(|pod| pod.uid() == victim.uid());
        let same = same.context("the pod went with its container")?;
        Ok((container(same) != container(&victim) && crate::world::is_ready(same)).then_some(()))
    })
    .await?;
    let refusal = evict(world, &victim, false).await?;
    say!(
        "  after the restart: {}",
        refusal.context("the new container was let go at once")?
    );
    scene.wait_state(&victim, NodeState::Draining).await?;
    let refused = evict_until_gone(world, &victim).await?;
    say!("  the new container was drained, too; refused {refused} times more");
    scene.end(world).await
}

fn container(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    status.container_id.clone()
}

/// Best effort: what is busy stays, what was seen without a task twice goes, and the verdict says what it rests on.
async fn relaxed(world: &World) -> Result<()> {
    let spec = Spec {
        may_drain: false,
        ..spec("relaxed")
    };
    let scene = Scene::quiet(world, spec).await?;
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let victim = scene.workers(world).await?.remove(0);
    for _ in 0..5 {
        let refusal = evict(world, &victim, false).await?;
        say!("  {}", refusal.context("a busy worker went")?);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    ensure!(
        scene.state(&victim) == Some(NodeState::Active),
        "drained without permission"
    );
    scene.release(&query).await?;
    let refused = evict_until_gone(world, &victim).await?;
    say!("  idle: refused {refused} times more");
    scene.event(world, "BestEffort").await?;
    world.ready(scene.namespace(), WORKERS, 5).await?;
    scene.end(world).await
}

/// Somebody else refuses what the guard lets pass, so that the pod on which a refusal is written in enforce mode stays.
async fn audit(world: &World) -> Result<()> {
    let spec = Spec {
        labels: &[("xtrinode.io/guard", "audit")],
        ..spec("audited")
    };
    let scene = Scene::quiet(world, spec).await?;
    scene.hold().await?;
    let budget = [
        "create",
        "pdb",
        "all",
        &scene.space(),
        "--selector",
        WORKERS,
        "--min-available=100%",
    ];
    world.plane.show(&budget).await?;
    let victim = scene.workers(world).await?.remove(0);
    noticed(world, &victim).await?;
    for _ in 0..5 {
        let refusal = evict(world, &victim, false).await?;
        let refusal = refusal.context("the budget let a worker go")?;
        ensure!(
            refusal.contains("disruption budget"),
            "the guard refused: {refusal}"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    untouched(world, &scene).await?;
    let name = victim.name_any();
    let delete = ["delete", "pod", &scene.space(), &name];
    let said = world.plane.kubectl(&delete).await?;
    say!(
        "  $ kubectl {}\n    {}",
        delete.join(" "),
        said.stderr.trim()
    );
    ensure!(
        said.success && said.stderr.contains("holds output buffers"),
        "{said:?}"
    );
    for pod in world.ready(scene.namespace(), WORKERS, 5).await? {
        let left = ours(&pod);
        ensure!(left.is_empty(), "{}: {left:?}", pod.name_any());
    }
    scene.end(world).await
}

/// Waits until the guard would have refused a pod's eviction for what it holds.
async fn noticed(world: &World, victim: &Pod) -> Result<()> {
    let name = victim.name_any();
    let space = format!("--namespace={}", victim.namespace().unwrap_or_default());
    let delete = ["delete", "pod", &space, &name, "--dry-run=server"];
    wait::until("a warning of what would be lost", 60, async || {
        let said = world.plane.kubectl(&delete).await?;
        Ok(said.stderr.contains("holds output buffers").then_some(()))
    })
    .await
}
