//! What voluntary disruptions do to running queries, by one script for both cases: without the guard they fail, with it
//! none may. Prints what it does and what it took.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::load::{Load, Report, WIDE};
use crate::runner::{Scenario, Stage};
use crate::trino_on_plane::{Spec, TrinoOnPlane};
use crate::world::World;

/// Clients that read while the disruption goes on.
const CLIENTS: usize = 4;

/// By these names Trino fails a query that has lost a worker.
const LOST_WORKER: [&str; 4] = [
    "REMOTE_HOST_GONE",
    "PAGE_TRANSPORT_TIMEOUT",
    "PAGE_TRANSPORT_ERROR",
    "REMOTE_TASK_MISMATCH",
];

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "baseline-drain-kills",
            stage: Stage::Plane(|world| Box::pin(unguarded(world, Disruption::Drain))),
        },
        Scenario {
            name: "baseline-scale-down-kills",
            stage: Stage::Plane(|world| Box::pin(unguarded(world, Disruption::ScaleDown))),
        },
    ]
}

/// What happens to a cluster of three workers under load.
#[derive(Clone, Copy, Debug)]
pub enum Disruption {
    /// `kubectl drain` of two nodes with a busy worker each.
    Drain,
    /// `kubectl scale` from three workers to one.
    ScaleDown,
}

/// How it went.
pub struct Outcome {
    pub report: Report,
    /// From the command to its end, and for a scale-down to the last victim's end.
    pub took: Duration,
}

async fn unguarded(world: &mut World, disruption: Disruption) -> Result<()> {
    let cluster = TrinoOnPlane::start(world, Spec::new("baseline")).await?;
    let outcome = under_load(world, &cluster, disruption).await?;
    let Report { failed, wrong, .. } = &outcome.report;
    ensure!(wrong.is_empty(), "{wrong:?}");
    ensure!(
        !failed.is_empty(),
        "no query failed, so the guard would prove nothing"
    );
    ensure!(
        failed
            .iter()
            .any(|failure| LOST_WORKER.contains(&failure.name.as_str())),
        "{failed:?}"
    );
    Ok(())
}

/// The script: clients read, the disruption begins when each is in the middle of a result and ends, clients read to the
/// end.
pub async fn under_load(
    world: &World,
    cluster: &TrinoOnPlane,
    disruption: Disruption,
) -> Result<Outcome> {
    let load = Load::start(&cluster.client(), CLIENTS, WIDE);
    load.wait_reading(CLIENTS).await?;
    let begun = Instant::now();
    match disruption {
        Disruption::Drain => drain(world).await?,
        Disruption::ScaleDown => scale_down(world, cluster).await?,
    }
    let took = begun.elapsed();
    let report = load.finish().await?;
    println!(
        "  {disruption:?}: {:.1} s; queries: {report}",
        took.as_secs_f64()
    );
    Ok(Outcome { report, took })
}

async fn drain(world: &World) -> Result<()> {
    let arguments = ["drain", "node-1", "node-2", "--timeout=600s"];
    world.plane.show(&arguments).await
}

async fn scale_down(world: &World, cluster: &TrinoOnPlane) -> Result<()> {
    let namespace = format!("--namespace={}", cluster.spec.namespace);
    let arguments = ["scale", &namespace, cluster.spec.workload(), "--replicas=1"];
    world.plane.show(&arguments).await?;
    world
        .ready(cluster.spec.namespace, crate::trino_on_plane::WORKERS, 1)
        .await?;
    Ok(())
}
