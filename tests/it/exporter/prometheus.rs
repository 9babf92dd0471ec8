//! Workers mapped by the labels of a scripted Prometheus, and what stays of the map when it turns hostile.

use serde_json::{Value, json};

use super::fake::Fake;
use super::harness::{Running, c};
use super::reply::{Body, Reply};
use super::scene::{QUERY, complete, coordinator, watch_fast};

const OLDER: &str =
    "/api/v1/query?query=timestamp%28trino_execution_executor_TaskExecutor_Tasks%29";
const NEWER: &str = "/api/v1/query?query=timestamp%28trino_execution_executor_dedicated_name_ThreadPerDriverTaskExecutor_Tasks%29";
const ANY: &str = "/api/v1/query";

const AGE: &str = "trino_buffer_exporter_mapping_source_age_seconds";

fn series(instance: &str, pod: &str) -> Value {
    json!({"metric": {"instance": instance, "pod": pod, "namespace": "analytics",
        "app_kubernetes_io_instance": "blue"}, "value": [1_700_000_000.5, "1700000000"]})
}

fn answer(series: &[Value]) -> Reply {
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": series}});
    Reply::json(body.to_string())
}

/// The two workers of the captured query, and an idle third.
fn workers() -> Reply {
    answer(&[
        series("127.0.1.1:18081", "trino-worker-a"),
        series("127.0.1.2:18082", "trino-worker-b"),
        series("127.0.1.3:18083", "trino-worker-idle"),
    ])
}

struct Mapped {
    trino: Fake,
    prometheus: Fake,
    exporter: Running,
}

impl Mapped {
    async fn start(target: &str, more: &str) -> Self {
        let (trino, prometheus) = (coordinator(&[QUERY]).await, Fake::start().await);
        prometheus.on(ANY, answer(&[]));
        prometheus.on(target, workers());
        let more = format!("prometheus:\n  url: {}\n{more}", prometheus.url);
        let exporter = watch_fast(&trino.url, &more).await;
        let mapped = Self {
            trino,
            prometheus,
            exporter,
        };
        mapped.is_mapped().await;
        mapped
    }

    async fn is_mapped(&self) {
        let named = |s: &_| complete(s) && s.workers.iter().all(|w| w.mapping == "prometheus");
        let seen = self.exporter.until("pods", named).await;
        let pods: Vec<_> = seen.workers.iter().map(|w| w.pod.as_str()).collect();
        assert_eq!(
            pods,
            ["trino-worker-a", "trino-worker-b", "trino-worker-idle"]
        );
        assert!(seen.workers.iter().all(|w| w.namespace == "analytics"));
        assert_eq!(seen.workers[0].held.buffered_bytes, 34_010_033);
        assert_eq!(seen.workers[2].held.buffered_bytes, 0);
    }

    async fn age(&self) -> f64 {
        let metrics = self.exporter.metrics().await;
        metrics.get(AGE, &[("source", "prometheus")]).unwrap()
    }
}

#[tokio::test]
async fn workers_get_their_pods_and_idle_ones_are_zero() {
    let mapped = Mapped::start(OLDER, "").await;
    let metrics = mapped.exporter.metrics().await;
    let bytes = |pod| {
        let labels = [
            ("pod", pod),
            ("namespace", "analytics"),
            ("release", "blue"),
        ];
        metrics.get("trino_worker_output_buffered_bytes", &labels)
    };
    assert_eq!(bytes("trino-worker-a"), Some(34_010_033.0));
    assert_eq!(bytes("trino-worker-b"), Some(34_001_807.0));
    assert_eq!(bytes("trino-worker-idle"), Some(0.0));
    assert!(mapped.prometheus.asked(NEWER).is_empty());
    mapped.exporter.stop().await;
}

