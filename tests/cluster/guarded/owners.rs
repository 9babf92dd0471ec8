//! Real Trino under load, by its owners: a StatefulSet made smaller, every worker of a Deployment restarted, all workers on
//! one drained node, everything deleted; and workers that nobody may drain.

use anyhow::{Context as _, Result, ensure};

use super::installation::{self, ENFORCE};
use super::scene::{evict, evict_until_gone};
use crate::load::{Load, WIDE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{COORDINATOR, Nodes, Owner, Spec, TrinoOnPlane, WORKERS};
use crate::world::World;

const CLIENTS: usize = 3;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-real-stateful-set-scaled",
            stage: Stage::RealTrino(|world| Box::pin(scaled(world))),
        },
        Scenario {
            name: "guarded-real-rollout-restart",
            stage: Stage::RealTrino(|world| Box::pin(restarted(world))),
        },
        Scenario {
            name: "guarded-real-drain-of-all-workers",
            stage: Stage::RealTrino(|world| Box::pin(drained(world))),
        },
        Scenario {
            name: "guarded-real-deletion-of-everything",
            stage: Stage::RealTrino(|world| Box::pin(deleted(world))),
        },
        Scenario {
            name: "guarded-real-without-drain-permission",
            stage: Stage::RealTrino(|world| Box::pin(relaxed(world))),
        },
    ]
}

async fn scaled(world: &mut World) -> Result<()> {
    let spec = Spec {
        owner: Owner::StatefulSet,
        ..Spec::new("real-set")
    };
    let (cluster, load) = busy(world, spec).await?;
    let workload = cluster.spec.workload();
    let scale = ["scale", "--namespace=real-set", workload, "--replicas=1"];
    let refusals = world.plane.insist(&scale).await?;
    ensure!(!refusals.is_empty(), "busy workers went without a refusal");
    world.ready("real-set", WORKERS, 1).await?;
    end(world, &cluster, load).await
}

async fn restarted(world: &mut World) -> Result<()> {
    let (cluster, load) = busy(world, Spec::new("real-rollout")).await?;
    let (space, workload) = ("--namespace=real-rollout", cluster.spec.workload());
    world
        .plane
        .show(&["rollout", "restart", space, workload])
        .await?;
    let status = ["rollout", "status", space, workload, "--timeout=500s"];
    world.plane.show(&status).await?;
    world.ready("real-rollout", WORKERS, 3).await?;
    end(world, &cluster, load).await
}

/// One node holds every worker: they go one after another, each when its replacement serves.
async fn drained(world: &mut World) -> Result<()> {
    let spec = Spec {
        nodes: Nodes::OwnGathered,
        ..Spec::new("real-node")
    };
    let (cluster, load) = busy(world, spec).await?;
    let drain = ["drain", &cluster.spec.node(1), "--timeout=900s"];
    world.plane.show(&drain).await?;
    world.ready("real-node", WORKERS, 3).await?;
    end(world, &cluster, load).await
}

/// In Helm's order, which waits for no pod: every query still ends, the coordinator goes after the last.
async fn deleted(world: &mut World) -> Result<()> {
    let (cluster, load) = busy(world, Spec::new("real-end")).await?;
    let space = "--namespace=real-end";
    for what in [
        "service/trino",
        "deployment/trino-coordinator",
        cluster.spec.workload(),
    ] {
        let delete = ["delete", space, what, "--wait=false"];
        world.plane.show(&delete).await?;
    }
    let left = world.pods("real-end", WORKERS).await?;
    ensure!(left.len() == 3, "busy workers went with their workload");
    clean(load).await?;
    world.ready("real-end", WORKERS, 0).await?;
    world.ready("real-end", COORDINATOR, 0).await?;
    cluster.remove(world).await
}

/// Best effort: busy workers stay; without queries one that was idle twice goes.
async fn relaxed(world: &mut World) -> Result<()> {
    let spec = Spec {
        may_drain: false,
        ..Spec::new("real-relaxed")
    };
    let (cluster, load) = busy(world, spec).await?;
    let victim = world
        .pods("real-relaxed", WORKERS)
        .await?
        .into_iter()
        .next();
    let victim = victim.context("a worker")?;
    for _ in 0..5 {
        let refusal = evict(world, &victim, false).await?;
        ensure!(refusal.is_some(), "a busy worker went");
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    clean(load).await?;
    let refused = evict_until_gone(world, &victim).await?;
    say!("  without queries it went, after {refused} refusals");
    world.ready("real-relaxed", WORKERS, 3).await?;
    cluster.remove(world).await
}

async fn busy(world: &mut World, spec: Spec) -> Result<(TrinoOnPlane, Load)> {
    installation::patient(world).await?;
    let spec = Spec {
        labels: &[ENFORCE],
        ..spec
    };
    let cluster = TrinoOnPlane::start(world, spec).await?;
    let load = Load::start(&cluster.client(), CLIENTS, WIDE);
    load.wait_reading(CLIENTS).await?;
    Ok((cluster, load))
}

async fn end(world: &World, cluster: &TrinoOnPlane, load: Load) -> Result<()> {
    clean(load).await?;
    cluster.remove(world).await
}

/// Lets the queries end, none of which may fail.
async fn clean(load: Load) -> Result<()> {
    let report = load.finish().await?;
    say!("  queries: {report}");
    ensure!(
        report.failed.is_empty() && report.wrong.is_empty(),
        "{report}"
    );
    Ok(())
}
