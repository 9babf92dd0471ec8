//! Starts exporters and asks them, with bounded patience.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xtrinode::core::buffers::wire::{WireCoordinator, WireSnapshot, WireWorker};
use xtrinode::exporter::Exporter;
use xtrinode::exporter::config::{Overrides, parse};
use xtrinode::web::tls::install_provider;

/// Looks made before a condition counts as never met: 20 s, twenty times what any of them needs.
const LOOKS: usize = 400;
const LOOK: Duration = Duration::from_millis(50);

/// A running exporter.
pub struct Running {
    pub url: String,
    client: reqwest::Client,
    stop: CancellationToken,
    work: JoinHandle<anyhow::Result<()>>,
}

/// An exporter of one coordinator `c` that polls twice a second.
pub async fn watch(coordinator: &str) -> Running {
    watch_with(coordinator, "").await
}

/// The same with further lines of configuration.
pub async fn watch_with(coordinator: &str, more: &str) -> Running {
    let coordinators =
        format!("coordinators:\n  c: {{url: {coordinator}, release: blue, namespace: trino}}\n");
    start(&format!("{coordinators}{more}\n")).await
}

/// An exporter of a whole configuration.
pub async fn start(yaml: &str) -> Running {
    install_provider();
    let defaults = "metricsPort: 0\npollIntervalSeconds: 0.5\nrequestTimeoutSeconds: 2\n";
    let text = format!("{yaml}{}", missing(defaults, yaml));
    let parsed = parse(&text, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    let stop = CancellationToken::new();
    let exporter = Exporter::prepare(&parsed.settings, &stop).await.unwrap();
    Running {
        url: exporter.url.clone(),
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        work: tokio::spawn(exporter.run()),
        stop,
    }
}

/// The default lines that `yaml` does not set itself.
fn missing(defaults: &str, yaml: &str) -> String {
    let key = |line: &str| line.split(':').next().unwrap().to_owned();
    let set: Vec<_> = yaml.lines().map(key).collect();
    let lines = defaults.lines().filter(|line| !set.contains(&key(line)));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Waits until something is true.
pub async fn eventually(what: &str, mut met: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if met() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("never came: {what}");
}

impl Running {
    /// Status and body of a GET.
    pub async fn get(&self, path: &str) -> (u16, String) {
        self.get_with(path, None).await
    }

    pub async fn get_with(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The streaming form of an answer.
    pub async fn open(&self, path: &str) -> reqwest::Response {
        let url = format!("{}{path}", self.url);
        self.client.get(url).send().await.unwrap()
    }

    pub async fn snapshot(&self) -> WireSnapshot {
        let (status, body) = self.get("/v1/snapshot").await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(&self.get("/metrics").await.1)
    }

    /// The first snapshot that satisfies `met`.
    pub async fn until(&self, what: &str, met: impl Fn(&WireSnapshot) -> bool) -> WireSnapshot {
        for _ in 0..LOOKS {
            let snapshot = self.snapshot().await;
            if met(&snapshot) {
                return snapshot;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("never saw {what}; last: {:#?}", self.snapshot().await);
    }

    /// The first snapshot after a cycle of `c` has ended, well or badly.
    pub async fn first_cycle(&self) -> WireSnapshot {
        self.until("a first cycle", |s| s.coordinators["c"].up.is_some())
            .await
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.work.await.unwrap().unwrap();
    }
}

/// The coordinator `c` of a snapshot.
pub fn c(snapshot: &WireSnapshot) -> &WireCoordinator {
    &snapshot.coordinators["c"]
}

pub fn at_risk(worker: &WireWorker) -> u64 {
    let of = &worker.held.tasks_at_risk;
    [of.none, of.query]
        .iter()
        .map(|g| g.holding + g.flushing + g.empty)
        .sum()
}

pub fn total(snapshot: &WireSnapshot, of: impl Fn(&WireWorker) -> u64) -> u64 {
    snapshot.workers.iter().map(of).sum()
}

/// The reason word of the last cycle's problem.
pub fn reason(snapshot: &WireSnapshot) -> Option<&str> {
    c(snapshot)
        .problem
        .as_ref()
        .map(|problem| problem.reason.as_str())
}

pub fn detail(snapshot: &WireSnapshot) -> &str {
    c(snapshot)
        .problem
        .as_ref()
        .map_or("", |problem| &problem.detail)
}

/// A parsed metrics page: value by series text.
pub struct Metrics(pub BTreeMap<String, f64>);

impl Metrics {
    fn parse(page: &str) -> Self {
        let samples = page
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let pair = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a sample");
            (series.to_owned(), value.parse().expect("a value"))
        };
        Self(samples.map(pair).collect())
    }

    /// The one series of `name` that has all `labels`.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        let fits = |series: &&String| {
            series.split('{').next() == Some(name)
                && wanted.iter().all(|label| series.contains(label))
        };
        let mut found = self.0.keys().filter(fits);
        let first = found.next().map(|series| self.0[series]);
        assert!(
            found.next().is_none(),
            "several series of {name} {labels:?}"
        );
        first
    }

    /// Series of a name.
    pub fn count(&self, name: &str) -> usize {
        self.0
            .keys()
            .filter(|series| series.split('{').next() == Some(name))
            .count()
    }
}
