//! `explain`, `guard status` and `guard release` as a person uses them: with a kubeconfig, through an API server that
//! answers what a real one would.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::binary::{Ended, ended, xtrinode};

/// Where the API server passes requests on to the guard's admin port.
const PROXY: &str = "/api/v1/namespaces/xtrinode-system/services/http:xtrinode-guard:admin/proxy";

/// A request that arrived.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    path: String,
    body: Value,
}

/// An API server that gives every request the same answer.
#[derive(Clone)]
struct Server {
    answer: (StatusCode, Value),
    asked: Arc<Mutex<Vec<Asked>>>,
}

async fn handle(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> impl IntoResponse {
    let asked = Asked {
        method,
        path: uri.to_string(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    server.asked.lock().unwrap().push(asked);
    (server.answer.0, axum::Json(server.answer.1))
}

/// Runs the program against a server that answers so; what came of it, and the one request that arrived.
async fn run(
    code: u16,
    answer: Value,
    arguments: &'static [&'static str],
) -> (Ended, Option<Asked>) {
    let server = Server {
        answer: (StatusCode::from_u16(code).unwrap(), answer),
        asked: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(handle).with_state(server.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig: PathBuf = folder.path().join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "it", "user": {"token": "a-token"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let output = tokio::task::spawn_blocking(move || {
        xtrinode(arguments)
            .env("KUBECONFIG", kubeconfig)
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    serving.abort();
    let asked = server.asked.lock().unwrap().pop();
    (ended(&output), asked)
}

fn failure(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": ""})
}

fn refused() -> Value {
    json!({
        "mode": "enforce", "allowed": false, "code": 429, "row": "E11", "reason": "ActiveOutputBuffers",
        "message": "worker trino/w-3 holds output buffers", "warnings": [], "effects": ["drain w-3"],
    })
}

fn empty_status() -> Value {
    json!({"clusters": [], "blocked": [], "drains": [], "grants": []})
}

#[tokio::test]
async fn explain_goes_through_the_service_proxy_and_its_exit_code_is_the_verdict() {
    let (told, asked) = run(200, refused(), &["explain", "evict", "trino/w-3"]).await;
    let asked = asked.expect("a request");
    assert_eq!(
        asked.path,
        format!("{PROXY}/v1/explain?action=evict&namespace=trino&name=w-3")
    );
    assert_eq!(told.code, 1, "{}", told.err);
    for words in [
        "refused with 429 (E11 ActiveOutputBuffers)",
        "holds output buffers",
        "would drain w-3",
    ] {
        assert!(told.out.contains(words), "{}", told.out);
    }
    let mut allowed = refused();
    allowed["allowed"] = true.into();
    allowed["code"] = 200.into();
    let arguments = &[
        "explain",
        "scale",
        "trino/deployment/w",
        "--to",
        "3",
        "-o",
        "json",
    ];
    let (told, asked) = run(200, allowed.clone(), arguments).await;
    let path = asked.expect("a request").path;
    assert!(
        path.ends_with("action=scale&namespace=trino&name=w&kind=deployment&to=3"),
        "{path}"
    );
    assert_eq!(told.code, 0);
    let printed: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(printed["reason"], allowed["reason"]);
}

#[tokio::test]
async fn a_missing_permission_and_a_missing_guard_are_named() {
    let (told, _) = run(
        403,
        failure(403, "services/proxy is forbidden"),
        &["guard", "status"],
    )
    .await;
    assert_eq!(told.code, 1);
    let role = "bind Role xtrinode-guard-explain of namespace xtrinode-system to your user";
    assert!(told.err.contains(role), "{}", told.err);
    let (told, _) = run(404, failure(404, "not found"), &["guard", "status"]).await;
    assert!(
        told.err
            .contains("no Service xtrinode-system/xtrinode-guard"),
        "{}",
        told.err
    );
    let (told, _) = run(
        503,
        failure(503, "no endpoints available"),
        &["guard", "status"],
    )
    .await;
    assert!(told.err.contains("no endpoints available"), "{}", told.err);
}

#[tokio::test]
async fn status_is_read_from_wherever_the_guard_is() {
    let arguments = &[
        "guard",
        "status",
        "--guard-namespace",
        "ops",
        "--guard-service",
        "g",
    ];
    let (told, asked) = run(200, empty_status(), arguments).await;
    assert_eq!(told.code, 0, "{}", told.err);
    let path = asked.expect("a request").path;
    assert!(
        path.starts_with("/api/v1/namespaces/ops/services/http:g:admin/proxy/v1/status"),
        "{path}"
    );
    let (told, _) = run(200, json!({"clusters": 7}), &["guard", "status"]).await;
    assert_eq!(told.code, 1);
    assert!(told.err.contains("of another version"), "{}", told.err);
}

#[tokio::test]
async fn release_writes_one_annotation_with_the_users_own_rights() {
    let reason = "the node burns, let it go";
    let arguments: &[&str] = &[
        "guard",
        "release",
        "trino/w-3",
        "--reason",
        "the node burns, let it go",
        "--for",
        "1h",
    ];
    let (told, asked) = run(200, json!({}), arguments).await;
    let asked = asked.expect("a request");
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(asked.method, Method::PATCH);
    assert!(
        asked.path.starts_with("/api/v1/namespaces/trino/pods/w-3?"),
        "{}",
        asked.path
    );
    let value = asked.body["metadata"]["annotations"]["xtrinode.io/guard-override"].as_str();
    assert!(value.expect("an override").ends_with(&format!(";{reason}")));
    let (told, _) = run(403, failure(403, "needs the verb override"), arguments).await;
    assert_eq!(told.code, 1);
    assert!(
        told.err.contains("your user needs the verb override"),
        "{}",
        told.err
    );
    let short = &[
        "guard",
        "release",
        "trino/w-3",
        "--reason",
        "short",
        "--for",
        "1h",
    ];
    let (told, asked) = run(200, json!({}), short).await;
    assert!(
        told.code == 2 && asked.is_none(),
        "nothing was written: {}",
        told.err
    );
}
