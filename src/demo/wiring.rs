//! The seam between the demo and the exporter: how the real one is started against the simulated
//! coordinator, and what the table reads of its snapshots. Everything else in `demo` knows only
//! the types of this file.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::simulator::Simulator;
use crate::collect::Collector;
use crate::collect::counters::Of;
use crate::core::buffers::ledger::Coverage;
use crate::core::buffers::snapshot::{Snapshot, WorkerView};
use crate::core::buffers::visibility::Visibility;
use crate::exporter::Exporter;
use crate::exporter::config::{self, Overrides, Settings};
use crate::trino::words::NodeState;

/// The exporter's own configuration file for the demo. Cycles follow each other faster than by
/// default, so that the table moves.
const CONFIG: &str = "\
coordinators:
  demo:
    url: COORDINATOR
    release: trino
    namespace: demo
workerMapping: nodeId
pollIntervalSeconds: 1
prometheus:
  url: \"\"
";

/// The port that is given up when another program has it.
const DEFAULT_PORT: u16 = 8000;

/// The running exporter.
#[derive(Debug)]
pub struct Watcher {
    collector: Collector,
    url: String,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Pod name.
    pub pod: String,
    /// What the worker says of itself.
    pub state: NodeState,
    /// What the exporter knows; `None` is unknown, never zero.
    pub held: Option<Held>,
}

/// What a worker holds, of queries that would be hurt by losing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Tasks with data in their buffers.
    pub holding: u64,
    /// Tasks whose last page awaits its confirmation.
    pub flushing: u64,
    /// Live tasks without data.
    pub empty: u64,
    /// Bytes retained.
    pub bytes: u64,
    /// Live tasks of fault-tolerant queries, which survive.
    pub external: u64,
    /// Queries with a task here that is at risk.
    pub queries: u64,
}

/// What the exporter knows at one moment, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// One row for each worker that lives.
    pub rows: Vec<Row>,
    /// Age of the oldest fact; `None` before the first complete cycle.
    pub age: Option<Duration>,
    /// `complete`, `partial` or `unknown`.
    pub coverage: &'static str,
    /// `visible`, `hidden` or `unknown`.
    pub visibility: &'static str,
    /// Why the last cycle was not whole.
    pub problem: Option<String>,
}

/// What the exporter has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Cycles that read everything.
    pub complete: u64,
    /// Cycles with a gap.
    pub others: u64,
    /// Bytes of JSON parsed, lists included.
    pub bytes: u64,
}

impl Watcher {
    /// Prepares the exporter to watch the simulated coordinator and to serve on `port`, 0 for any
    /// free one. Answers what the table reads and the exporter itself, which is still to be run.
    ///
    /// # Errors
    /// When the port can't be used.
    pub async fn prepare(
        simulator: &Simulator,
        port: u16,
        stop: &CancellationToken,
    ) -> anyhow::Result<(Self, Exporter)> {
        let exporter = match Exporter::prepare(&settings(simulator, port)?, stop).await {
            // A newcomer's port 8000 is often taken; the greeting shows the one that was found.
            Err(_) if port == DEFAULT_PORT => {
                Exporter::prepare(&settings(simulator, 0)?, stop).await?
            }
            prepared => prepared?,
        };
        let watcher = Self {
            collector: exporter.collector.clone(),
            url: exporter.url.clone(),
        };
        Ok((watcher, exporter))
    }

    /// What is known now, for the workers that live now.
    #[must_use]
    pub fn view(&self, simulator: &Simulator) -> View {
        let snapshot = self.collector.board.snapshot();
        let mut held = held_by_pod(&snapshot);
        let proven = proves_zero(&snapshot);
        let living = simulator
            .workers()
            .into_iter()
            .filter(|worker| worker.alive);
        let rows = living.map(|worker| Row {
            held: held
                .remove(&worker.name)
                .or_else(|| proven.then(Held::default)),
            pod: worker.name,
            state: worker.state,
        });
        let coordinator = snapshot.coordinators.first();
        let unknown = "unknown";
        View {
            rows: rows.collect(),
            age: coordinator
                .and_then(|c| c.as_of)
                .map(|as_of| snapshot.taken.since(as_of)),
            coverage: coordinator.map_or(unknown, |c| c.coverage.word()),
            visibility: coordinator.map_or(unknown, |c| c.visibility.word()),
            problem: coordinator
                .and_then(|c| c.problem.as_ref())
                .map(|p| p.detail.clone()),
        }
    }

    /// What can be opened in a browser, and what it is.
    #[must_use]
    pub fn urls(&self) -> [(&'static str, String); 3] {
        let url = |path| format!("{}{path}", self.url);
        [
            ("metrics", url("/metrics")),
            ("snapshot", url("/v1/snapshot")),
            ("stream", url("/v1/snapshot?watch")),
        ]
    }

    /// Where it serves.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has done so far.
    #[must_use]
    pub fn work(&self) -> Work {
        let of = of();
        let counters = &self.collector.counters;
        let cycles = |outcome| counters.cycles.get_or_create(&of.how(outcome)).get();
        Work {
            complete: cycles("complete"),
            others: cycles("partial") + cycles("unknown"),
            bytes: counters.bytes.get_or_create(&of).get(),
        }
    }
}

/// A worker that never had a task is in no snapshot made from node ids alone. A complete cycle
/// that saw every query still proves that it holds nothing.
fn proves_zero(snapshot: &Snapshot) -> bool {
    snapshot.coordinators.first().is_some_and(|coordinator| {
        coordinator.coverage == Coverage::Complete && coordinator.visibility == Visibility::Visible
    })
}

/// What the snapshot says of each pod; nothing of those where zeros would prove nothing.
fn held_by_pod(snapshot: &Snapshot) -> BTreeMap<String, Held> {
    let believed = |worker: &&WorkerView| !worker.lower_bound || worker.held.bytes > 0;
    let known = snapshot.workers.iter().filter(believed).map(|worker| {
        let held = &worker.held;
        let grades = (&held.none, &held.query);
        let row = Held {
            holding: grades.0.holding + grades.1.holding,
            flushing: grades.0.flushing + grades.1.flushing,
            empty: grades.0.empty + grades.1.empty,
            bytes: held.bytes,
            external: held.external,
            queries: held.queries,
        };
        (worker.pod.clone(), row)
    });
    known.collect()
}

/// Names the one coordinator among the exporter's own counters.
fn of() -> Of {
    Of {
        coordinator: "demo".to_owned(),
        release: "trino".to_owned(),
    }
}

/// What the exporter makes of the demo's configuration.
fn settings(simulator: &Simulator, port: u16) -> anyhow::Result<Settings> {
    let text = CONFIG.replace("COORDINATOR", &simulator.coordinator_uri());
    let overrides = Overrides {
        metrics_port: Some(port),
        ..Overrides::default()
    };
    let parsed = config::parse(&text, &overrides)
        .map_err(|problems| anyhow::anyhow!("{}", problems.in_file("the demo's configuration")))?;
    Ok(parsed.settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::simulator::SimulatorConfig;

    #[tokio::test]
    async fn the_demo_configuration_is_valid_and_names_the_simulator() {
        let simulator = Simulator::start(SimulatorConfig::default())
            .await
            .expect("sockets");
        let settings = settings(&simulator, 0).expect("valid");
        let url = settings.coordinators[0].url.as_str().trim_end_matches('/');
        assert_eq!(url, simulator.coordinator_uri());
        assert!(settings.prometheus.is_none() && settings.bind_address.is_loopback());
    }
}
