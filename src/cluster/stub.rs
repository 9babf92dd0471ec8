//! An API server for tests, below kube's client: answers as a function says and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body as Answered;
use futures::StreamExt as _;
use http::header::DATE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use kube::client::Body;
use serde_json::{Value, json};

use crate::core::guard::facts::pod::{ClusterId, Pod, Role};
use crate::core::guard::time::Time;

use super::client::Kubernetes;
use super::raw::pod::pod_as;

/// Longer than any answer of the stub takes.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: HashMap<String, String>,
    pub content_type: String,
    pub body: Value,
}

impl Asked {
    pub fn is_watch(&self) -> bool {
        self.query.contains_key("watch")
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A document with this status.
    Json(u16, Value),
    /// The events of a watch; then it stays open for ever, or ends.
    Events { lines: Vec<Value>, open: bool },
    /// A watch without events that ends after a while.
    Late(Duration),
    /// An empty document, dated so.
    Dated(Time),
    /// Nothing, for ever.
    Silence,
}

impl Answer {
    pub const fn json(document: Value) -> Self {
        Self::Json(200, document)
    }

    pub fn status(code: u16, message: &str) -> Self {
        Self::Json(
            code,
            json!({"kind": "Status", "status": "Failure", "code": code, "message": message, "reason": ""}),
        )
    }

    fn response(self) -> Response<Answered> {
        let date = self.date();
        let (code, body) = match self {
            Self::Dated(_) => (200, Answered::from("{}")),
            Self::Json(code, document) => (code, Answered::from(document.to_string())),
            Self::Events { lines, open } => (200, events(lines, open)),
            Self::Late(span) => (200, late(span)),
            Self::Silence => unreachable!("handled before"),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(code).expect("a code");
        if let Some(date) = date {
            response.headers_mut().insert(DATE, date);
        }
        response
    }

    fn date(&self) -> Option<HeaderValue> {
        let Self::Dated(at) = self else {
            return None;
        };
        let at = i64::try_from(at.as_millis()).expect("a time");
        let at = Timestamp::from_millisecond(at).expect("a time");
        let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
        Some(text.expect("a date").parse().expect("a header"))
    }
}

fn events(lines: Vec<Value>, open: bool) -> Answered {
    let lines = lines
        .into_iter()
        .map(|line| Ok::<_, std::io::Error>(format!("{line}\n")));
    let lines = futures::stream::iter(lines);
    if open {
        Answered::from_stream(lines.chain(futures::stream::pending()))
    } else {
        Answered::from_stream(lines)
    }
}

fn late(span: Duration) -> Answered {
    let end = futures::stream::once(async move {
        tokio::time::sleep(span).await;
        Ok::<_, std::io::Error>(String::new())
    });
    Answered::from_stream(end)
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

/// The server.
#[derive(Clone)]
pub struct Stub {
    handler: Arc<Handler>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    pub fn new(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            handler: Arc::new(handler),
            asked: Arc::default(),
        }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn kubernetes(&self) -> Kubernetes {
        let stub = self.clone();
        let service = tower::service_fn(move |request| {
            let stub = stub.clone();
            async move { Ok::<_, std::convert::Infallible>(stub.answer(request).await) }
        });
        Kubernetes::new(kube::Client::new(service, "default"))
    }

    async fn answer(&self, request: Request<Body>) -> Response<Answered> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let query = parts.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let header = parts.headers.get(http::header::CONTENT_TYPE);
        let asked = Asked {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query.collect(),
            content_type: header
                .map(|v| v.to_str().expect("text").to_owned())
                .unwrap_or_default(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        };
        let answer = (self.handler)(&asked);
        self.asked.lock().unwrap().push(asked);
        if matches!(answer, Answer::Silence) {
            std::future::pending::<()>().await;
        }
        answer.response()
    }
}

/// A pod as the API server sends it.
pub fn raw_pod(name: &str, version: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "trino", "uid": format!("uid-{name}"), "resourceVersion": version,
            "labels": {"app.kubernetes.io/component": "worker", "app.kubernetes.io/instance": "blue"}},
        "status": {"phase": "Running"},
    })
}

/// The facts of [`raw_pod`].
pub fn pod(name: &str, version: &str) -> Pod {
    let raw = serde_json::from_value(raw_pod(name, version)).expect("a pod");
    let cluster = ClusterId {
        namespace: "trino".to_owned(),
        release: "blue".to_owned(),
    };
    pod_as(&raw, Role::Worker, cluster)
}
