//! A few objects of an API server, as tests need them: versions, conflicts, server-side apply of our fields, a clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// Shared with the client that talks to it.
#[derive(Clone)]
pub(super) struct Stub(Arc<Mutex<State>>);

pub(super) struct State {
    /// By path.
    pub(super) objects: BTreeMap<String, Value>,
    /// `None` sends no date.
    pub(super) now: Option<Timestamp>,
    /// Method and path of each request that changed something.
    pub(super) writes: Vec<String>,
    /// Paths that are answered with 403.
    pub(super) forbidden: Vec<String>,
    version: u64,
}

pub(super) const SECRET: &str = "/api/v1/namespaces/trino/secrets/guard-tls";
pub(super) const VALIDATING: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/guard";
pub(super) const MUTATING: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/guard";

impl Stub {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            objects: BTreeMap::new(),
            now: Some("2026-11-22T08:00:00Z".parse().unwrap()),
            writes: Vec::new(),
            forbidden: Vec::new(),
            version: 0,
        })))
    }

    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Adds a webhook configuration as the chart makes it: no `caBundle`.
    pub(super) fn add(&self, path: &str, entries: &[&str]) {
        let entry = |name: &&str| {
            json!({
                "name": name, "failurePolicy": "Ignore", "sideEffects": "NoneOnDryRun",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"namespace": "trino", "name": "guard", "path": "/x"}},
            })
        };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        let object = json!({"metadata": {"name": "guard"}, "webhooks": entries});
        self.state().put(path, object);
    }

    pub(super) fn client(&self) -> Client {
        let stub = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let stub = stub.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                // Others get their turn between two requests, as over a network.
                tokio::task::yield_now().await;
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                Ok::<_, kube::Error>(stub.state().answer(&parts, body))
            }
        });
        Client::new(service, "trino")
    }
}

impl State {
    fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(self.version.to_string());
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("uid-{}", self.version));
        }
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn answer(&mut self, request: &http::request::Parts, body: Value) -> Response<Body> {
        let path = request.uri.path();
        if self.forbidden.iter().any(|forbidden| forbidden == path) {
            return self.reply(Err((403, "Forbidden")));
        }
        let outcome = match request.method.as_str() {
            "GET" if path == "/version" => Ok(json!({})),
            "GET" => self.objects.get(path).cloned().ok_or((404, "NotFound")),
            "POST" => self.create(path, body),
            "PUT" => self.replace(path, body),
            "PATCH" => {
                let query = request.uri.query().unwrap_or_default();
                assert!(query.contains("fieldManager=xtrinode-guard-tls"), "{query}");
                assert!(query.contains("force=true"), "{query}");
                let kind = &request.headers[http::header::CONTENT_TYPE];
                assert_eq!(kind, "application/apply-patch+yaml");
                self.apply(path, &body)
            }
            other => panic!("{other} {path}"),
        };
        if outcome.is_ok() && request.method != http::Method::GET {
            self.writes.push(format!("{} {path}", request.method));
        }
        self.reply(outcome)
    }

    fn create(&mut self, path: &str, body: Value) -> Result<Value, (u16, &'static str)> {
        let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
        if self.objects.contains_key(&path) {
            return Err((409, "AlreadyExists"));
        }
        Ok(self.put(&path, body))
    }

    fn replace(&mut self, path: &str, body: Value) -> Result<Value, (u16, &'static str)> {
        let live = self.objects.get(path).ok_or((404, "NotFound"))?;
        if live["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] {
            return Err((409, "Conflict"));
        }
        Ok(self.put(path, body))
    }

    fn apply(&mut self, path: &str, body: &Value) -> Result<Value, (u16, &'static str)> {
        let mut live = self.objects.get(path).cloned().ok_or((409, "Conflict"))?;
        for key in ["uid", "resourceVersion"] {
            if live["metadata"][key] != body["metadata"][key] {
                return Err((409, "Conflict"));
            }
        }
        for applied in body["webhooks"].as_array().unwrap() {
            let entries = live["webhooks"].as_array_mut().unwrap();
            let entry = entries
                .iter_mut()
                .find(|entry| entry["name"] == applied["name"]);
            // A new entry would lack what Kubernetes requires.
            let entry = entry.ok_or((422, "Invalid"))?;
            entry["failurePolicy"] = applied["failurePolicy"].clone();
            entry["clientConfig"]["caBundle"] = applied["clientConfig"]["caBundle"].clone();
        }
        Ok(self.put(path, live))
    }

    fn reply(&self, outcome: Result<Value, (u16, &'static str)>) -> Response<Body> {
        let (status, body) = match outcome {
            Ok(object) => (StatusCode::OK, object),
            Err((code, reason)) => (
                StatusCode::from_u16(code).unwrap(),
                json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}),
            ),
        };
        let mut response = Response::builder().status(status);
        if let Some(now) = self.now {
            let date = DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&now)
                .unwrap();
            response = response.header("date", date);
        }
        response
            .body(Body::from(body.to_string().into_bytes()))
            .unwrap()
    }
}
