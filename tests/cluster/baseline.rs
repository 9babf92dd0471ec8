//! What voluntary disruptions do to running queries, by one script for both cases: without the guard they fail, with it
//! none may. Prints what it does and what it took.

use std::time::Instant;

use anyhow::{Result, ensure};

use kube::ResourceExt as _;
use xtrinode::demo::simulator::{Client, QuerySpec};
use xtrinode::trino::words::QueryState;

use crate::load::{Load, Report, WIDE};
use crate::runner::{Scenario, Stage};
use crate::simulated_load::SimulatedLoad;
use crate::story::say;
use crate::trino_on_plane::{Spec, TrinoOnPlane, WORKERS};
use crate::wait;
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
            stage: Stage::RealTrino(|world| Box::pin(unguarded(world, Disruption::Drain))),
        },
        Scenario {
            name: "baseline-scale-down-kills",
            stage: Stage::RealTrino(|world| Box::pin(unguarded(world, Disruption::ScaleDown))),
        },
        Scenario {
            name: "baseline-simulated-deletions-kill",
            stage: Stage::Shared(|world| Box::pin(simulated(world))),
        },
    ]
}

/// What happens to a cluster of three workers under load.
#[derive(Clone, Copy, Debug)]
pub enum Disruption {
    /// `kubectl drain` of two nodes with a busy worker each.
    Drain,
    /// `kubectl scale` from three workers to one, asked for again as long as it is refused.
    ScaleDown,
}

async fn unguarded(world: &mut World, disruption: Disruption) -> Result<()> {
    let cluster = TrinoOnPlane::start(world, Spec::new("baseline")).await?;
    let Report { failed, wrong, .. } = under_load(world, &cluster, disruption).await?;
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
    match disruption {
        // The next scenario goes on with it.
        Disruption::Drain => Ok(()),
        Disruption::ScaleDown => cluster.remove(world).await,
    }
}

/// The same of simulated clusters, which the great numbers of disruptions are tried on: nothing fails by itself, and an
/// ordinary deletion of a busy worker fails queries.
async fn simulated(world: &World) -> Result<()> {
    let spec = Spec {
        simulated: true,
        workers: 8,
        ..Spec::new("simulated")
    };
    let cluster = TrinoOnPlane::start(world, spec).await?;
    let simulator = cluster.simulator(world).await?;
    let load = SimulatedLoad::start(&simulator, 12);
    load.wait_finished(24).await?;
    let quiet = load.so_far();
    ensure!(quiet.failed.is_empty() && quiet.wrong.is_empty(), "{quiet}");
    // One whose client has stopped reading: it holds data on every worker, however quick the others are.
    let held = simulator.submit(QuerySpec {
        client: Client::Held,
        ..QuerySpec::default()
    });
    let state = |wanted| (simulator.query_state(&held) == Some(wanted)).then_some(());
    wait::until("a query that holds data", 30, async || {
        Ok(state(QueryState::Running))
    })
    .await?;
    let workers = world.pods("simulated", WORKERS).await?;
    let victims = [workers[0].name_any(), workers[1].name_any()];
    let arguments = ["delete", "pod", "-n=simulated", &victims[0], &victims[1]];
    world.plane.show(&arguments).await?;
    world.ready("simulated", WORKERS, 8).await?;
    let report = load.finish().await?;
    say!("  two of eight simulated workers deleted: {report}");
    ensure!(report.wrong.is_empty(), "{report}");
    wait::until("the end of the query that held data", 120, async || {
        Ok(state(QueryState::Failed))
    })
    .await?;
    let failure = simulator.query(&held).and_then(|query| query.failure);
    let failure = failure.map_or("", |failure| failure.name);
    say!("  the query that held data: {failure}");
    ensure!(LOST_WORKER.contains(&failure), "{failure}");
    cluster.remove(world).await
}

/// The script: clients read, the disruption begins when each is in the middle of a result and ends, clients read to the
/// end.
pub async fn under_load(
    world: &World,
    cluster: &TrinoOnPlane,
    disruption: Disruption,
) -> Result<Report> {
    let load = Load::start(&cluster.client(), CLIENTS, WIDE);
    load.wait_reading(CLIENTS).await?;
    let begun = Instant::now();
    match disruption {
        Disruption::Drain => drain(world).await?,
        Disruption::ScaleDown => scale_down(world, cluster).await?,
    }
    let took = begun.elapsed();
    let report = load.finish().await?;
    say!(
        "  {disruption:?}: {:.1} s; queries: {report}",
        took.as_secs_f64()
    );
    Ok(report)
}

async fn drain(world: &World) -> Result<()> {
    let arguments = ["drain", "node-1", "node-2", "--timeout=600s"];
    world.plane.show(&arguments).await
}

async fn scale_down(world: &World, cluster: &TrinoOnPlane) -> Result<()> {
    let namespace = format!("--namespace={}", cluster.spec.namespace);
    let arguments = ["scale", &namespace, cluster.spec.workload(), "--replicas=1"];
    world.plane.insist(&arguments).await?;
    world.ready(cluster.spec.namespace, WORKERS, 1).await?;
    Ok(())
}
