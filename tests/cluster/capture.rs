//! Brings real clusters into situations whose documents the fixtures need, checks that each document
//! shows its situation, and writes it below `$XTRINODE_CAPTURE_DIR/trino-VERSION` when that is set.
//! A file that is there is kept: tests have its numbers written by hand.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::client::{Client, Statement};
use crate::harness::hold_full;
use crate::http::{self, Answer};
use crate::runner::{Scenario, Stage};
use crate::trino::Cluster;
use crate::trino_config::{ADMIN, BLIND, VIEWER};
use crate::wait;

/// A fixture stays reviewable.
const MAX_BYTES: usize = 300_000;

/// Runs for minutes and returns one row; every scenario that starts it cancels it.
const LONG: &str = "SELECT sum(sqrt(a.extendedprice * b.totalprice)) FROM lineitem a CROSS JOIN tpch.sf10.orders b";

/// The system table is read on the coordinator, which joins there and holds the result.
const ON_COORDINATOR: &str = "SELECT q.query_id, rpad('', 2000, l.comment) FROM system.runtime.queries q CROSS JOIN lineitem l";

/// A broadcast that goes on for long: a cross join's right side is always sent to every worker, and
/// a condition on both sides keeps Trino from aggregating before the join.
const BROADCAST: &str = "SELECT count(*) FROM orders o CROSS JOIN tpch.sf100.lineitem l WHERE l.orderkey % 500 = 0 AND length(o.comment) < length(l.comment)";

/// Two stages, of which the first runs on the coordinator.
const EXPLAIN: &str =
    "EXPLAIN ANALYZE SELECT orderkey FROM tpch.sf100.lineitem WHERE comment = 'nothing'";

pub fn scenarios() -> Vec<Scenario> {
    let mut scenarios = always();
    if std::env::var_os("XTRINODE_CAPTURE_DIR").is_some() {
        scenarios.push(Scenario {
            name: "capture-live-broadcast",
            stage: Stage::Trino(|c| Box::pin(live_broadcast(c))),
        });
    }
    scenarios
}

fn always() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "capture-retry-query",
            stage: Stage::Trino(|c| Box::pin(retry_query(c))),
        },
        Scenario {
            name: "capture-retry-task",
            stage: Stage::Trino(|c| Box::pin(retry_task(c))),
        },
        Scenario {
            name: "capture-coordinator-tasks",
            stage: Stage::Trino(|c| Box::pin(coordinator_tasks(c))),
        },
        Scenario {
            name: "capture-explain-analyze",
            stage: Stage::Trino(|c| Box::pin(explain_analyze(c))),
        },
        Scenario {
            name: "capture-uninitialized",
            stage: Stage::Trino(|c| Box::pin(uninitialized(c))),
        },
        Scenario {
            name: "capture-answers",
            stage: Stage::Trino(|c| Box::pin(answers(c))),
        },
    ]
}

async fn retry_query(cluster: &mut Cluster) -> Result<()> {
    let client = cluster.client(VIEWER).with("retry_policy", "QUERY");
    let statement = start(&client, LONG).await?;
    let text = document(
        cluster,
        &statement.id,
        "live tasks of a query with retry QUERY",
        |query| {
            query["state"] == "RUNNING"
                && query["retryPolicy"] == "QUERY"
                && tasks(query)
                    .iter()
                    .any(|task| is_live(task) && task["outputBuffers"]["type"] == "PARTITIONED")
        },
    )
    .await?;
    save(cluster, "retry-query-running.json", &text)
}

async fn retry_task(cluster: &mut Cluster) -> Result<()> {
    let client = cluster.client(VIEWER).with("retry_policy", "TASK");
    let statement = start(&client, LONG).await?;
    let external = |task: &&Value| task["outputBuffers"]["type"] == "EXTERNAL";
    let text = document(
        cluster,
        &statement.id,
        "external buffers of a running query",
        |query| {
            query["state"] == "RUNNING"
                && tasks(query)
                    .iter()
                    .any(|task| external(task) && is_live(task))
        },
    )
    .await?;
    save(cluster, "retry-task-running.json", &text)?;
    client.kill(&statement.id).await?;
    let sql =
        "SELECT orderpriority, count(*) FROM orders JOIN lineitem USING (orderkey) GROUP BY 1";
    let mut statement = client.submit(sql).await?;
    ensure!(statement.finish().await? == 5);
    let text = document(
        cluster,
        &statement.id,
        "pages left in external buffers",
        |query| {
            let left =
                |task: &&Value| task["outputBuffers"]["totalBufferedPages"].as_u64() > Some(0);
            query["state"] == "FINISHED"
                && tasks(query)
                    .into_iter()
                    .filter(external)
                    .any(|task| left(&task))
        },
    )
    .await?;
    save(cluster, "retry-task.json", &text)
}

