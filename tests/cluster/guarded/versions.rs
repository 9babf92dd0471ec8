//! The other wire shape: Trino 482 under load, drained, made less, and a worker deleted. Nothing fails.

use anyhow::{Result, ensure};
use kube::ResourceExt as _;

use super::installation::{self, ENFORCE};
use crate::baseline::{Disruption, under_load};
use crate::load::{Load, WIDE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino::Version;
use crate::trino_on_plane::{Spec, TrinoOnPlane, WORKERS};
use crate::world::World;

const NAMESPACE: &str = "flat";

/// Clients that read while a worker is deleted.
const CLIENTS: usize = 3;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-482-drain",
            stage: Stage::RealTrino(|world| Box::pin(disrupted(world, Disruption::Drain))),
        },
        Scenario {
            name: "guarded-482-scale-down",
            stage: Stage::RealTrino(|world| Box::pin(disrupted(world, Disruption::ScaleDown))),
        },
        // Last: it takes the cluster away.
        Scenario {
            name: "guarded-482-pod-deletion",
            stage: Stage::RealTrino(|world| Box::pin(deleted(world))),
        },
    ]
}

/// One cluster for all three.
async fn cluster(world: &mut World) -> Result<TrinoOnPlane> {
    installation::patient(world).await?;
    let spec = Spec {
        labels: &[ENFORCE],
        version: Version::Flat,
        ..Spec::new(NAMESPACE)
    };
    TrinoOnPlane::start(world, spec).await
}

async fn disrupted(world: &mut World, disruption: Disruption) -> Result<()> {
    let cluster = cluster(world).await?;
    let report = under_load(world, &cluster, disruption).await?;
    ensure!(
        report.failed.is_empty() && report.wrong.is_empty(),
        "{report}"
    );
    Ok(())
}

async fn deleted(world: &mut World) -> Result<()> {
    let cluster = cluster(world).await?;
    let load = Load::start(&cluster.client(), CLIENTS, WIDE);
    load.wait_reading(CLIENTS).await?;
    let victim = world.ready(NAMESPACE, WORKERS, 3).await?.remove(0);
    let space = format!("--namespace={NAMESPACE}");
    let name = victim.name_any();
    let refusals = world
        .plane
        .insist(&["delete", "pod", &space, &name])
        .await?;
    ensure!(!refusals.is_empty(), "a busy worker went without a refusal");
    let report = load.finish().await?;
    say!("  a worker deleted: {report}");
    ensure!(
        report.failed.is_empty() && report.wrong.is_empty(),
        "{report}"
    );
    world.ready(NAMESPACE, WORKERS, 3).await?;
    cluster.remove(world).await
}
