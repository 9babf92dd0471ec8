//! The seam between the demo and the exporter: how the real one is started against the simulated
//! coordinator, and what the table reads of its snapshots. Everything else in `demo` knows only
//! the types of this file.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use http::{HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::simulator::Simulator;
use crate::collect::Collector;
use crate::collect::options::{Access, Auth, Options, Peer, Target, TlsFiles};
use crate::core::buffers::identity::Mapping;
use crate::core::buffers::ledger::Coverage;
use crate::core::buffers::snapshot::{CoordinatorSpec, Snapshot, WorkerView};
use crate::core::buffers::visibility::Visibility;
use crate::process::tasks::Tasks;
use crate::trino::words::NodeState;

/// The user as whom the exporter asks; real clusters would grant him `view` and nothing else.
const USER: &str = "trino-buffer-exporter";

/// The exporter asks this often in the demo; the default outside is longer.
const INTERVAL: Duration = Duration::from_secs(1);

/// The running exporter.
#[derive(Debug)]
pub struct Exporter {
    collector: Collector,
    /// Its long-running tasks.
    pub tasks: Tasks,
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

impl Exporter {
    /// Starts the exporter against the simulated coordinator; `stop` ends it.
    ///
    /// # Errors
    /// When the coordinator's address is no URL.
    pub fn start(simulator: &Simulator, stop: &CancellationToken) -> anyhow::Result<Self> {
        let url =
            Url::parse(&simulator.coordinator_uri()).context("the simulator's own address")?;
        let (collector, work) = Collector::prepare(&options(url), stop);
        let mut tasks = Tasks::default();
        for (name, work) in work {
            tasks.spawn(name, work);
        }
        Ok(Self { collector, tasks })
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
    pub const fn urls(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What it has done so far.
    #[must_use]
    pub fn work(&self) -> Work {
        let of = crate::collect::counters::Of::from(&spec());
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

fn spec() -> CoordinatorSpec {
    CoordinatorSpec {
        name: "demo".to_owned(),
        release: "trino".to_owned(),
        namespace: "demo".to_owned(),
    }
}

fn options(url: Url) -> Options {
    let access = Access {
        peer: Peer::Trino,
        auth: Auth::Header {
            name: HeaderName::from_static("x-trino-user"),
            value: HeaderValue::from_static(USER),
        },
        tls: TlsFiles::default(),
        timeout: Duration::from_secs(60),
        gzip: false,
        forwarded_proto: None,
    };
    Options {
        coordinators: vec![Target { spec: spec(), url }],
        trino: access,
        poll_interval: INTERVAL,
        stale_after: Duration::from_secs(300),
        max_response_bytes: 4 << 30,
        strict: false,
        mapping: Mapping::NodeId,
        kubernetes: None,
        prometheus: None,
        worker_http_port: 8080,
    }
}