async fn coordinator_tasks(cluster: &mut Cluster) -> Result<()> {
    let statement = cluster.client(VIEWER).hold(ON_COORDINATOR).await?;
    let text = document(
        cluster,
        &statement.id,
        "bytes held on the coordinator",
        |query| {
            tasks(query)
                .iter()
                .any(|task| is_live(task) && node(task) == "coordinator" && bytes(task) > 0)
        },
    )
    .await?;
    save(cluster, "coordinator-tasks.json", &text)
}

async fn explain_analyze(cluster: &mut Cluster) -> Result<()> {
    let statement = start(&cluster.client(VIEWER), EXPLAIN).await?;
    let text = document(
        cluster,
        &statement.id,
        "buffers that are not summarised",
        |query| {
            tasks(query).iter().any(|task| {
                is_live(task) && task["outputBuffers"]["pipelinedBufferStates"].is_array()
            })
        },
    )
    .await?;
    save(cluster, "explain-analyze-running.json", &text)
}

/// A stopped worker takes nothing, so the other one has to keep the pages that both are to get.
/// Has to stop a worker in the middle of a broadcast, which not every run hits: only to renew the fixture.
async fn live_broadcast(cluster: &mut Cluster) -> Result<()> {
    let client = cluster.client(VIEWER);
    let statement = start(&client, BROADCAST).await?;
    let broadcast = |task: &&Value| task["outputBuffers"]["type"] == "BROADCAST" && is_live(task);
    document(
        cluster,
        &statement.id,
        "a live broadcast on every worker",
        |query| tasks(query).into_iter().filter(broadcast).count() >= cluster.workers.len(),
    )
    .await?;
    cluster.workers[1].signal("STOP")?;
    let found = document(
        cluster,
        &statement.id,
        "bytes in a broadcast buffer",
        |query| {
            tasks(query)
                .into_iter()
                .filter(broadcast)
                .any(|task| bytes(task) > 0)
        },
    )
    .await;
    cluster.workers[1].signal("CONT")?;
    save(cluster, "broadcast-live.json", &found?)
}

/// What the coordinator knows of a task whose worker has not answered yet.
async fn uninitialized(cluster: &mut Cluster) -> Result<()> {
    cluster.workers[1].signal("STOP")?;
    let found = async {
        let statement = start(&cluster.client(VIEWER), LONG).await?;
        document(
            cluster,
            &statement.id,
            "a buffer that is not initialized",
            |query| {
                tasks(query)
                    .iter()
                    .any(|task| task["outputBuffers"]["type"] == "UNINITIALIZED")
            },
        )
        .await
    }
    .await;
    cluster.workers[1].signal("CONT")?;
    save(cluster, "uninitialized.json", &found?)
}

/// Small answers with their status and headers, while one query is held.
async fn answers(cluster: &mut Cluster) -> Result<()> {
    let statement = hold_full(cluster, VIEWER).await?;
    let (coordinator, worker) = (cluster.url(), cluster.workers[0].url());
    let query = format!("{coordinator}/v1/query");
    let wanted = [
        (
            "info-coordinator",
            200,
            format!("{coordinator}/v1/info"),
            None,
        ),
        ("info-worker", 200, format!("{worker}/v1/info"), None),
        (
            "info-state-worker",
            200,
            format!("{worker}/v1/info/state"),
            None,
        ),
        (
            "status-coordinator",
            200,
            format!("{coordinator}/v1/status"),
            None,
        ),
        (
            "status-worker-holding",
            200,
            format!("{worker}/v1/status"),
            None,
        ),
        (
            "query-forbidden",
            403,
            format!("{query}/{}", statement.id),
            Some(BLIND),
        ),
        (
            "query-gone",
            410,
            format!("{query}/20200101_000000_00000_aaaaa"),
            Some(ADMIN),
        ),
        ("list-without-user", 401, query.clone(), None),
        (
            "list-on-worker",
            404,
            format!("{worker}/v1/query"),
            Some(ADMIN),
        ),
        (
            "metrics-without-user",
            401,
            format!("{coordinator}/metrics"),
            None,
        ),
        (
            "metrics-forbidden",
            403,
            format!("{coordinator}/metrics"),
            Some(VIEWER),
        ),
        (
            "metrics-counts",
            200,
            format!("{coordinator}/metrics?{}", counts()),
            Some(ADMIN),
        ),
    ];
    for (name, status, url, user) in wanted {
        let headers: Vec<(&str, &str)> = user.iter().map(|user| ("X-Trino-User", *user)).collect();
        let answer = http::get(&url, &headers).await?;
        ensure!(
            answer.status == status,
            "{name}: {} {}",
            answer.status,
            answer.body
        );
        save(cluster, &format!("{name}.http"), &as_http(&answer))?;
    }
    let pruned = http::get(
        &format!("{query}/{}?pruned=true", statement.id),
        &[("X-Trino-User", ADMIN)],
    )
    .await?;
    save(cluster, "running-pruned.json", &pruned.body)?;
    let blind = http::get(&query, &[("X-Trino-User", BLIND)]).await?;
    save(cluster, "list-without-view-permission.json", &blind.body)?;
    save(
        cluster,
        "metrics-worker-tasks.txt",
        &task_metrics(&worker).await?,
    )
}

