//! Scenarios of the exporter on a real cluster: what it publishes is what the workers say, at every stage of a
//! query's life and through failures.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xtrinode::core::buffers::wire::{WireGrades, WireSnapshot};

use crate::client::Statement;
use crate::exporter::{Exporter, all_at_risk, at_risk, coordinator, figures, is_whole, worker};
use crate::harness::hold_full;
use crate::runner::{Scenario, Stage};
use crate::trino::Cluster;
use crate::trino_config::{ADMIN, BLIND, VIEWER};
use crate::{tool, worker_truth};

/// Fits into the coordinator's buffers: all tasks end while the client still has to fetch.
const SMALL: &str = "SELECT * FROM lineitem LIMIT 40000";

/// Runs for minutes; every scenario that starts it cancels it.
const LONG: &str = "SELECT sum(sqrt(a.extendedprice * b.totalprice)) FROM lineitem a CROSS JOIN tpch.sf10.orders b";

/// One worker has less to scan than its buffer holds and ends before its client has fetched everything.
const UNEVEN: &str =
    "SELECT l.*, rpad('', 2000, l.comment) FROM lineitem l WHERE l.orderkey % 3 = 0";

/// Queries tried until a task stays FLUSHING.
const TRIES: usize = 5;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "exporter-equals-workers",
            stage: Stage::Trino(|c| Box::pin(equals_workers(c))),
        },
        Scenario {
            name: "exporter-follows-a-query-to-its-end",
            stage: Stage::Trino(|c| Box::pin(to_the_end(c))),
        },
        Scenario {
            name: "exporter-finishing-is-not-at-risk",
            stage: Stage::Trino(|c| Box::pin(finishing(c))),
        },
        Scenario {
            name: "exporter-retry-policies",
            stage: Stage::Trino(|c| Box::pin(retry_policies(c))),
        },
        Scenario {
            name: "exporter-blind-user",
            stage: Stage::Trino(|c| Box::pin(blind_user(c))),
        },
        Scenario {
            name: "exporter-without-metrics-permission",
            stage: Stage::Trino(|c| Box::pin(by_worker_status(c))),
        },
        Scenario {
            name: "exporter-dead-worker",
            stage: Stage::Trino(|c| Box::pin(dead_worker(c))),
        },
        Scenario {
            name: "exporter-restarted-coordinator",
            stage: Stage::Trino(|c| Box::pin(restarted(c))),
        },
    ]
}

/// Two workers, both with bytes.
fn both_hold(snapshot: &WireSnapshot) -> bool {
    is_whole(snapshot)
        && snapshot.workers.len() == 2
        && snapshot.workers.iter().all(|w| w.held.buffered_bytes > 0)
}

/// Whether each worker's figures are its own. The coordinator's copy is up to 3 s old, so a caller waits for it.
async fn agree(cluster: &Cluster, exporter: &Exporter) -> Result<Option<WireSnapshot>> {
    let snapshot = exporter.fresh().await?;
    for node in &cluster.workers {
        let truth = worker_truth::at_risk(node).await?;
        if worker(&snapshot, node).map(figures) != Some(truth) {
            return Ok(None);
        }
    }
    Ok(Some(snapshot))
}

async fn equals_workers(cluster: &mut Cluster) -> Result<()> {
    let exporter = Exporter::start(cluster, ADMIN, "").await?;
    let mut statement = hold_full(cluster, VIEWER).await?;
    exporter
        .until("bytes on both workers", 60, both_hold)
        .await?;
    let snapshot = crate::wait::until("the workers' own figures", 60, async || {
        agree(cluster, &exporter).await
    })
    .await?;
    for node in &cluster.workers {
        let shown = worker(&snapshot, node).context("a worker")?;
        let sent = worker_truth::pages_sent(node).await?[&statement.id];
        ensure!(shown.held.pages_sent == sent, "{shown:?} {sent}");
        ensure!(shown.addresses == [node.host_and_port()]);
        ensure!((shown.release.as_str(), shown.namespace.as_str()) == ("blue", "trino"));
    }
    ensure!(coordinator(&snapshot)?.version.as_deref() == Some(cluster.version.number()));
    tool::check_metrics(&exporter.metrics().await?)?;
    let rows = statement.finish().await?;
    ensure!(rows == 60_175, "{rows}");
    let idle = |s: &WireSnapshot| is_whole(s) && s.workers.len() == 2 && all_at_risk(s) == 0;
    let snapshot = exporter.until("both workers at zero", 60, idle).await?;
    ensure!(snapshot.workers.iter().all(|w| w.held.buffered_bytes == 0));
    Ok(())
}

/// Fetches page by page until a task stays FLUSHING while nobody fetches: it is at risk then. To the end: nothing is.
async fn to_the_end(cluster: &mut Cluster) -> Result<()> {
    let exporter = Exporter::start(cluster, ADMIN, "").await?;
    for _ in 0..TRIES {
        let mut statement = cluster.client(VIEWER).hold(UNEVEN).await?;
        let seen = flush_seen(cluster, &exporter, &mut statement).await?;
        statement.finish().await?;
        if seen {
            let idle = |s: &WireSnapshot| is_whole(s) && all_at_risk(s) == 0;
            exporter.until("nothing at risk", 60, idle).await?;
            return Ok(());
        }
    }
    bail!("no task stayed FLUSHING in {TRIES} tries")
}

