//! The gauges of workers and coordinators, written at scrape from a snapshot of that moment: a worker that left is
//! simply not in the next scrape, and no series can grow stale unnoticed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector as MetricCollector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::collect::Collector;
use crate::collect::board::{Board, SourceTimes};
use crate::core::buffers::holdings::{Grade, Grades};
use crate::core::buffers::identity::Method;
use crate::core::buffers::ledger::Coverage;
use crate::core::buffers::snapshot::{CoordinatorView, Snapshot, WorkerView};
use crate::core::buffers::visibility::Visibility;
use crate::core::moment::Moment;
use crate::trino::words::QueryState;

/// Writes a snapshot's gauges.
#[derive(Clone)]
pub struct Gauges {
    collector: Collector,
    source_lag: Duration,
}

impl Gauges {
    /// The gauges of what `collector` finds. `source_lag` is published as it is.
    #[must_use]
    pub const fn new(collector: Collector, source_lag: Duration) -> Self {
        Self {
            collector,
            source_lag,
        }
    }

    fn board(&self) -> &Arc<Board> {
        &self.collector.board
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

impl MetricCollector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.board().snapshot();
        let mut page = Page(&mut encoder);
        write_workers(&mut page, &snapshot.workers)?;
        write_coordinators(&mut page, &snapshot, self.source_lag)?;
        write_mapping(&mut page, &snapshot)?;
        write_sources(&mut page, snapshot.taken, self.board().source_times())?;
        write_matched(&mut page, self.collector.matched.get().as_deref())
    }
}

/// Labels of one series.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A metrics page in the making.
struct Page<'p, 'e>(&'p mut DescriptorEncoder<'e>);

impl Page<'_, '_> {
    /// Writes one gauge with all its series.
    fn gauge<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

// === Workers ===

/// Takes one number of a worker.
type Value = fn(&WorkerView) -> u64;

/// Takes a worker's grades of one retry policy.
type ByRetry = fn(&WorkerView) -> &Grades;

fn write_workers(page: &mut Page<'_, '_>, workers: &[WorkerView]) -> fmt::Result {
    let simple: [(&str, &str, Value); 5] = [
        (
            "trino_worker_output_buffered_bytes",
            "Bytes in output buffers that consumers have not taken yet",
            |worker| worker.held.bytes,
        ),
        (
            "trino_worker_output_buffered_pages",
            "Pages in output buffers that consumers have not taken yet",
            |worker| worker.held.pages,
        ),
        (
            "trino_worker_active_output_buffers",
            "Output buffers whose loss would fail or repeat a query: tasks at risk",
            |worker| worker.held.at_risk(),
        ),
        (
            "trino_worker_output_pages_sent",
            "Pages added to the output buffers of unfinished queries; Trino counts a page when it is added to the buffer",
            |worker| worker.held.pages_sent,
        ),
        (
            "trino_worker_external_buffers",
            "Live output buffers of fault-tolerant queries, whose data outlives the worker",
            |worker| worker.held.external,
        ),
    ];
    for (name, help, value) in simple {
        let series = workers.iter().filter_map(|worker| {
            let value = value(worker);
            worker
                .may_show(value)
                .then(|| (labels(worker), value as f64))
        });
        page.gauge(name, help, series)?;
    }
    write_at_risk(page, workers)
}

fn write_at_risk(page: &mut Page<'_, '_>, workers: &[WorkerView]) -> fmt::Result {
    let retries: [(&str, ByRetry); 2] = [
        ("none", |worker| &worker.held.none),
        ("query", |worker| &worker.held.query),
    ];
    let mut series = Vec::new();
    for worker in workers {
        for (retry, grades) in retries {
            for grade in Grade::ALL {
                let value = grades(worker).of(grade);
                if worker.may_show(value) {
                    let mut labels = labels(worker);
                    labels.extend([("grade", grade.word()), ("retry", retry)]);
                    series.push((labels, value as f64));
                }
            }
        }
    }
    let help = "Tasks whose loss would fail (retry none) or repeat (retry query) a query; their sum is trino_worker_active_output_buffers";
    page.gauge("trino_worker_tasks_at_risk", help, series)
}

impl WorkerView {
    /// A zero is shown only where it is known to be zero.
    const fn may_show(&self, value: u64) -> bool {
        value > 0 || self.shows_zero
    }
}

fn labels(worker: &WorkerView) -> Labels<'_> {
    vec![
        ("pod", &worker.pod),
        ("namespace", &worker.namespace),
        ("release", &worker.release),
    ]
}

// === Coordinators ===

