//! A real Prometheus on loopback that scrapes what a test tells it to, and answers PromQL.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::leash::Leashed;
use crate::{http, net, parts, wait};

/// Seconds that a start or a scrape may take.
const PATIENCE: u32 = 60;

/// One series of an instant query's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A running Prometheus. Dropping it kills it.
pub struct Prometheus {
    address: SocketAddr,
    process: Leashed,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts it with these entries of `scrape_configs` (YAML, a list), scraping every second.
    pub async fn start(scrape_configs: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("prometheus.yml");
        let config = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n{}\n",
            indent(scrape_configs)
        );
        std::fs::write(&path, config)?;
        let address = net::free_loopback()?;
        let arguments = [
            format!("--config.file={}", path.display()),
            format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ),
            format!("--web.listen-address={address}"),
        ];
        let program = parts::command("prometheus", "prometheus")?;
        let log = directory.path().join("prometheus.log");
        let process = Leashed::start(&program, arguments, directory.path(), &log)?;
        let mut prometheus = Self {
            address,
            process,
            _directory: directory,
        };
        prometheus.wait_ready().await?;
        Ok(prometheus)
    }

    /// `http://address:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An instant query.
    pub async fn query(&self, promql: &str) -> Result<Vec<Sample>> {
        let mut url = url::Url::parse(&format!("{}/api/v1/query", self.url()))?;
        url.query_pairs_mut().append_pair("query", promql);
        let answer = http::get(url.as_str(), &[]).await?;
        ensure!(
            answer.status == 200,
            "{promql}: {} {}",
            answer.status,
            answer.body
        );
        let result = &answer.json()?["data"]["result"];
        result
            .as_array()
            .context("a vector")?
            .iter()
            .map(sample)
            .collect()
    }

    /// Waits until a query's answer satisfies `wanted`, and gives it.
    pub async fn wait_for(
        &self,
        promql: &str,
        wanted: impl Fn(&[Sample]) -> bool,
    ) -> Result<Vec<Sample>> {
        wait::until(promql, PATIENCE, async || {
            let samples = self.query(promql).await?;
            Ok(wanted(&samples).then_some(samples))
        })
        .await
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let url = format!("{}/-/ready", self.url());
        wait::until("Prometheus to be ready", PATIENCE, async || {
            self.process.check_alive()?;
            let ready = http::get(&url, &[])
                .await
                .is_ok_and(|answer| answer.status == 200);
            Ok(ready.then_some(()))
        })
        .await
    }
}

fn sample(entry: &Value) -> Result<Sample> {
    let labels = entry["metric"].as_object().context("labels")?;
    let value = entry["value"][1].as_str().context("a value")?;
    Ok(Sample {
        labels: labels
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        value: value.parse()?,
    })
}

fn indent(yaml: &str) -> String {
    yaml.lines().map(|line| format!("  {line}\n")).collect()
}