/// Whether a task stayed FLUSHING long enough to be compared; fails where it was and the exporter does not show it.
async fn flush_seen(
    cluster: &Cluster,
    exporter: &Exporter,
    statement: &mut Statement,
) -> Result<bool> {
    while statement.fetch().await? {
        if flushing(cluster, &statement.id).await? == 0 {
            continue;
        }
        // Trino's own copy of its tasks may be 3 s old.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let snapshot = exporter.fresh().await?;
        let still = flushing(cluster, &statement.id).await?;
        if still > 0 {
            ensure!(
                all_at_risk(&snapshot) >= still,
                "{still} FLUSHING: {snapshot:#?}"
            );
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tasks of a query that their workers call FLUSHING.
async fn flushing(cluster: &Cluster, query: &str) -> Result<u64> {
    let mut count = 0;
    for node in &cluster.workers {
        let tasks = worker_truth::tasks(node).await?;
        let ours = tasks.iter().filter(|task| task.query == query);
        count += ours.filter(|task| task.state == "FLUSHING").count() as u64;
    }
    Ok(count)
}

async fn finishing(cluster: &mut Cluster) -> Result<()> {
    let exporter = Exporter::start(cluster, ADMIN, "").await?;
    let mut statement = cluster.client(VIEWER).hold(SMALL).await?;
    let finishing = |s: &WireSnapshot| {
        let listed = coordinator(s).ok().and_then(|c| c.queries.get("FINISHING"));
        is_whole(s) && listed == Some(&1) && all_at_risk(s) == 0
    };
    // Its rest lies in the coordinator; Trino's own copy of its tasks may be 3 s old.
    exporter
        .until("a FINISHING query, not at risk", 60, finishing)
        .await?;
    let metrics = exporter.metrics().await?;
    let line =
        "trino_buffer_exporter_queries{coordinator=\"c\",release=\"blue\",state=\"FINISHING\"} 1";
    ensure!(
        metrics.contains(line),
        "FINISHING counts as unfinished:\n{metrics}"
    );
    statement.cancel().await
}

async fn retry_policies(cluster: &mut Cluster) -> Result<()> {
    let exporter = Exporter::start(cluster, ADMIN, "").await?;
    let as_a_whole = cluster.client(VIEWER).with("retry_policy", "QUERY");
    let mut statement = as_a_whole.submit(LONG).await?;
    statement.fetch().await?;
    let recoverable = |s: &WireSnapshot| {
        s.workers
            .iter()
            .any(|w| w.held.tasks_at_risk.query != WireGrades::default())
    };
    let snapshot = exporter
        .until("tasks of a query with retry QUERY", 60, recoverable)
        .await?;
    let none = snapshot.workers.iter().map(|w| w.held.tasks_at_risk.none);
    ensure!(none.clone().all(|grades| grades == WireGrades::default()));
    as_a_whole.kill(&statement.id).await?;
    let task_by_task = cluster.client(VIEWER).with("retry_policy", "TASK");
    let mut statement = task_by_task.submit(LONG).await?;
    statement.fetch().await?;
    let external = |s: &WireSnapshot| s.workers.iter().any(|w| w.held.external_buffers > 0);
    let snapshot = exporter.until("external buffers", 60, external).await?;
    ensure!(
        all_at_risk(&snapshot) == 0,
        "nothing of it can be lost: {snapshot:#?}"
    );
    ensure!(snapshot.workers.iter().all(|w| w.held.buffered_bytes == 0));
    task_by_task.kill(&statement.id).await?;
    Ok(())
}

/// The list is empty with status 200; the coordinator's own count gives it away.
async fn blind_user(cluster: &mut Cluster) -> Result<()> {
    let mut statement = hold_full(cluster, VIEWER).await?;
    let exporter = Exporter::start(cluster, BLIND, "").await?;
    let snapshot = exporter.fresh().await?;
    ensure!(
        coordinator(&snapshot)?.visibility != "visible",
        "{snapshot:#?}"
    );
    let metrics = exporter.metrics().await?;
    ensure!(
        !metrics.contains("trino_worker_"),
        "not even a zero:\n{metrics}"
    );
    statement.cancel().await
}

/// This user may see queries but not metrics: workers' status is the second source.
async fn by_worker_status(cluster: &mut Cluster) -> Result<()> {
    let mut statement = hold_full(cluster, VIEWER).await?;
    let exporter = Exporter::start(cluster, VIEWER, "").await?;
    exporter
        .until("proof by the workers' own status", 60, both_hold)
        .await?;
    statement.cancel().await
}

async fn dead_worker(cluster: &mut Cluster) -> Result<()> {
    let exporter = Exporter::start(cluster, ADMIN, "").await?;
    let mut statement = hold_full(cluster, VIEWER).await?;
    exporter
        .until("bytes on both workers", 60, both_hold)
        .await?;
    cluster.workers[1].kill()?;
    let snapshot = exporter.fresh().await?;
    let dead = worker(&snapshot, &cluster.workers[1]).context("its query lives")?;
    ensure!(
        at_risk(dead) > 0,
        "what it held is not given up yet: {dead:?}"
    );
    statement.cancel().await?;
    let over = |s: &WireSnapshot| is_whole(s) && all_at_risk(s) == 0;
    exporter
        .until("its facts to go with its query", 60, over)
        .await?;
    Ok(())
}

async fn restarted(cluster: &mut Cluster) -> Result<()> {
    let exporter = Exporter::start(cluster, ADMIN, "").await?;
    let _held = hold_full(cluster, VIEWER).await?;
    exporter
        .until("bytes on both workers", 60, both_hold)
        .await?;
    cluster.restart_coordinator().await?;
    let dropped = |s: &WireSnapshot| all_at_risk(s) == 0;
    exporter
        .until("old facts to be dropped", 60, dropped)
        .await?;
    Ok(())
}
