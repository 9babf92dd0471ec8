//! Scenarios about the real programs themselves: what the other tests rest on is true here.

use anyhow::{Context, Result, bail, ensure};

use crate::client::Statement;
use crate::prom::Prometheus;
use crate::runner::{Scenario, Stage};
use crate::trino::Cluster;
use crate::trino_config::{ADMIN, BLIND, VIEWER};
use crate::worker_truth::{self, AtRisk};
use crate::{http, tool, wait};

/// Fills the buffers of both workers when nobody fetches: 60 000 wide rows.
pub const WIDE: &str = "SELECT l.*, o.*, rpad('', 2000, o.comment) FROM lineitem l JOIN orders o ON l.orderkey = o.orderkey";

/// Queries tried until one holds data on every worker.
const TRIES: usize = 4;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "helm-runs",
            stage: Stage::Alone(|| Box::pin(helm_runs())),
        },
        Scenario {
            name: "promtool-judges",
            stage: Stage::Alone(|| Box::pin(promtool_judges())),
        },
        Scenario {
            name: "kubevalidate-judges",
            stage: Stage::Alone(|| Box::pin(kubevalidate_judges())),
        },
        Scenario {
            name: "held-query-fills-both-workers",
            stage: Stage::Trino(|c| Box::pin(held_query(c))),
        },
        Scenario {
            name: "blind-user-sees-an-empty-list",
            stage: Stage::Trino(|c| Box::pin(blind_user(c))),
        },
        Scenario {
            name: "prometheus-scrapes-workers",
            stage: Stage::Trino(|c| Box::pin(prometheus_scrapes(c))),
        },
        Scenario {
            name: "worker-drains-and-returns",
            stage: Stage::Trino(|c| Box::pin(drain(c))),
        },
        Scenario {
            name: "killed-worker-comes-back",
            stage: Stage::Trino(|c| Box::pin(killed_worker(c))),
        },
        Scenario {
            name: "restarted-coordinator-has-a-new-suffix",
            stage: Stage::Trino(|c| Box::pin(restarted(c))),
        },
    ]
}

/// Holds `WIDE` until a task of it is blocked by its full buffer on every worker. A worker that joins late may find
/// nearly all splits taken, so there are several tries.
pub async fn hold_full(cluster: &Cluster, user: &str) -> Result<Statement> {
    for _ in 0..TRIES {
        let mut statement = cluster.client(user).hold(WIDE).await?;
        match wait_full(cluster, &statement.id).await {
            Ok(()) => return Ok(statement),
            Err(error) => println!("once more: {error:#}"),
        }
        statement.cancel().await?;
    }
    bail!("no query filled the buffers of both workers in {TRIES} tries")
}

async fn wait_full(cluster: &Cluster, query: &str) -> Result<()> {
    wait::until("full buffers on both workers", 45, async || {
        for worker in &cluster.workers {
            let tasks = worker_truth::tasks(worker).await?;
            if !tasks
                .iter()
                .any(|task| task.query == query && task.overutilized)
            {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}

async fn helm_runs() -> Result<()> {
    let version = tool::helm(&["version", "--short"])?.ok()?;
    ensure!(version.starts_with("v4."), "{version}");
    let refused = tool::helm(&["lint", "--strict", "does-not-exist"])?;
    ensure!(!refused.success);
    Ok(())
}

async fn promtool_judges() -> Result<()> {
    tool::check_metrics("# HELP a_bytes Bytes.\n# TYPE a_bytes gauge\na_bytes 1\n")?;
    let without_help = tool::promtool(&["check", "metrics"], "a_total{x=\"1\"} 1\n")?;
    ensure!(!without_help.success, "{without_help:?}");
    let folder = tempfile::tempdir()?;
    let (rules, tests) = (
        folder.path().join("rules.yml"),
        folder.path().join("tests.yml"),
    );
    std::fs::write(
        &rules,
        "groups: [{name: a, rules: [{record: 'a:twice', expr: 'a * 2'}]}]\n",
    )?;
    tool::check_rules(&rules)?;
    let test = |value: u32| {
        let expected = format!("[{{labels: 'a:twice', value: {value}}}]");
        let expression = format!("[{{expr: 'a:twice', eval_time: 1m, exp_samples: {expected}}}]");
        let series = "[{series: a, values: '3x2'}]";
        format!(
            "rule_files: [rules.yml]\ntests: [{{interval: 1m, input_series: {series}, promql_expr_test: {expression}}}]\n"
        )
    };
    std::fs::write(&tests, test(6))?;
    tool::test_rules(&tests)?;
    std::fs::write(&tests, test(7))?;
    ensure!(tool::test_rules(&tests).is_err());
    std::fs::write(
        &rules,
        "groups: [{name: a, rules: [{record: 'a:twice', expr: 'a *'}]}]\n",
    )?;
    ensure!(tool::check_rules(&rules).is_err());
    Ok(())
}

async fn kubevalidate_judges() -> Result<()> {
    let good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n";
    tool::kubevalidate(&[], good)?.ok()?;
    let monitor = |spec: &str| {
        format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {{name: a}}\nspec: {spec}\n"
        )
    };
    tool::kubevalidate(
        &[],
        &monitor("{selector: {}, endpoints: [{port: a, honorLabels: true}]}"),
    )?
    .ok()?;
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: b}]}\n";
    tool::kubevalidate(&[], pod)?.ok()?;
    let bad = [
        (vec![], good.replace("data", "dota"), "unknown field"),
        (
            vec![],
            good.replace("{name: a}", "{name: A_}"),
            "metadata.name",
        ),
        (
            vec![],
            pod.replace("image: b", "image: b, ports: [{containerPort: 70000}]"),
            "65535",
        ),
        (
            vec!["--restricted"],
            pod.to_owned(),
            "restricted pod security",
        ),
        (
            vec![],
            monitor("{selector: {}, endpoints: [{prt: a}]}"),
            "prt",
        ),
        (vec![], monitor("{selector: {}}"), "endpoints"),
    ];
    for (options, manifest, wanted) in bad {
        let said = tool::kubevalidate(&options, &manifest)?;
        ensure!(
            !said.success && said.stdout.contains(wanted),
            "{manifest}: {said:?}"
        );
    }
    Ok(())
}

