//! What the exporter's questions cost a real coordinator: CPU of its process, with 20 held queries, in interleaved windows.
//! A measurement, not a test: it runs only when its name is given (`cargo test --test cluster -- measure-cost`) and prints
//! what goes into docs/evidence.md.

use anyhow::{Context, Result, ensure};
use std::time::Duration;

use crate::client::Statement;
use crate::harness::WIDE;
use crate::http;
use crate::runner::{Scenario, Stage};
use crate::trino::{Cluster, Options, Version};
use crate::trino_config::{ADMIN, VIEWER};
use crate::wait;

const QUERIES: usize = 20;
const ROUNDS: usize = 7;
/// Requests in one window, spread over it.
const REQUESTS: usize = 60;
const WINDOW: Duration = Duration::from_secs(6);

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "measure-cost",
        stage: Stage::Alone(|| Box::pin(measure())),
    }]
}

/// CPU milliseconds, requests and bytes of one window.
#[derive(Clone, Copy, Default)]
struct Window {
    cpu_ms: f64,
    requests: usize,
    bytes: usize,
}

async fn measure() -> Result<()> {
    for version in Version::ALL {
        let mut options = Options::new(version);
        // Twenty held queries of 32 MB on each worker would not fit; what a read costs does not depend on it.
        options.properties = vec![
            ("sink.max-buffer-size".into(), "2MB".into()),
            ("exchange.max-buffer-size".into(), "2MB".into()),
        ];
        options.heap_mb = 1500;
        let cluster = Cluster::start(&options).await?;
        let held = hold(&cluster).await?;
        report(&cluster, &held).await?;
        cluster.stop().await?;
    }
    Ok(())
}

async fn hold(cluster: &Cluster) -> Result<Vec<Statement>> {
    let client = cluster.client(VIEWER);
    let mut held = Vec::new();
    for _ in 0..QUERIES {
        held.push(client.hold(WIDE).await?);
    }
    wait::until("all queries to be RUNNING", 60, async || {
        let running = cluster.queries().await?;
        let running = running.iter().filter(|query| query["state"] == "RUNNING");
        Ok((running.count() == QUERIES).then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(held)
}

async fn report(cluster: &Cluster, held: &[Statement]) -> Result<()> {
    let lists = vec![format!("{}/v1/query", cluster.url())];
    let documents: Vec<_> = held
        .iter()
        .map(|statement| format!("{}/v1/query/{}", cluster.url(), statement.id))
        .collect();
    let metrics = vec![format!(
        "{}/metrics?name[]=trino_execution_name_QueryManager_RunningQueries",
        cluster.url()
    )];
    let kinds = [
        ("list", lists),
        ("document", documents),
        ("metrics", metrics),
    ];
    let mut idle = Vec::new();
    let mut asked = vec![Vec::new(); kinds.len()];
    for _ in 0..ROUNDS {
        idle.push(window(cluster, &[]).await?);
        for (urls, windows) in kinds.iter().map(|(_, urls)| urls).zip(&mut asked) {
            windows.push(window(cluster, urls).await?);
        }
        for statement in held {
            statement.stay_alive().await?;
        }
    }
    let base = median(idle.iter().map(|w| w.cpu_ms));
    let noise = spread(idle.iter().map(|w| w.cpu_ms));
    println!(
        "{}: idle {base:.0} CPU-ms in {} s, spread ±{noise:.0}",
        cluster.version.part(),
        WINDOW.as_secs()
    );
    for ((name, _), windows) in kinds.iter().zip(&asked) {
        let extra = median(windows.iter().map(|w| w.cpu_ms)) - base;
        let (requests, bytes) = (windows[0].requests as f64, windows[0].bytes as f64);
        let verdict = if extra.abs() <= noise {
            " (below noise)"
        } else {
            ""
        };
        println!(
            "  {name}: {:.2} CPU-ms a read, {:.1} kB each, {:.1} CPU-ms per MB{verdict}",
            extra / requests,
            bytes / requests / 1e3,
            extra / (bytes / 1e6),
        );
    }
    Ok(())
}

/// Spreads `REQUESTS` over a window (none without urls) and says what the coordinator's process spent in it.
async fn window(cluster: &Cluster, urls: &[String]) -> Result<Window> {
    let before = cpu_ms(cluster)?;
    let mut window = Window::default();
    let ends = tokio::time::Instant::now() + WINDOW;
    if !urls.is_empty() {
        for url in urls.iter().cycle().take(REQUESTS) {
            let answer = http::get(url, &[("X-Trino-User", ADMIN)]).await?;
            ensure!(answer.status == 200, "{url}: {}", answer.status);
            window.requests += 1;
            window.bytes += answer.body.len();
        }
    }
    tokio::time::sleep_until(ends).await;
    window.cpu_ms = cpu_ms(cluster)? - before;
    Ok(window)
}

/// User and system time of the coordinator's process; ticks of 10 ms.
fn cpu_ms(cluster: &Cluster) -> Result<f64> {
    let pid = cluster.coordinator.pid().context("the coordinator runs")?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .context("fields")?
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 * 10.0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Half the distance between the lowest and the highest.
fn spread(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(0.0, f64::max);
    (highest - lowest) / 2.0
}
