//! Queries that Trino itself would retry, on real Trino: what a task has written to the exchange outside holds no worker
//! up, and a query that could be run again is not, since nothing of it is lost.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::installation::{self, ENFORCE};
use super::scene::evict;
use crate::client::Client;
use crate::load::{Load, WIDE};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Spec, TrinoOnPlane, WORKERS};
use crate::wait;
use crate::world::World;

/// Clients that read while a node is drained.
const CLIENTS: usize = 3;

/// What the scheduler sets aside for a task: so little that all scans of a query begin at once. By default it is more than
/// a node of the tests has, so tasks wait for each other; one that scans what only one worker can give (the splits of
/// `tpch` belong to workers) then waits for a worker that is drained, and fails after two minutes with
/// NO_NODES_AVAILABLE. That is Trino's own way to drain: what was not begun there can't be.
const TASK_MEMORY: &str = "100MB";

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "guarded-retry-policies",
        stage: Stage::RealTrino(|world| Box::pin(retried(world))),
    }]
}

async fn retried(world: &mut World) -> Result<()> {
    installation::patient(world).await?;
    let spec = Spec {
        labels: &[ENFORCE],
        annotations: &[("tests/exchange", "true")],
        ..Spec::new("retry")
    };
    let cluster = TrinoOnPlane::start(world, spec).await?;
    outside(world, &cluster).await?;
    for policy in ["TASK", "QUERY"] {
        cluster.restore(world).await?;
        drain(world, &cluster, policy).await?;
    }
    cluster.remove(world).await
}

fn client(cluster: &TrinoOnPlane, policy: &str) -> Client {
    let client = cluster.client().with("retry_policy", policy);
    client.with("fault_tolerant_execution_task_memory", TASK_MEMORY)
}

/// All tasks of a query whose client does not read have ended and left their output outside: their workers may go.
async fn outside(world: &World, cluster: &TrinoOnPlane) -> Result<()> {
    let mut held = client(cluster, "TASK").hold(WIDE.sql).await?;
    let tasks = tasks(cluster, &held.id).await?;
    let external = tasks
        .iter()
        .filter(|task| task["outputBuffers"]["type"] == "EXTERNAL");
    ensure!(external.count() > 0, "no task writes outside: {tasks:?}");
    say!(
        "  a query with retry TASK is held by its client, {} tasks",
        tasks.len()
    );
    let worker = world.ready("retry", WORKERS, 3).await?.remove(0);
    let mut refused = 0;
    wait::until("the eviction of its worker", 240, async || {
        // A client that pauses for long is given up, and its query with it.
        held.stay_alive().await?;
        let refusal = evict(world, &worker, false).await?;
        refused += 1;
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(refusal.is_none().then_some(()))
    })
    .await?;
    let query = cluster.query(&held.id).await?;
    ensure!(!held.is_over(), "the query did not wait for its client");
    ensure!(query["state"] != "FAILED", "{}", query["errorCode"]);
    let rows = held.finish().await?;
    say!(
        "    a worker went at try {refused} while it was {}; it gave {rows} rows",
        query["state"]
    );
    ensure!(rows == WIDE.rows, "{rows} rows instead of {}", WIDE.rows);
    Ok(())
}

/// `kubectl drain` under load: nothing fails, and nothing was run a second time.
async fn drain(world: &World, cluster: &TrinoOnPlane, policy: &str) -> Result<()> {
    let before = finished(cluster).await?;
    let load = Load::start(&client(cluster, policy), CLIENTS, WIDE);
    // Not until a client reads: the result of such a query is whole before its first row.
    wait::until("a query that runs", 60, async || {
        let queries = cluster.queries().await?;
        Ok(queries
            .iter()
            .any(|it| it["state"] == "RUNNING")
            .then_some(()))
    })
    .await?;
    let worker = world.ready("retry", WORKERS, 3).await?.remove(0);
    let node = worker.spec.and_then(|spec| spec.node_name);
    let node = node.context("its node")?;
    world
        .plane
        .show(&["drain", &node, "--timeout=600s"])
        .await?;
    let report = load.finish().await?;
    say!("  drained under queries with retry {policy}: {report}");
    ensure!(
        report.failed.is_empty() && report.wrong.is_empty(),
        "{report}"
    );
    let mut judged = 0;
    for id in finished(cluster).await? {
        if !before.contains(&id) {
            attempts(cluster, &id).await?;
            judged += 1;
        }
    }
    say!("    {judged} queries, one attempt each");
    ensure!(judged > 0, "no finished query is remembered");
    Ok(())
}

/// Fails when a task of a query was tried again.
async fn attempts(cluster: &TrinoOnPlane, id: &str) -> Result<()> {
    for task in tasks(cluster, id).await? {
        let name = task["taskStatus"]["taskId"].as_str();
        let name = name.context("a task has an id")?;
        ensure!(name.ends_with(".0"), "{name} is not the first attempt");
    }
    Ok(())
}

/// The ids of finished queries.
async fn finished(cluster: &TrinoOnPlane) -> Result<Vec<String>> {
    let queries = cluster.queries().await?;
    let finished = queries.iter().filter(|query| query["state"] == "FINISHED");
    let ids = finished.filter_map(|query| query["queryId"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

/// The tasks of all stages.
async fn tasks(cluster: &TrinoOnPlane, id: &str) -> Result<Vec<Value>> {
    let query = cluster.query(id).await?;
    let mut stages = vec![query["outputStage"].clone()];
    let mut tasks = Vec::new();
    while let Some(stage) = stages.pop() {
        stages.extend(stage["subStages"].as_array().into_iter().flatten().cloned());
        tasks.extend(stage["tasks"].as_array().into_iter().flatten().cloned());
    }
    Ok(tasks)
}
