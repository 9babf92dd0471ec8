//! The Kubernetes mapping end to end: the built program lists and watches the pods of a server that speaks the API's
//! list and watch, and follows what changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use xtrinode::core::buffers::wire::WireSnapshot;
use xtrinode::demo::simulator::{Bind, Client, QuerySpec, Simulator, SimulatorConfig};
use xtrinode::trino::words::QueryState;

use super::super::binary::Running;

/// Looks made before a condition counts as never met, a tenth of a second apart.
const LOOKS: usize = 200;

/// A Kubernetes API that knows pods of one namespace.
struct Api {
    pods: Vec<Value>,
    events: broadcast::Sender<String>,
    selectors: Mutex<Vec<String>>,
}

fn pod(name: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "trino", "resourceVersion": "5", "uid": name,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app.kubernetes.io/instance": "blue"}},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
    })
}

async fn pods(
    State(api): State<Arc<Api>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let selector = query.get("labelSelector").cloned().unwrap_or_default();
    api.selectors.lock().unwrap().push(selector);
    if !query.contains_key("watch") {
        let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "5"},
            "items": api.pods});
        return Json(list).into_response();
    }
    let events = futures::stream::unfold(api.events.subscribe(), |mut events| async {
        let event = events.recv().await.ok()?;
        Some((
            Ok::<_, std::convert::Infallible>(Bytes::from(event)),
            events,
        ))
    });
    Response::new(Body::from_stream(events))
}

async fn serve(api: Arc<Api>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .route("/api/v1/namespaces/trino/pods", get(pods))
        .with_state(api);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    )
}

/// The first snapshot that satisfies `met`.
async fn until(address: &str, what: &str, met: impl Fn(&WireSnapshot) -> bool) -> WireSnapshot {
    let mut last = String::new();
    for _ in 0..LOOKS {
        let answer = reqwest::get(format!("http://{address}/v1/snapshot"))
            .await
            .unwrap();
        last = answer.text().await.unwrap();
        let snapshot: WireSnapshot = serde_json::from_str(&last).unwrap();
        if met(&snapshot) {
            return snapshot;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("never saw {what}; last: {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_listed_and_watched() {
    xtrinode::web::tls::install_provider();
    let simulator = Simulator::start(SimulatorConfig {
        bind: Bind::Ports,
        ..SimulatorConfig::default()
    })
    .await
    .unwrap();
    let query = simulator.submit(QuerySpec {
        client: Client::Held,
        ..QuerySpec::default()
    });
    // The list is then proven by the coordinator's count; the listed addresses have no workers to ask.
    for _ in 0..LOOKS {
        if simulator.query_state(&query) == Some(QueryState::Running) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let mut listed: Vec<Value> = simulator
        .workers()
        .iter()
        .map(|w| pod(&w.name, "127.9.0.1"))
        .collect();
    listed.push(pod("idle-pod", "127.9.0.2"));
    let api = Arc::new(Api {
        pods: listed,
        events: broadcast::Sender::new(16),
        selectors: Mutex::default(),
    });
    let server = serve(Arc::clone(&api)).await;
    let folder = tempfile::tempdir().unwrap();
    let (config, kube) = (
        folder.path().join("config.yaml"),
        folder.path().join("kubeconfig"),
    );
    std::fs::write(&kube, kubeconfig(&server)).unwrap();
    let text = format!(
        "coordinators: {{c: {{url: {}, release: blue, namespace: elsewhere}}}}\nmetricsPort: 0\n\
         pollIntervalSeconds: 0.5\nworkerMapping: kubernetes\n\
         kubernetes: {{enabled: true, namespaces: [trino], podSelector: role=worker}}\n",
        simulator.coordinator_uri()
    );
    std::fs::write(&config, text).unwrap();
    let exporter = Running::start_with(&config, &[("KUBECONFIG", kube.to_str().unwrap())]);
    let mapped = |s: &WireSnapshot| {
        let busy = s.workers.iter().filter(|w| w.held.buffered_bytes > 0);
        busy.clone().count() == 3
            && s.workers
                .iter()
                .any(|w| w.pod == "idle-pod" && !w.lower_bound)
    };
    let snapshot = until(&exporter.address, "mapped workers", mapped).await;
    assert!(
        snapshot
            .workers
            .iter()
            .all(|w| w.mapping == "kubernetes" && w.namespace == "trino")
    );
    assert!(
        api.selectors
            .lock()
            .unwrap()
            .iter()
            .all(|selector| selector == "role=worker")
    );
    let gone = json!({"type": "DELETED", "object": pod("idle-pod", "127.9.0.2")});
    let new = json!({"type": "ADDED", "object": pod("new-pod", "127.9.0.3")});
    api.events.send(format!("{gone}\n{new}\n")).unwrap();
    let followed = |s: &WireSnapshot| {
        let has = |pod: &str| s.workers.iter().any(|w| w.pod == pod);
        has("new-pod") && !has("idle-pod")
    };
    until(&exporter.address, "the changed pods", followed).await;
    exporter.signal("TERM");
    assert_eq!(exporter.exit_code(), 0);
}
