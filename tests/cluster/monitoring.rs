//! Scenarios with a real Prometheus: it scrapes the exporter and the workers, the exporter maps workers through it,
//! and the README's queries return what they say.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xtrinode::core::buffers::wire::WireSnapshot;

use crate::exporter::{Exporter, is_whole, worker};
use crate::harness::hold_full;
use crate::net;
use crate::prom::Prometheus;
use crate::runner::{Scenario, Stage};
use crate::trino::Cluster;
use crate::trino_config::{ADMIN, VIEWER};

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "prometheus-maps-and-scrapes",
        stage: Stage::Trino(|c| Box::pin(maps_and_scrapes(c))),
    }]
}

/// The scrape configuration of the README, for the address that the exporter will have, and the real workers with
/// pods' names as target labels.
fn scrape_configs(cluster: &Cluster, exporter: &str) -> String {
    let mut text = format!(
        "- job_name: trino-buffer-exporter\n  honor_labels: true\n  static_configs:\n  - targets: ['{exporter}']\n    \
         labels: {{pod: exporter-pod, namespace: monitoring}}\n\
         - job_name: trino\n  basic_auth: {{username: {ADMIN}, password: ''}}\n  static_configs:\n"
    );
    for node in &cluster.workers {
        let (target, pod) = (node.host_and_port(), pod_of(&node.name));
        text += &format!(
            "  - targets: ['{target}']\n    labels: {{pod: {pod}, namespace: analytics}}\n"
        );
    }
    text
}

/// The name that only Prometheus knows: node ids are other names in this scenario.
fn pod_of(node: &str) -> String {
    format!("trino-{node}-pod")
}

async fn maps_and_scrapes(cluster: &mut Cluster) -> Result<()> {
    let address = net::free_loopback()?;
    let prometheus = Prometheus::start(&scrape_configs(cluster, &address.to_string())).await?;
    let workers = |samples: &[crate::prom::Sample]| samples.len() == 2;
    prometheus.wait_for("up{job='trino'} == 1", workers).await?;
    let port = cluster.workers[0].port;
    let more = format!(
        "prometheus: {{url: {}}}\nworkerMapping: prometheus\nworkerHttpPort: {port}",
        prometheus.url()
    );
    let exporter = Exporter::start_at(address, cluster, ADMIN, &more).await?;
    let mut statement = hold_full(cluster, VIEWER).await?;
    mapped_by_prometheus(cluster, &exporter).await?;
    labels_survive(cluster, &prometheus).await?;
    promql_of_the_readme(&prometheus, "while both workers hold data:").await?;
    statement.cancel().await?;
    promql_of_the_readme(&prometheus, "while both are idle:").await?;
    a_dead_worker_goes(cluster, &exporter).await
}

async fn mapped_by_prometheus(cluster: &Cluster, exporter: &Exporter) -> Result<()> {
    let mapped = |s: &WireSnapshot| {
        is_whole(s)
            && s.workers.len() == 2
            && s.workers
                .iter()
                .all(|w| w.mapping == "prometheus" && w.held.buffered_bytes > 0)
    };
    let snapshot = exporter
        .until("workers mapped by Prometheus", 60, mapped)
        .await?;
    for node in &cluster.workers {
        let shown = worker(&snapshot, node).context("a worker")?;
        ensure!(
            shown.pod == pod_of(&node.name) && shown.namespace == "analytics",
            "{shown:?}"
        );
    }
    let metrics = exporter.metrics().await?;
    let newer = "trino_buffer_exporter_mapping_metric{metric=\"trino_execution_executor_dedicated_name_ThreadPerDriverTaskExecutor_Tasks\"} 1";
    ensure!(
        metrics.contains(newer),
        "the documented name finds nothing here:\n{metrics}"
    );
    Ok(())
}

/// It held nothing: as soon as Prometheus no longer has its series, ours go too.
async fn a_dead_worker_goes(cluster: &mut Cluster, exporter: &Exporter) -> Result<()> {
    cluster.workers[1].kill()?;
    let gone = pod_of(&cluster.workers[1].name);
    let alone = |s: &WireSnapshot| !s.workers.iter().any(|w| w.pod == gone);
    exporter
        .until("the dead worker's series to go", 60, alone)
        .await?;
    ensure!(!exporter.metrics().await?.contains(&gone));
    Ok(())
}

/// Target labels `pod` and `namespace` are the exporter's own; the workers' must not become `exported_pod`.
async fn labels_survive(cluster: &Cluster, prometheus: &Prometheus) -> Result<()> {
    let both = |samples: &[crate::prom::Sample]| samples.len() == 2;
    let samples = prometheus
        .wait_for("trino_worker_output_buffered_bytes > 0", both)
        .await?;
    for node in &cluster.workers {
        let ours = samples
            .iter()
            .find(|sample| sample.labels["pod"] == pod_of(&node.name));
        let ours = ours.with_context(|| format!("{} in {samples:?}", node.name))?;
        ensure!(ours.labels["namespace"] == "analytics" && ours.labels["release"] == "blue");
    }
    ensure!(
        prometheus
            .query("trino_worker_output_buffered_bytes{exported_pod!=''}")
            .await?
            .is_empty()
    );
    Ok(())
}

/// Each fenced `promql` block of the README returns as many series as it says for this situation.
async fn promql_of_the_readme(prometheus: &Prometheus, situation: &str) -> Result<()> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))?;
    let blocks: Vec<&str> = readme
        .split("```promql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    ensure!(blocks.len() == 3, "the README shows three queries");
    for block in blocks {
        let stated = block
            .split(situation)
            .nth(1)
            .context(situation.to_owned())?;
        let count = stated.split_whitespace().next().context("a number")?;
        let expected: usize = count.parse()?;
        prometheus
            .wait_for(block, |samples| samples.len() == expected)
            .await
            .with_context(|| format!("{situation} {expected} series"))?;
    }
    Ok(())
}
