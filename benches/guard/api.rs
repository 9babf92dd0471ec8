//! A Kubernetes API server as far as `xtrinode guard run` needs one, and the Trino nodes behind its pods: 10 000 pods in pages,
//! watches in which nothing happens, a Lease. Every pod has an address of its own in 127.0.0.0/8; the workers of the first
//! clusters answer there, the others' ports refuse.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::address::announce;
use super::objects::{self, Cluster};

/// Where all nodes listen, each at its own address.
pub const NODES: u16 = 18_080;

/// What is served.
struct Server {
    clusters: Vec<Cluster>,
    lease: Mutex<Value>,
}

type Parameters = HashMap<String, String>;

/// Serves until it is stopped.
pub fn serve(_: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let clusters = objects::clusters();
        for address in objects::answering(&clusters) {
            let listener = TcpListener::bind((address, NODES)).await?;
            tokio::spawn(async move { axum::serve(listener, node()).await });
        }
        let lease = Mutex::default();
        let server = Arc::new(Server { clusters, lease });
        let router = Router::new().fallback(answer).with_state(server);
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(local).await?;
        announce(listener.local_addr()?);
        Ok(axum::serve(listener, router).await?)
    })
}

/// An idle Trino node, worker or coordinator. It takes no state that does not exist.
fn node() -> Router {
    let state = get(async || axum::Json("ACTIVE")).put(async || StatusCode::BAD_REQUEST);
    let info = json!({"nodeVersion": {"version": "476"}, "environment": "bench", "coordinator": false,
        "starting": false, "uptime": "5.82m"});
    let running = "# TYPE trino_execution_name_QueryManager_RunningQueries gauge\ntrino_execution_name_QueryManager_RunningQueries 0\n";
    Router::new()
        .route("/v1/info/state", state)
        .route("/v1/info", get(async move || axum::Json(info)))
        .route("/v1/query", get(async || axum::Json(json!([]))))
        .route(
            "/v1/status",
            get(async || axum::Json(json!({"nodeId": "node"}))),
        )
        .route("/metrics", get(async move || running))
}

async fn answer(
    State(server): State<Arc<Server>>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if parts.method == Method::GET && parameters.contains_key("watch") {
        return watch(&parameters);
    }
    if path.contains("/leases") {
        let body = axum::body::to_bytes(body, 1 << 20)
            .await
            .unwrap_or_default();
        return server.lease(&parts.method, &body);
    }
    let mut segments = path.rsplit('/');
    match (parts.method, segments.next()) {
        (Method::GET, Some("pods")) => {
            let namespace = segments.next().filter(|last| *last != "v1");
            server.list("pods", namespace, &parameters)
        }
        (Method::GET, Some(resource)) => server.list(resource, None, &parameters),
        // Events, and whatever else is written: it is taken and means nothing.
        _ => json_of(
            StatusCode::CREATED,
            r#"{"kind":"Status","apiVersion":"v1"}"#.to_owned(),
        ),
    }
}

/// Nothing happens until its time is over.
fn watch(parameters: &Parameters) -> Response {
    let seconds = parameters.get("timeoutSeconds");
    let seconds = seconds
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(30);
    let silence = futures::stream::once(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok::<_, Infallible>(Bytes::new())
    });
    Body::from_stream(silence).into_response()
}

impl Server {
    fn list(&self, resource: &str, namespace: Option<&str>, parameters: &Parameters) -> Response {
        let number = |key: &str| parameters.get(key).and_then(|text| text.parse().ok());
        let all = 0..objects::count(&self.clusters, resource);
        let Range { start, end: count } = namespace.map_or(all, objects::pods_of);
        let (from, limit) = (number("continue").unwrap_or(start), number("limit"));
        let end = limit.map_or(count, |limit: usize| count.min(from + limit));
        let items = (from..end).map(|index| objects::object(&self.clusters, resource, index));
        let items: Vec<_> = items.collect();
        let next = if end < count {
            end.to_string()
        } else {
            String::new()
        };
        let list = format!(
            r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"1000","continue":"{next}"}},"items":[{}]}}"#,
            items.join(",")
        );
        json_of(StatusCode::OK, list)
    }

    fn lease(&self, method: &Method, body: &[u8]) -> Response {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if method == Method::GET && lease.is_null() {
            let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                "code": 404, "message": "no such lease"});
            return json_of(StatusCode::NOT_FOUND, gone.to_string());
        }
        if let Ok(written) = serde_json::from_slice::<Value>(body) {
            let before = lease["metadata"]["resourceVersion"].as_str();
            let version: u64 = before.and_then(|text| text.parse().ok()).unwrap_or(0);
            *lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": written["spec"],
                "metadata": {"name": "guard", "resourceVersion": (version + 1).to_string()}});
        }
        json_of(StatusCode::OK, lease.to_string())
    }
}

fn json_of(status: StatusCode, body: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, body).into_response()
}
