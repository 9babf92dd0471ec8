//! Scenarios about the second opinions that a proof of visibility can rest on: the coordinator's own
//! counts of queries, and the query ids in a worker's `/v1/status`. The exporter's rules are sound
//! only while these hold.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{WIDE, hold_full};
use crate::runner::{Scenario, Stage};
use crate::trino::{Cluster, Node};
use crate::trino_config::{ADMIN, BLIND, VIEWER};
use crate::worker_truth;
use crate::{http, wait};

/// Fits into the coordinator's buffers, so that all tasks end while the client still has to fetch.
const SMALL: &str = "SELECT * FROM lineitem LIMIT 40000";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "coordinator-counts-what-the-list-shows",
            stage: Stage::Trino(|c| Box::pin(counts_agree(c))),
        },
        Scenario {
            name: "worker-status-names-held-queries",
            stage: Stage::Trino(|c| Box::pin(status_names(c))),
        },
    ]
}

/// `RunningQueries` counts exactly the RUNNING ones of all users, `FinishingQueries` the FINISHING ones.
async fn counts_agree(cluster: &mut Cluster) -> Result<()> {
    let mut first = cluster.client(VIEWER).hold(WIDE).await?;
    let mut second = cluster.client(BLIND).hold(WIDE).await?;
    let mut third = cluster.client(VIEWER).hold(SMALL).await?;
    wait::until("one query to be FINISHING", 60, async || {
        let (running, finishing) = (
            count(cluster, ADMIN, "Running").await?,
            count(cluster, ADMIN, "Finishing").await?,
        );
        let states = states(cluster).await?;
        let listed = |state: &str| states.values().filter(|found| *found == state).count();
        // The list and the counts are read one after the other, so only a state that lasts is compared.
        Ok((states
            .get(&third.id)
            .is_some_and(|state| state == "FINISHING")
            && (running, finishing) == (2, 1)
            && (listed("RUNNING"), listed("FINISHING")) == (2, 1))
            .then_some(()))
    })
    .await?;
    // Who sees no queries may still read the counts: that is how a blind user is found out.
    ensure!(count(cluster, BLIND, "Running").await? == 2);
    let forbidden = counter(cluster, VIEWER, "Running").await?;
    ensure!(forbidden.status == 403, "{}", forbidden.status);
    first.cancel().await?;
    second.cancel().await?;
    third.cancel().await
}

/// Without any user: which queries hold memory on the worker, and how much of it is output.
async fn status_names(cluster: &mut Cluster) -> Result<()> {
    let mut statement = hold_full(cluster, VIEWER).await?;
    for worker in &cluster.workers {
        let pool = pool(worker).await?;
        ensure!(
            pool["queryMemoryReservations"][&statement.id].as_u64() > Some(0),
            "{pool}"
        );
        let buffer = output_bytes(&pool, &statement.id)?;
        let truth = worker_truth::at_risk(worker).await?;
        ensure!(
            buffer == truth.bytes,
            "status says {buffer}, the tasks say {truth:?}"
        );
    }
    statement.cancel().await?;
    for worker in &cluster.workers {
        wait::until("a status without queries", 30, async || {
            let pool = pool(worker).await?;
            Ok((pool["queryMemoryReservations"] == serde_json::json!({})).then_some(()))
        })
        .await?;
    }
    Ok(())
}

async fn counter(cluster: &Cluster, user: &str, state: &str) -> Result<http::Answer> {
    let url = format!(
        "{}/metrics?name[]=trino_execution_name_QueryManager_{state}Queries",
        cluster.url()
    );
    http::get(&url, &[("X-Trino-User", user)]).await
}

async fn count(cluster: &Cluster, user: &str, state: &str) -> Result<u64> {
    let answer = counter(cluster, user, state).await?;
    let line = answer
        .body
        .lines()
        .find(|line| !line.starts_with('#'))
        .context("one sample")?;
    let value = line.rsplit(' ').next().unwrap_or_default();
    Ok(value.trim_end_matches(".0").parse()?)
}

async fn states(cluster: &Cluster) -> Result<BTreeMap<String, String>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let queries = cluster.queries().await?;
    Ok(queries
        .iter()
        .map(|query| (text(&query["queryId"]), text(&query["state"])))
        .collect())
}

async fn pool(worker: &Node) -> Result<Value> {
    let status = http::get(&format!("{}/v1/status", worker.url()), &[])
        .await?
        .json()?;
    Ok(status["memoryInfo"]["pool"].clone())
}

/// The allocation that Trino books under the name of its output buffer's class.
fn output_bytes(pool: &Value, query: &str) -> Result<u64> {
    let tags = pool["queryMemoryAllocations"][query]
        .as_array()
        .context("tagged allocations")?;
    let buffer = tags
        .iter()
        .find(|tag| tag["tag"] == "LazyOutputBuffer")
        .context("an output buffer")?;
    buffer["allocation"].as_u64().context("a size")
}