#[tokio::test]
async fn the_name_that_newer_trino_has_is_tried_next() {
    let mapped = Mapped::start(NEWER, "").await;
    assert!(!mapped.prometheus.asked(OLDER).is_empty());
    let metrics = mapped.exporter.metrics().await;
    let name = "trino_execution_executor_dedicated_name_ThreadPerDriverTaskExecutor_Tasks";
    let matched = metrics.get("trino_buffer_exporter_mapping_metric", &[("metric", name)]);
    assert_eq!(matched, Some(1.0));
    mapped.exporter.stop().await;
}

#[tokio::test]
async fn a_prometheus_that_turns_hostile_leaves_the_last_map_with_its_age() {
    let mapped = Mapped::start(OLDER, "requestTimeoutSeconds: 1\nmaxResponseBytes: 131072").await;
    for hostile in [
        Reply::refusal(401),
        Reply::refusal(503),
        Reply::html("<html>Log in</html>"),
        Reply::json("<html>Log in</html>"),
        Reply::json(r#"{"status":"error","errorType":"internal","error":"no"}"#),
        Reply::json(r#"{"status":"success","data":{"resultType":"vector","result":[5]}}"#),
        Reply::of(Body::Short(b"{".to_vec())),
        Reply::of(Body::Raw(Vec::new())),
    ] {
        mapped.prometheus.on(OLDER, hostile);
        let times = mapped.prometheus.asked(OLDER).len() + 2;
        mapped.prometheus.until_asked(OLDER, times).await;
        let before = mapped.age().await;
        let times = mapped.prometheus.asked(OLDER).len() + 1;
        mapped.prometheus.until_asked(OLDER, times).await;
        assert!(mapped.age().await > before, "it answered nothing");
        mapped.is_mapped().await;
    }
    mapped.prometheus.on(OLDER, workers());
    let asked = mapped.prometheus.asked(OLDER).len();
    mapped.prometheus.until_asked(OLDER, asked + 2).await;
    mapped.is_mapped().await;
    mapped.exporter.stop().await;
}

#[tokio::test]
async fn a_prometheus_that_is_away_leaves_the_last_map_with_its_age() {
    let mut mapped = Mapped::start(OLDER, "").await;
    mapped.prometheus = Fake::start().await;
    let before = mapped.age().await;
    let lists = mapped.trino.asked("/v1/query").len();
    mapped.trino.until_asked("/v1/query", lists + 4).await;
    assert!(mapped.age().await > before);
    mapped.is_mapped().await;
    mapped.exporter.stop().await;
}

#[tokio::test]
async fn without_any_answer_workers_are_unmapped_and_counted() {
    let (trino, prometheus) = (coordinator(&[QUERY]).await, Fake::start().await);
    let more = format!("prometheus: {{url: '{}'}}", prometheus.url);
    let exporter = watch_fast(&trino.url, &more).await;
    let seen = exporter.until("a complete cycle", complete).await;
    assert_eq!(c(&seen).unmapped, ["127.0.1.1:18081", "127.0.1.2:18082"]);
    assert!(
        seen.workers
            .iter()
            .all(|w| w.mapping == "unmapped" && w.namespace.is_empty())
    );
    let metrics = exporter.metrics().await;
    let unmapped = metrics.get(
        "trino_buffer_exporter_unmapped_workers",
        &[("coordinator", "c")],
    );
    assert_eq!(unmapped, Some(2.0));
    assert_eq!(metrics.count(AGE), 0);
    exporter.stop().await;
}

#[tokio::test]
async fn prometheus_gets_its_own_credentials_and_trino_never_does() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "prometheus-token\n").unwrap();
    let auth = format!("  auth: {{type: bearer, tokenFile: '{}'}}", file.display());
    let mapped = Mapped::start(OLDER, &auth).await;
    for asked in mapped.prometheus.asked("/") {
        assert_eq!(
            asked.header("authorization"),
            Some("Bearer prometheus-token")
        );
        assert_eq!(asked.header("x-trino-user"), None);
    }
    for asked in mapped.trino.asked("/") {
        assert_eq!(asked.header("authorization"), None);
    }
    mapped.exporter.stop().await;
}