fn write_coordinators(
    page: &mut Page<'_, '_>,
    snapshot: &Snapshot,
    source_lag: Duration,
) -> fmt::Result {
    let all = &snapshot.coordinators;
    let ago = |moment: Moment| snapshot.taken.since(moment).as_secs_f64();
    let each = |value: &dyn Fn(&CoordinatorView) -> Option<f64>| {
        let row = |view| value(view).map(|value| (owner(view), value));
        all.iter().filter_map(row).collect::<Vec<_>>()
    };
    page.gauge(
        "trino_buffer_exporter_up",
        "1 when the last query list was read",
        each(&|view| view.up.map(|up| f64::from(u8::from(up)))),
    )?;
    page.gauge(
        "trino_buffer_exporter_snapshot_age_seconds",
        "Age of the oldest fact of the last complete cycle; absent before the first",
        each(&|view| view.as_of.map(ago)),
    )?;
    page.gauge(
        "trino_buffer_exporter_last_success_age_seconds",
        "Time since the last complete cycle ended; absent before the first",
        each(&|view| view.completed.map(ago)),
    )?;
    let clock = unix_seconds();
    page.gauge(
        "trino_buffer_exporter_last_success_timestamp_seconds",
        "When the last complete cycle ended, in seconds since 1970; absent before the first",
        each(&|view| view.completed.map(|moment| clock - ago(moment))),
    )?;
    page.gauge(
        "trino_buffer_exporter_source_lag_seconds",
        "How long Trino may hold back news of tasks: true age is at most age plus this",
        each(&|_| Some(source_lag.as_secs_f64())),
    )?;
    page.gauge(
        "trino_buffer_exporter_queries_listed",
        "Queries in the last list, finished ones included",
        each(&|view| view.up?.then(|| view.by_state.values().sum::<u64>() as f64)),
    )?;
    write_states(page, all)
}

/// The wall clock, for the one gauge that dashboards convert to a date; ages come from the monotonic clock.
fn unix_seconds() -> f64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0.0, |time| time.as_secs_f64())
}

fn write_states(page: &mut Page<'_, '_>, all: &[CoordinatorView]) -> fmt::Result {
    let state = all.iter().flat_map(|view| {
        Coverage::ALL.map(|state| flag(view, "state", state.word(), view.coverage == state))
    });
    page.gauge(
        "trino_buffer_exporter_coordinator_state",
        "1 for how much is known: complete, partial (the last cycle had a gap) or unknown",
        state,
    )?;
    let visibility = all.iter().flat_map(|view| {
        Visibility::ALL.map(|state| flag(view, "state", state.word(), view.visibility == state))
    });
    page.gauge(
        "trino_buffer_exporter_visibility",
        "1 for whether the query list is proven to show everything: visible, hidden or unknown",
        visibility,
    )?;
    write_queries(page, all)
}

fn write_queries(page: &mut Page<'_, '_>, all: &[CoordinatorView]) -> fmt::Result {
    let up = all.iter().filter(|view| view.up == Some(true));
    let series = up.flat_map(|view| {
        UNFINISHED.map(|state| {
            let count = view.by_state.get(&state).copied().unwrap_or(0);
            let mut labels = owner(view);
            labels.push(("state", state.word()));
            (labels, count as f64)
        })
    });
    page.gauge(
        "trino_buffer_exporter_queries",
        "Unfinished queries in the last list, by Trino's state",
        series,
    )
}

/// The states of queries that have not ended.
const UNFINISHED: [QueryState; 8] = [
    QueryState::Queued,
    QueryState::WaitingForResources,
    QueryState::Dispatching,
    QueryState::Planning,
    QueryState::Starting,
    QueryState::Running,
    QueryState::Finishing,
    QueryState::Unknown,
];

// === Mapping ===

fn write_mapping(page: &mut Page<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let unmapped = snapshot.coordinators.iter();
    page.gauge(
        "trino_buffer_exporter_unmapped_workers",
        "Workers whose pod is not known; published under their host",
        unmapped.map(|view| (owner(view), view.unmapped.len() as f64)),
    )?;
    let by_method = snapshot.coordinators.iter().flat_map(|view| {
        Method::ALL.map(|method| {
            let same = |w: &&WorkerView| w.coordinator == view.spec.name && w.method == method;
            let mut labels = owner(view);
            labels.push(("method", method.word()));
            (labels, snapshot.workers.iter().filter(same).count() as f64)
        })
    });
    page.gauge(
        "trino_buffer_exporter_mapped_workers",
        "Published workers by what found their pod",
        by_method,
    )
}

fn write_sources(page: &mut Page<'_, '_>, now: Moment, times: SourceTimes) -> fmt::Result {
    let sources = [
        ("kubernetes", times.kubernetes),
        ("prometheus", times.prometheus),
    ];
    let answered = sources.into_iter().filter_map(|(source, time)| {
        Some((vec![("source", source)], now.since(time?).as_secs_f64()))
    });
    page.gauge(
        "trino_buffer_exporter_mapping_source_age_seconds",
        "Time since a mapping source answered or changed; absent before it has",
        answered,
    )
}

fn write_matched(page: &mut Page<'_, '_>, metric: Option<&str>) -> fmt::Result {
    let series = metric.iter().map(|name| (vec![("metric", *name)], 1.0));
    page.gauge(
        "trino_buffer_exporter_mapping_metric",
        "1 for the Prometheus metric by which workers are mapped",
        series,
    )
}

fn owner(view: &CoordinatorView) -> Labels<'_> {
    vec![
        ("coordinator", &view.spec.name),
        ("release", &view.spec.release),
    ]
}

fn flag<'a>(
    view: &'a CoordinatorView,
    name: &'static str,
    word: &'static str,
    on: bool,
) -> (Labels<'a>, f64) {
    let mut labels = owner(view);
    labels.push((name, word));
    (labels, f64::from(u8::from(on)))
}
