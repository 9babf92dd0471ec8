//! The endpoints: readiness, the snapshot with its questions and token, the stream.

use std::time::Duration;

use xtrinode::core::buffers::wire::{WireChange, WireSnapshot};
use xtrinode::demo::simulator::{Bind, Simulator, SimulatorConfig};

use super::super::binary::run;
use super::harness::{Running, c, watch, watch_with};

async fn cluster() -> Simulator {
    let config = SimulatorConfig {
        bind: Bind::Ports,
        ..SimulatorConfig::default()
    };
    Simulator::start(config).await.unwrap()
}

/// Reads a stream until one event is whole.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn open(exporter: &Running) -> Self {
        let response = exporter.open("/v1/snapshot?watch").await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// Name and data of the next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or("").trim_start().to_owned()
                };
                let found = (field("event:"), field("data:"));
                self.text = rest.into();
                return Some(found);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk());
            let chunk = chunk.await.expect("silent for 30 s").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn readiness_waits_for_the_first_cycle_even_a_bad_one() {
    let exporter = watch("http://127.0.0.1:1").await;
    exporter.first_cycle().await;
    assert_eq!(exporter.get("/readyz").await, (200, "ok\n".to_owned()));
    let (_, verbose) = exporter.get("/readyz?verbose").await;
    assert!(verbose.contains("the first cycle of c"), "{verbose}");
    exporter.stop().await;
}

#[tokio::test]
async fn max_age_waits_for_a_newer_cycle() {
    let simulator = cluster().await;
    let exporter = watch_with(
        &simulator.coordinator_uri(),
        "pollIntervalSeconds: 600\nstaleAfterSeconds: 900",
    )
    .await;
    exporter
        .until("a complete cycle", |s| c(s).state == "complete")
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = c(&exporter.snapshot().await).age_seconds.unwrap();
    assert!(before >= 0.3);
    let (status, body) = exporter.get("/v1/snapshot?maxAge=200ms").await;
    assert_eq!(status, 200);
    let after: WireSnapshot = serde_json::from_str(&body).unwrap();
    assert!(
        c(&after).age_seconds.unwrap() < before,
        "a cycle of its own: {body}"
    );
    exporter.stop().await;
}

#[tokio::test]
async fn a_bad_question_is_400() {
    let exporter = watch("http://127.0.0.1:1").await;
    for bad in ["maxAge=soon", "max_age=5s", "watch=perhaps"] {
        let (status, body) = exporter.get(&format!("/v1/snapshot?{bad}")).await;
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("give"), "{body}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn the_token_is_demanded_and_follows_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let more = format!("snapshot: {{tokenFile: {}}}", file.display());
    let exporter = watch_with("http://127.0.0.1:1", &more).await;
    assert_eq!(exporter.get("/v1/snapshot").await.0, 401);
    assert_eq!(
        exporter.get_with("/v1/snapshot", Some("wrong")).await.0,
        401
    );
    assert_eq!(
        exporter.get_with("/v1/snapshot", Some("first")).await.0,
        200
    );
    std::fs::write(&file, "second").unwrap();
    assert_eq!(
        exporter.get_with("/v1/snapshot", Some("first")).await.0,
        401
    );
    assert_eq!(
        exporter.get_with("/v1/snapshot", Some("second")).await.0,
        200
    );
    assert_eq!(
        exporter.get("/metrics").await.0,
        200,
        "metrics need no token"
    );
    exporter.stop().await;
}

#[tokio::test]
async fn a_watcher_gets_the_whole_then_changes_then_the_end() {
    let simulator = cluster().await;
    let exporter = watch(&simulator.coordinator_uri()).await;
    exporter
        .until("a complete cycle", |s| c(s).state == "complete")
        .await;
    let mut events = Events::open(&exporter).await;
    let (name, data) = events.next().await.unwrap();
    assert_eq!(name, "snapshot");
    let whole: WireSnapshot = serde_json::from_str(&data).unwrap();
    assert_eq!(c(&whole).state, "complete");
    let (name, data) = events.next().await.unwrap();
    assert_eq!(name, "change", "the next cycle is news");
    let change: WireChange = serde_json::from_str(&data).unwrap();
    assert!(change.coordinators.contains_key("c"));
    let end = tokio::spawn(async move { while events.next().await.is_some() {} });
    exporter.stop().await;
    end.await.unwrap();
}

#[tokio::test]
async fn a_probe_says_whether_an_exporter_is_ready() {
    let exporter = watch("http://127.0.0.1:1").await;
    exporter.first_cycle().await;
    let probe = |path: &str| {
        let url = format!("{}{path}", exporter.url);
        tokio::task::spawn_blocking(move || run(&["probe", &url]))
    };
    let ready = probe("/readyz").await.unwrap();
    assert_eq!((ready.code, ready.out.as_str()), (0, "200 OK\nok\n"));
    assert_eq!(probe("/nothing-here").await.unwrap().code, 1);
    let nobody = tokio::task::spawn_blocking(|| run(&["probe", "http://127.0.0.1:1/"]));
    assert_eq!(nobody.await.unwrap().code, 1);
    exporter.stop().await;
}