/// The coordinator's own counts of queries, asked for by name: the whole page is a megabyte.
fn counts() -> String {
    let name = |state: &str| format!("name[]=trino_execution_name_QueryManager_{state}Queries");
    ["Running", "Finishing", "Queued"].map(name).join("&")
}

/// The metrics of a worker that Prometheus can know its pod by.
async fn task_metrics(worker: &str) -> Result<String> {
    let page = http::get(&format!("{worker}/metrics"), &[("X-Trino-User", ADMIN)]).await?;
    let lines = page.body.lines().filter(|line| {
        line.contains("TaskExecutor_Tasks") || line.contains("SqlTaskManager_TrackedTasksCount")
    });
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    ensure!(!text.is_empty(), "the worker has no metric of its tasks");
    Ok(text)
}

/// Submits and fetches until the query runs; from there it needs no client for a while.
async fn start(client: &Client, sql: &str) -> Result<Statement> {
    let mut statement = client.submit(sql).await?;
    while !matches!(statement.state.as_str(), "STARTING" | "RUNNING") {
        ensure!(statement.fetch().await?, "{} has ended", statement.id);
    }
    Ok(statement)
}

/// Reads a query's document until it shows what it should.
async fn document(
    cluster: &Cluster,
    id: &str,
    what: &str,
    shows: impl Fn(&Value) -> bool,
) -> Result<String> {
    let mut last = String::new();
    let found = wait::until(what, 120, async || {
        let answer = cluster.query(id).await?;
        let query = answer.json()?;
        ensure!(
            query["state"] != "FAILED",
            "{id} failed: {}",
            query["failureInfo"]["message"]
        );
        last = summary(&query);
        Ok(shows(&query).then_some(answer.body))
    })
    .await;
    found.with_context(|| format!("last seen: {last}"))
}

/// State, and each task's node, state and buffer, for an error's reader.
fn summary(query: &Value) -> String {
    let mut text = query["state"].to_string();
    for task in tasks(query) {
        let (status, buffer) = (&task["taskStatus"], &task["outputBuffers"]);
        text.push_str(&format!(
            "; {} {} {} {}",
            node(task),
            status["state"],
            buffer["type"],
            bytes(task)
        ));
    }
    text
}

/// All tasks of a document of either shape.
fn tasks(query: &Value) -> Vec<&Value> {
    match query {
        Value::Object(fields) if fields.contains_key("taskStatus") => vec![query],
        Value::Object(fields) => fields.values().flat_map(tasks).collect(),
        Value::Array(items) => items.iter().flat_map(tasks).collect(),
        _ => Vec::new(),
    }
}

fn is_live(task: &Value) -> bool {
    let state = task["taskStatus"]["state"].as_str().unwrap_or_default();
    matches!(state, "RUNNING" | "FLUSHING")
}

fn node(task: &Value) -> &str {
    task["taskStatus"]["nodeId"].as_str().unwrap_or_default()
}

fn bytes(task: &Value) -> u64 {
    task["outputBuffers"]["totalBufferedBytes"]
        .as_u64()
        .unwrap_or_default()
}

fn as_http(answer: &Answer) -> String {
    let mut text = format!("HTTP/1.1 {}\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!(
            "{name}: {}\n",
            String::from_utf8_lossy(value.as_bytes())
        ));
    }
    text + "\n" + &answer.body
}

fn save(cluster: &Cluster, name: &str, content: &str) -> Result<()> {
    ensure!(
        content.len() <= MAX_BYTES,
        "{name} has {} bytes, more than {MAX_BYTES}",
        content.len()
    );
    let Some(folder) = std::env::var_os("XTRINODE_CAPTURE_DIR") else {
        return Ok(());
    };
    let folder = PathBuf::from(folder).join(cluster.version.part());
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    if path.exists() {
        return Ok(());
    }
    println!("captured {}", path.display());
    std::fs::write(&path, content).with_context(|| format!("write {}", path.display()))
}
