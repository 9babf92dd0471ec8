//! A coordinator in the words of captured documents, an exporter that has read it well once, and what must be true
//! after the coordinator turned hostile: a reason in snapshot and metrics, the last good facts, no zero.

use std::path::Path;

use futures::future::join_all;
use serde_json::Value;
use xtrinode::core::buffers::wire::{WireHoldings, WireSnapshot};

use super::fake::Fake;
use super::harness::{Running, c, reason, watch_with};
use super::reply::Reply;

/// The query of `running-slow-client.json` of Trino 476.
pub const QUERY: &str = "20261122_022841_00000_js5gy";

/// Its document's path.
pub const DETAIL: &str = "/v1/query/20261122_022841_00000_js5gy";

pub const LIST: &str = "/v1/query";

/// A captured document.
pub fn capture(name: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::read_to_string(data.join(name)).unwrap()
}

/// The document of a held query: 34 MB on each of two workers.
pub fn held(id: &str) -> String {
    capture("trino-476/running-slow-client.json").replace(QUERY, id)
}

/// A list of running queries.
pub fn list(ids: &[&str]) -> Reply {
    let entry = |id| serde_json::json!({"queryId": id, "state": "RUNNING", "retryPolicy": "NONE"});
    let entries: Vec<Value> = ids.iter().map(entry).collect();
    Reply::json(serde_json::to_vec(&entries).unwrap())
}

/// `/v1/info` of a coordinator that is up.
pub fn info() -> Value {
    serde_json::json!({"nodeVersion": {"version": "476"}, "environment": "test", "coordinator": true,
        "starting": false, "uptime": "5.00m"})
}

/// The coordinator's own count of running queries.
pub fn running(count: usize) -> Reply {
    Reply::text(&format!(
        "# TYPE q gauge\ntrino_execution_name_QueryManager_RunningQueries {count}\n"
    ))
}

/// A coordinator that answers well: these queries run, each held.
pub async fn coordinator(ids: &[&str]) -> Fake {
    let fake = Fake::start().await;
    behave(&fake, ids);
    fake
}

/// Makes a server answer like one.
pub fn behave(fake: &Fake, ids: &[&str]) {
    fake.on("/v1/info", Reply::json(info().to_string()));
    fake.on("/metrics", running(ids.len()));
    fake.on(LIST, list(ids));
    for id in ids {
        fake.on(&format!("/v1/query/{id}"), Reply::json(held(id)));
    }
}

/// A coordinator and an exporter that knows it well.
pub struct Scene {
    pub fake: Fake,
    pub exporter: Running,
    /// What was known.
    pub good: WireSnapshot,
}

impl Scene {
    /// One held query.
    pub async fn good(more: &str) -> Self {
        Self::with(&[QUERY], more).await
    }

    /// Several held queries.
    pub async fn with(ids: &[&str], more: &str) -> Self {
        let fake = coordinator(ids).await;
        let exporter = watch_fast(&fake.url, more).await;
        let good = exporter.until("a complete cycle", complete).await;
        let both = good.workers.iter().all(|w| w.held.buffered_bytes > 1 << 20);
        assert!(good.workers.len() == 2 && both, "{good:#?}");
        Self {
            fake,
            exporter,
            good,
        }
    }

    /// Waits for a reason and checks that it is counted and that nothing known was lost.
    pub async fn refused(&self, by: &str) -> WireSnapshot {
        let what = format!("reason {by}");
        let seen = self.exporter.until(&what, |s| reason(s) == Some(by)).await;
        assert_eq!(c(&seen).state, "partial", "{by}");
        self.nothing_lost(&seen).await;
        let metrics = self.exporter.metrics().await;
        let labels = [("coordinator", "c"), ("release", "blue"), ("reason", by)];
        let counted = ["queries_failed_total", "list_failures_total"].map(|name| {
            let name = format!("trino_buffer_exporter_{name}");
            metrics.get(&name, &labels).unwrap_or(0.0)
        });
        assert!(counted[0] + counted[1] >= 1.0, "{by} is not counted");
        seen
    }

    /// The workers are those of the good time, and no zero is published.
    pub async fn nothing_lost(&self, seen: &WireSnapshot) {
        assert_eq!(held_by(seen), held_by(&self.good));
        let metrics = self.exporter.metrics().await;
        for worker in &self.good.workers {
            let pod = [("pod", worker.pod.as_str())];
            let bytes = metrics.get("trino_worker_output_buffered_bytes", &pod);
            assert_eq!(bytes, Some(worker.held.buffered_bytes as f64));
        }
    }
}

/// An exporter that polls ten times a second.
pub async fn watch_fast(url: &str, more: &str) -> Running {
    watch_with(url, &format!("pollIntervalSeconds: 0.1\n{more}")).await
}

pub fn complete(snapshot: &WireSnapshot) -> bool {
    c(snapshot).state == "complete"
}

/// Pods with what they hold.
pub fn held_by(snapshot: &WireSnapshot) -> Vec<(&str, &WireHoldings)> {
    let workers = snapshot.workers.iter();
    workers.map(|w| (w.pod.as_str(), &w.held)).collect()
}

/// A bad answer and the word for it.
pub type Row = (Reply, &'static str);

/// Each row against an exporter of its own, all at once.
pub async fn each(path: &str, more: &str, rows: Vec<Row>) {
    let row = async |(reply, word): Row| {
        let scene = Scene::good(more).await;
        scene.fake.on(path, reply);
        scene.refused(word).await;
        scene.exporter.stop().await;
    };
    join_all(rows.into_iter().map(row)).await;
}

pub fn json(body: &str) -> Reply {
    Reply::json(body)
}
