//! A task that never ends and that no query knows: Trino's drain waits for it without end, the guard does not.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt as _;
use xtrinode::trino::words::NodeState;

use super::installation::{self, NAMESPACE, REPLICAS};
use super::scene::{Scene, evict, evict_until_gone, spec};
use crate::http;
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Spec, WORKERS};
use crate::world::World;

/// Of the guard's own figures.
const ADMIN_PORT: u16 = 9090;

/// Longer than an idle worker takes from ACTIVE to DRAINED, which the others of the cluster show.
const LEAK_AFTER_SECONDS: u32 = 25;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-leaked-task",
        stage: Stage::Plane(|world| Box::pin(leaked(world))),
    }]
}

async fn leaked(world: &mut World) -> Result<()> {
    let mut values = installation::values();
    values["bounds"]["leakAfterSeconds"] = LEAK_AFTER_SECONDS.into();
    installation::with(world, values).await?;
    // Of eight two may drain at once.
    let spec = Spec {
        workers: 8,
        ..spec("leaked")
    };
    let scene = Scene::without_guard(world, spec).await?;
    let mut workers = scene.workers(world).await?;
    let (sound, victim) = (workers.remove(0), workers.remove(0));
    ensure!(scene.simulator.leak_task(&victim.name_any()));
    // With a task that a query knows it stays, however long it drains: the clock of a leak begins when that has ended.
    let query = scene.hold().await?;
    scene.wait_seen(world).await?;
    let before = allowed(world).await?;
    let refusal = evict(world, &victim, false).await?;
    say!("  {}", refusal.context("a busy worker went")?);
    scene.wait_state(&victim, NodeState::Draining).await?;
    scene.release(&query).await?;
    let refused = evict_until_gone(world, &sound).await?;
    say!("  a sound worker: refused {refused} times, then DRAINED");
    ensure!(
        scene.state(&victim) == Some(NodeState::Draining),
        "the leak did not hold its worker"
    );
    ensure!(
        allowed(world).await? == before,
        "a leak was taken for granted"
    );
    let refused = evict_until_gone(world, &victim).await?;
    say!("  the other: refused {refused} times, and never DRAINED");
    ensure!(
        allowed(world).await? == before + 1,
        "it did not go as a leak"
    );
    world.ready(scene.namespace(), WORKERS, 8).await?;
    scene.end(world).await
}

/// How many evictions of leaked tasks' workers all replicas have allowed, by their own figures.
async fn allowed(world: &World) -> Result<u64> {
    let mut sum = 0;
    for replica in world.ready(NAMESPACE, REPLICAS, 2).await? {
        let address = replica.status.and_then(|status| status.pod_ip);
        let address = address.context("a replica's address")?;
        let url = format!("http://{address}:{ADMIN_PORT}/metrics");
        let metrics = http::get(&url, &[]).await?.body;
        let counts = metrics.lines().filter(|line| {
            line.starts_with("xtrinode_guard_verdicts_total{")
                && line.contains("verdict=\"allow\"")
                && line.contains("reason=\"LeakedTasks\"")
        });
        for line in counts {
            let count = line.rsplit(' ').next().unwrap_or_default();
            sum += count.parse::<u64>().with_context(|| line.to_owned())?;
        }
    }
    Ok(sum)
}
