//! Proofs of visibility that prove nothing: an empty list of a user without permission, and workers that are asked
//! instead of the coordinator's count. In each scene a worker holds data that the list does not show.

use serde_json::{Value, json};
use xtrinode::core::buffers::wire::WireSnapshot;

use super::fake::Fake;
use super::harness::c;
use super::reply::Reply;
use super::scene::{DETAIL, LIST, QUERY, coordinator, held, list, watch_fast};

fn status(coordinator: bool, memory: &Value) -> Reply {
    let status = json!({"nodeId": "w", "nodeVersion": {"version": "476"}, "coordinator": coordinator,
        "memoryInfo": memory});
    Reply::json(status.to_string())
}

fn working_for(queries: &[&str]) -> Value {
    let names: serde_json::Map<String, Value> = queries
        .iter()
        .map(|q| ((*q).to_owned(), json!(5)))
        .collect();
    json!({"pool": {"queryMemoryReservations": names, "taskMemoryReservations": {}}})
}

fn series(host: &str, port: &str) -> Value {
    json!({"metric": {"instance": format!("{host}:{port}"), "pod": format!("pod-{host}"),
        "namespace": "trino", "app_kubernetes_io_instance": "blue"},
        "value": [1_700_000_000.5, "1700000000"]})
}

/// An exporter whose coordinator shows an empty list and forbids its count; Prometheus lists `hosts`, all on the
/// port of `worker`. Panics as soon as the list is believed, looks for twelve cycles.
async fn nothing_is_believed(fake: &Fake, worker: &Fake, hosts: &[String]) {
    let (_, port) = worker.authority().rsplit_once(':').unwrap();
    let prometheus = Fake::start().await;
    let result: Vec<Value> = hosts.iter().map(|host| series(host, port)).collect();
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": result}});
    prometheus.on("/api/v1/query", Reply::json(body.to_string()));
    fake.on(LIST, list(&[]));
    fake.on("/metrics", Reply::refusal(403));
    let more = format!(
        "workerHttpPort: {port}\nprometheus:\n  url: {}",
        prometheus.url
    );
    let exporter = watch_fast(&fake.url, &more).await;
    let check = |seen: &WireSnapshot| {
        let zeros = seen.workers.iter().filter(|w| !w.lower_bound).count();
        assert_ne!(
            c(seen).visibility,
            "visible",
            "{zeros} workers are called idle"
        );
    };
    let lists = fake.asked(LIST).len();
    for look in 1..=12 {
        fake.until_asked(LIST, lists + look).await;
        check(&exporter.snapshot().await);
    }
    exporter.stop().await;
}

/// An access control that shows a query to whoever asks for it and filters it out of the list (OPA has two rules).
#[tokio::test]
async fn a_live_query_that_a_worker_names_and_the_list_lacks_is_hidden() {
    let fake = coordinator(&[QUERY]).await;
    fake.on(DETAIL, Reply::json(held(QUERY)));
    let worker = Fake::start_at("127.0.3.1:0", None).await;
    worker.on("/v1/status", status(false, &working_for(&[QUERY])));
    nothing_is_believed(&fake, &worker, &["127.0.3.1".into()]).await;
}

/// One idle worker answers; the other, which is too busy to answer, is not thereby idle.
#[tokio::test]
async fn a_worker_that_does_not_answer_is_not_idle() {
    let fake = coordinator(&[]).await;
    let worker = Fake::start_at("127.0.3.1:0", None).await;
    worker.on("/v1/status", status(false, &working_for(&[])));
    let hosts = ["127.0.3.1".into(), "127.0.3.2".into()];
    nothing_is_believed(&fake, &worker, &hosts).await;
}

/// A status without the maps says nothing about queries.
#[tokio::test]
async fn a_worker_that_does_not_say_is_not_idle() {
    let fake = coordinator(&[]).await;
    let worker = Fake::start_at("127.0.3.1:0", None).await;
    worker.on(
        "/v1/status",
        status(false, &json!({"pools": {"general": {}}})),
    );
    nothing_is_believed(&fake, &worker, &["127.0.3.1".into()]).await;
}

/// The only node that answers is the coordinator itself, which runs no task.
#[tokio::test]
async fn the_coordinators_own_status_says_nothing_of_workers() {
    let fake = coordinator(&[]).await;
    let node = Fake::start_at("127.0.3.1:0", None).await;
    node.on("/v1/status", status(true, &working_for(&[])));
    nothing_is_believed(&fake, &node, &["127.0.3.1".into()]).await;
}

/// Of forty workers only the last works for a hidden query.
#[tokio::test]
async fn workers_beyond_those_that_are_asked_are_not_idle() {
    let fake = coordinator(&[]).await;
    fake.on(DETAIL, Reply::refusal(403));
    let first = Fake::start_at("127.0.3.101:0", None).await;
    let (_, port) = first.authority().rsplit_once(':').unwrap();
    first.on("/v1/status", status(false, &working_for(&[])));
    let mut workers = Vec::new();
    for n in 102..=140 {
        let worker = Fake::start_at(&format!("127.0.3.{n}:{port}"), None).await;
        let queries: &[&str] = if n == 140 { &[QUERY] } else { &[] };
        worker.on("/v1/status", status(false, &working_for(queries)));
        workers.push(worker);
    }
    let hosts: Vec<String> = (101..=140).map(|n| format!("127.0.3.{n}")).collect();
    nothing_is_believed(&fake, &first, &hosts).await;
}
