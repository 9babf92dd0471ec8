//! Pods by Prometheus: one metric that every worker has, whose series carry the worker's address as `instance` and
//! the pod's name as a label. When Prometheus does not answer, the last map stays and its age grows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::core::buffers::address::{host_of, port_of};
use crate::core::buffers::directory::{Directory, Pod, Sighting};

use super::board::Board;
use super::body::pour;
use super::client::{Client, Expect};
use super::failure::Failure;
use super::metric_text::Whole;
use super::options::PrometheusOptions;

/// What Trino 476 and newer call it by default; older releases and JMX exporters have the documented name.
pub const NEWER_METRIC: &str =
    "trino_execution_executor_dedicated_name_ThreadPerDriverTaskExecutor_Tasks";

/// Thousands of workers answer in less than 1 MB.
const ANSWER: u64 = 32 << 20;

/// Labels that hold the pod's name, best first.
const POD: [&str; 3] = ["pod", "kubernetes_pod_name", "exported_pod"];
/// Labels that hold its namespace.
const NAMESPACE: [&str; 3] = ["namespace", "kubernetes_namespace", "exported_namespace"];
/// Labels that hold its release.
const RELEASE: [&str; 2] = ["app_kubernetes_io_instance", "release"];
/// Labels that tell a coordinator from a worker.
const COMPONENT: [&str; 2] = ["app_kubernetes_io_component", "component"];

/// Asks Prometheus again and again.
#[derive(Debug)]
pub struct PrometheusSource {
    client: Client,
    url: Url,
    metric: String,
    worker_port: u16,
    matched: Arc<Matched>,
}

/// Which metric found series.
#[derive(Debug, Default)]
pub struct Matched(Mutex<Option<String>>);

impl Matched {
    /// The metric's name; `None` before any has matched.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes the metric; true when it is another than before.
    fn set(&self, metric: &str) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = held.as_deref() != Some(metric);
        *held = Some(metric.to_owned());
        news
    }
}

/// The part of an instant query's answer that is read.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Series>,
}

/// One series: its labels, and the time of its last sample as the value of `timestamp()`.
#[derive(Debug, Deserialize)]
struct Series {
    metric: HashMap<String, String>,
    value: (f64, String),
}

impl PrometheusSource {
    /// A source; asks nothing yet.
    #[must_use]
    pub fn new(options: PrometheusOptions, worker_port: u16, matched: Arc<Matched>) -> Self {
        Self {
            client: Client::new(options.access),
            url: options.url,
            metric: options.metric,
            worker_port,
            matched,
        }
    }

    /// Keeps the board's map up to date until `stop`.
    pub async fn run(self, board: Arc<Board>, interval: Duration, stop: CancellationToken) {
        let mut failing = false;
        let work = async {
            loop {
                match self.directory().await {
                    Ok(directory) => {
                        if std::mem::take(&mut failing) {
                            tracing::info!("Prometheus answers again");
                        }
                        board.prometheus(directory);
                    }
                    Err(failure) => {
                        failing = true;
                        tracing::warn!(reason = failure.reason(), error = %failure, "Could not ask Prometheus; the last map stays");
                    }
                }
                tokio::time::sleep(interval).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    async fn directory(&self) -> Result<Directory, Failure> {
        let mut series = Vec::new();
        for metric in [self.metric.as_str(), NEWER_METRIC] {
            series = self.series(metric).await?;
            if !series.is_empty() {
                if self.matched.set(metric) {
                    tracing::info!(
                        metric,
                        series = series.len(),
                        "Workers are mapped by this metric"
                    );
                }
                break;
            }
        }
        let port = self.worker_port;
        Ok(Directory::new(
            series.iter().filter_map(|series| sighting(series, port)),
        ))
    }

    async fn series(&self, metric: &str) -> Result<Vec<Series>, Failure> {
        let mut url = self.url.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/api/v1/query"));
        url.query_pairs_mut()
            .append_pair("query", &format!("timestamp({metric})"));
        let response = self.client.get(url, Expect::Json).await?;
        let (whole, _) = pour(response, Whole::new(ANSWER), self.client.timeout()).await?;
        let answer: Answer = serde_json::from_slice(&whole.bytes)
            .map_err(|_| Failure::Unexpected("this is not a Prometheus answer".to_owned()))?;
        Ok(answer.data.result)
    }
}

/// What one series says; `None` for coordinators and for series without address or pod.
fn sighting(series: &Series, worker_port: u16) -> Option<Sighting> {
    let label = |names: &[&str]| {
        let values = names.iter().filter_map(|name| series.metric.get(*name));
        values.into_iter().find(|value| !value.is_empty()).cloned()
    };
    if label(&COMPONENT).as_deref() == Some("coordinator") {
        return None;
    }
    let instance = series.metric.get("instance")?;
    let seconds: f64 = series.value.1.parse().ok()?;
    #[allow(clippy::cast_possible_truncation)] // a time in ms fits for the next 200 million years
    let recency = (seconds * 1000.0) as i64;
    Some(Sighting {
        host: host_of(instance).to_owned(),
        pod: Pod {
            namespace: label(&NAMESPACE).unwrap_or_default(),
            name: label(&POD)?,
            release: label(&RELEASE),
        },
        preferred: port_of(instance) == Some(worker_port),
        recency,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(json: &str) -> Directory {
        let answer: Answer = serde_json::from_str(json).expect("an answer");
        Directory::new(answer.data.result.iter().filter_map(|s| sighting(s, 8080)))
    }

    fn series(labels: &str, time: &str) -> String {
        format!(r#"{{"metric":{{{labels}}},"value":[1700000000.1,"{time}"]}}"#)
    }

    fn answer(series: &[String]) -> String {
        format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
            series.join(",")
        )
    }

    #[test]
    fn pod_and_namespace_come_from_the_first_label_that_has_them() {
        let found = directory(&answer(&[
            series(
                r#""instance":"10.0.0.1:8080","pod":"a","namespace":"n""#,
                "5",
            ),
            series(
                r#""instance":"[2001:db8::2]:8080","kubernetes_pod_name":"b","kubernetes_namespace":"m""#,
                "5",
            ),
            series(
                r#""instance":"10.0.0.3:8080","pod":"","exported_pod":"c","release":"blue""#,
                "5",
            ),
        ]));
        let pod = |host| {
            found
                .at_host(host)
                .map(|p| (p.name.clone(), p.namespace.clone()))
        };
        assert_eq!(pod("10.0.0.1"), Some(("a".into(), "n".into())));
        assert_eq!(pod("2001:db8::2"), Some(("b".into(), "m".into())));
        assert_eq!(pod("10.0.0.3"), Some(("c".into(), String::new())));
    }

    #[test]
    fn the_workers_own_port_beats_another_and_the_latest_sample_an_older() {
        let found = directory(&answer(&[
            series(r#""instance":"10.0.0.1:8080","pod":"old""#, "5"),
            series(r#""instance":"10.0.0.1:8080","pod":"new""#, "6"),
            series(r#""instance":"10.0.0.1:5556","pod":"jmx""#, "7"),
        ]));
        assert_eq!(
            found.at_host("10.0.0.1").map(|p| p.name.as_str()),
            Some("new")
        );
    }

    #[test]
    fn coordinators_and_nameless_series_are_left_out() {
        let found = directory(&answer(&[
            series(
                r#""instance":"10.0.0.1:8080","pod":"c","app_kubernetes_io_component":"coordinator""#,
                "5",
            ),
            series(r#""instance":"10.0.0.2:8080""#, "5"),
            series(r#""pod":"nowhere""#, "5"),
        ]));
        assert!(found.is_empty());
    }
}