async fn held_query(cluster: &mut Cluster) -> Result<()> {
    let mut statement = hold_full(cluster, VIEWER).await?;
    let id = statement.id.clone();
    for worker in &cluster.workers {
        let truth = worker_truth::at_risk(worker).await?;
        ensure!(
            truth.active > 0 && truth.bytes > 0 && truth.pages > 0,
            "{}: {truth:?}",
            worker.name
        );
        ensure!(
            worker_truth::pages_sent(worker).await?[&id] >= truth.pages,
            "{truth:?}"
        );
    }
    statement.stay_alive().await?;
    ensure!(!statement.is_over(), "a held statement has more to fetch");
    let rows = statement.finish().await?;
    ensure!(rows == 60_175, "tpch.tiny has 60175 lineitems, {rows} came");
    for worker in &cluster.workers {
        wait::until("empty buffers", 30, async || {
            let truth = worker_truth::at_risk(worker).await?;
            Ok((truth == AtRisk::default()).then_some(()))
        })
        .await?;
    }
    Ok(())
}

async fn blind_user(cluster: &mut Cluster) -> Result<()> {
    let mut statement = cluster.client(VIEWER).hold(WIDE).await?;
    let url = format!("{}/v1/query", cluster.url());
    let answer = http::get(&url, &[("X-Trino-User", BLIND)]).await?;
    ensure!(
        answer.status == 200 && answer.json()? == serde_json::json!([]),
        "{}",
        answer.body
    );
    let one = http::get(
        &format!("{url}/{}", statement.id),
        &[("X-Trino-User", BLIND)],
    )
    .await?;
    ensure!(one.status == 403, "{}", one.status);
    ensure!(
        cluster
            .queries()
            .await?
            .iter()
            .any(|query| query["queryId"] == statement.id.as_str())
    );
    statement.cancel().await
}

async fn prometheus_scrapes(cluster: &mut Cluster) -> Result<()> {
    let targets: Vec<String> = cluster
        .workers
        .iter()
        .map(|worker| format!("'{}'", worker.host_and_port()))
        .collect();
    // An old Prometheus has no `http_headers`; Trino takes the user of basic authentication too.
    let config = format!(
        "- job_name: trino\n  basic_auth: {{username: {ADMIN}, password: ''}}\n  static_configs:\n  - targets: [{}]\n    labels: {{pod: from-the-target}}",
        targets.join(", ")
    );
    let prometheus = Prometheus::start(&config).await?;
    prometheus
        .wait_for("up{job='trino'} == 1", |up| up.len() == 2)
        .await?;
    let name = "trino_execution_executor_dedicated_name_ThreadPerDriverTaskExecutor_Tasks";
    let samples = prometheus
        .wait_for(name, |samples| samples.len() == 2)
        .await?;
    ensure!(
        samples
            .iter()
            .all(|sample| sample.labels["pod"] == "from-the-target"),
        "{samples:?}"
    );
    ensure!(
        prometheus
            .query("trino_execution_executor_TaskExecutor_Tasks")
            .await?
            .is_empty()
    );
    Ok(())
}

async fn drain(cluster: &mut Cluster) -> Result<()> {
    let url = format!("{}/v1/info/state", cluster.workers[1].url());
    let put = async |state: &str, user: &str| {
        let request = http::client().put(&url).body(format!("\"{state}\""));
        http::send(
            request,
            &[("X-Trino-User", user), ("Content-Type", "application/json")],
        )
        .await
    };
    ensure!(put("DRAINING", VIEWER).await?.status == 403);
    ensure!(put("DRAINING", ADMIN).await?.status == 200);
    wait::until("the worker to be drained", 60, async || {
        Ok((http::get(&url, &[]).await?.json()? == "DRAINED").then_some(()))
    })
    .await?;
    ensure!(put("ACTIVE", ADMIN).await?.status == 200);
    cluster.wait_active().await
}

async fn killed_worker(cluster: &mut Cluster) -> Result<()> {
    let process = format!(
        "/proc/{}",
        cluster.workers[1].pid().context("the worker runs")?
    );
    ensure!(std::path::Path::new(&process).exists());
    cluster.workers[1].kill()?;
    ensure!(!std::path::Path::new(&process).exists());
    ensure!(
        http::get(&format!("{}/v1/info", cluster.workers[1].url()), &[])
            .await
            .is_err()
    );
    cluster.start_worker(1).await
}

async fn restarted(cluster: &mut Cluster) -> Result<()> {
    let suffix = |id: &str| id.rsplit('_').next().unwrap_or_default().to_owned();
    let before = cluster.client(VIEWER).submit("SELECT 1").await?.id;
    cluster.restart_coordinator().await?;
    let after = cluster.client(VIEWER).submit("SELECT 1").await?.id;
    ensure!(suffix(&before) != suffix(&after), "{before} {after}");
    Ok(())
}
