//! `--once`: one cycle of every coordinator, printed for a person or a program. Serves nothing.

use std::fmt::Write as _;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::Output;
use crate::collect::Collector;
use crate::core::buffers::wire::{WireCoordinator, WireSnapshot, WireWorker};
use crate::process::tasks::Tasks;

use super::config::Settings;
use super::options::collector_options;

/// Collects once. Returns what was found and whether everything is known.
///
/// # Errors
/// When a mapping source can't be reached at all.
pub async fn collect(settings: &Settings) -> anyhow::Result<WireSnapshot> {
    let options = collector_options(settings);
    let has_kubernetes = options.kubernetes.is_some();
    let has_prometheus = options.prometheus.is_some();
    let stop = CancellationToken::new();
    let (collector, work) = Collector::prepare(&options, &stop);
    let mut tasks = Tasks::default();
    for (name, source) in work.sources {
        tasks.spawn(name, source);
    }
    // A mapping source that does not answer in time leaves workers unmapped, which is said.
    let sources = wait_for_sources(&collector, has_kubernetes, has_prometheus);
    let _ = tokio::time::timeout(settings.request_timeout, sources).await;
    for (name, poller) in work.pollers {
        tasks.spawn(name, poller);
    }
    let (done, waiting) = (stop.clone(), collector.clone());
    tasks.spawn("first cycle", async move {
        wait(&waiting, |collector| collector.board.all_reported()).await;
        done.cancel();
        Ok(())
    });
    tasks.run(&stop, GRACE).await?;
    let snapshot = collector.board.snapshot();
    Ok(WireSnapshot::new(&snapshot, settings.source_lag))
}

/// Nothing has to be finished; connections are simply dropped.
const GRACE: Duration = Duration::from_secs(2);

async fn wait_for_sources(collector: &Collector, kubernetes: bool, prometheus: bool) {
    wait(collector, |collector| {
        let times = collector.board.source_times();
        (!kubernetes || times.kubernetes.is_some()) && (!prometheus || times.prometheus.is_some())
    })
    .await;
}

async fn wait(collector: &Collector, done: impl Fn(&Collector) -> bool) {
    let mut changes = collector.board.subscribe();
    while !done(collector) && changes.changed().await.is_ok() {}
}

/// Whether nothing is unknown: every coordinator complete and visible, every worker mapped.
#[must_use]
pub fn is_known(snapshot: &WireSnapshot) -> bool {
    snapshot.coordinators.values().all(|coordinator| {
        coordinator.state == "complete"
            && coordinator.visibility == "visible"
            && coordinator.unmapped.is_empty()
    })
}

/// What `--once` prints.
#[must_use]
pub fn render(snapshot: &WireSnapshot, output: Output) -> String {
    match output {
        Output::Table => table(snapshot),
        Output::Json => {
            // Plain data always becomes JSON.
            serde_json::to_string_pretty(snapshot).unwrap_or_default() + "\n"
        }
    }
}

fn table(snapshot: &WireSnapshot) -> String {
    let mut rows = vec![row(&[
        "COORDINATOR",
        "RELEASE",
        "STATE",
        "VISIBILITY",
        "AGE",
        "RUNNING",
        "UNMAPPED",
    ])];
    rows.extend(snapshot.coordinators.iter().map(coordinator_row));
    let mut text = columns(&rows);
    for (name, coordinator) in &snapshot.coordinators {
        if let Some(problem) = &coordinator.problem {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name}: {}", problem.detail);
        }
    }
    text.push('\n');
    if snapshot.workers.is_empty() {
        return text + "No worker is known.\n";
    }
    let mut rows = vec![row(&[
        "NAMESPACE",
        "POD",
        "RELEASE",
        "AT RISK",
        "HOLDING",
        "FLUSHING",
        "EMPTY",
        "BUFFERED",
        "PAGES",
        "EXTERNAL",
    ])];
    rows.extend(snapshot.workers.iter().map(worker_row));
    text + &columns(&rows)
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(ToString::to_string).collect()
}

fn coordinator_row((name, coordinator): (&String, &WireCoordinator)) -> Vec<String> {
    let age = coordinator.age_seconds;
    let running = coordinator.queries.get("RUNNING").copied().unwrap_or(0);
    vec![
        name.clone(),
        coordinator.release.clone(),
        coordinator.state.clone(),
        coordinator.visibility.clone(),
        age.map_or_else(|| "-".to_owned(), |age| format!("{age:.1}s")),
        running.to_string(),
        coordinator.unmapped.len().to_string(),
    ]
}

fn worker_row(worker: &WireWorker) -> Vec<String> {
    let (none, query) = (
        worker.held.tasks_at_risk.none,
        worker.held.tasks_at_risk.query,
    );
    let (holding, flushing) = (none.holding + query.holding, none.flushing + query.flushing);
    let empty = none.empty + query.empty;
    let mark = if worker.lower_bound { "+" } else { "" };
    let namespace = if worker.namespace.is_empty() {
        "-"
    } else {
        &worker.namespace
    };
    vec![
        namespace.to_owned(),
        worker.pod.clone(),
        worker.release.clone(),
        format!("{}{mark}", holding + flushing + empty),
        holding.to_string(),
        flushing.to_string(),
        empty.to_string(),
        bytes(worker.held.buffered_bytes),
        worker.held.buffered_pages.to_string(),
        worker.held.external_buffers.to_string(),
    ]
}

/// Bytes with a binary prefix.
fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// Left-aligned columns, two spaces apart.
fn columns(rows: &[Vec<String>]) -> String {
    let mut widths = vec![0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let padded = cells.map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_do_not_trail() {
        let rows = [row(&["A", "LONG", "C"]), row(&["value", "x", ""])];
        assert_eq!(columns(&rows), "A      LONG  C\nvalue  x\n");
    }

    #[test]
    fn bytes_have_a_prefix() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(34_010_033), "32.4 MiB");
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
    }

    #[test]
    fn knowing_no_worker_is_said() {
        let empty = WireSnapshot {
            schema_version: 1,
            source_lag_seconds: 3.0,
            coordinators: std::collections::BTreeMap::new(),
            workers: vec![],
        };
        assert!(render(&empty, Output::Table).ends_with("\n\nNo worker is known.\n"));
    }
}
