//! Real Trino under load, by its owners: a StatefulSet made smaller, and every worker of a Deployment restarted.

use anyhow::{Result, ensure};

use super::installation::{self, ENFORCE};
use crate::load::{Load, WIDE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Owner, Spec, TrinoOnPlane, WORKERS};
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
    ]
}

async fn scaled(world: &mut World) -> Result<()> {
    let (cluster, load) = busy(world, "real-set", Owner::StatefulSet).await?;
    let workload = cluster.spec.workload();
    let scale = ["scale", "--namespace=real-set", workload, "--replicas=1"];
    let refusals = world.plane.insist(&scale).await?;
    ensure!(!refusals.is_empty(), "busy workers went without a refusal");
    world.ready("real-set", WORKERS, 1).await?;
    end(world, &cluster, load).await
}

async fn restarted(world: &mut World) -> Result<()> {
    let (cluster, load) = busy(world, "real-rollout", Owner::Deployment).await?;
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

async fn busy(
    world: &mut World,
    namespace: &'static str,
    owner: Owner,
) -> Result<(TrinoOnPlane, Load)> {
    installation::patient(world).await?;
    let spec = Spec {
        labels: &[ENFORCE],
        owner,
        ..Spec::new(namespace)
    };
    let cluster = TrinoOnPlane::start(world, spec).await?;
    let load = Load::start(&cluster.client(), CLIENTS, WIDE);
    load.wait_reading(CLIENTS).await?;
    Ok((cluster, load))
}

async fn end(world: &World, cluster: &TrinoOnPlane, load: Load) -> Result<()> {
    let report = load.finish().await?;
    say!("  queries: {report}");
    ensure!(
        report.failed.is_empty() && report.wrong.is_empty(),
        "{report}"
    );
    cluster.remove(world).await
}
