//! An admission webhook of a test: it writes down every review of one namespace and answers as the test says. The real
//! API server calls it over TLS; it is no guard.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Plane;
use super::https::Https;
use crate::wait;

/// What the test says to a request: nothing allows it, a message denies it with 429.
pub type Judge = Box<dyn Fn(&Value) -> Option<String> + Send + Sync>;

/// One review.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    /// `request` of the review.
    pub request: Value,
    pub allowed: bool,
}

/// A webhook in force. Dropping it ends its server and leaves its configuration, which then refuses what it covers.
pub struct Webhook {
    name: String,
    shared: Arc<Shared>,
    _server: Https,
}

struct Shared {
    judge: Judge,
    seen: Mutex<VecDeque<Seen>>,
}

impl Webhook {
    /// Puts a webhook in front of removals in `namespace`, and waits until the API server calls it.
    pub async fn start(plane: &Plane, namespace: &str, judge: Judge) -> Result<Self> {
        let shared = Arc::new(Shared {
            judge,
            seen: Mutex::default(),
        });
        let router = Router::new()
            .route("/validate", post(review))
            .with_state(Arc::clone(&shared));
        let server = Https::start(&plane.certs.authority, router).await?;
        let url = format!("https://{}/validate", server.address);
        let name = format!("recorder.{namespace}.test");
        let webhook = Self {
            name,
            shared,
            _server: server,
        };
        let authority = STANDARD.encode(&plane.certs.authority.pem);
        let configuration = webhook.configuration(namespace, &url, &authority);
        plane.apply(&configuration.to_string()).await?;
        webhook.wait_called(plane, namespace).await?;
        Ok(webhook)
    }

    /// All reviews so far, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().iter().cloned().collect()
    }

    /// Takes the configuration away.
    pub async fn stop(self, plane: &Plane) -> Result<()> {
        let arguments = ["delete", "validatingwebhookconfiguration", &self.name];
        plane.kubectl(&arguments).await?.ok()?;
        Ok(())
    }

    fn configuration(&self, namespace: &str, url: &str, authority: &str) -> Value {
        let rule = |group: &str, operations: &[&str], resources: &[&str]| {
            json!({
                "apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": resources,
            })
        };
        let workloads = ["deployments", "statefulsets", "replicasets"];
        let scales = [
            "deployments/scale",
            "statefulsets/scale",
            "replicasets/scale",
        ];
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": self.name},
            "webhooks": [{
                "name": self.name,
                "clientConfig": {"url": url, "caBundle": authority},
                "rules": [
                    rule("", &["DELETE"], &["pods", "namespaces"]),
                    rule("", &["CREATE"], &["pods/eviction", "configmaps"]),
                    rule("apps", &["UPDATE", "DELETE"], &workloads),
                    rule("apps", &["UPDATE"], &scales),
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "failurePolicy": "Fail",
                "sideEffects": "NoneOnDryRun",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 5,
            }],
        })
    }

    /// The API server reads configurations a moment after they were written: asks it for a ConfigMap, in a dry run,
    /// until that is reviewed.
    async fn wait_called(&self, plane: &Plane, namespace: &str) -> Result<()> {
        let space = format!("--namespace={namespace}");
        let arguments = ["create", "configmap", "probe", &space, "--dry-run=server"];
        wait::until("the webhook to be called", 60, async || {
            plane.kubectl(&arguments).await?.ok()?;
            Ok((!self.shared.lock().is_empty()).then_some(()))
        })
        .await?;
        self.shared.lock().clear();
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn review(State(shared): State<Arc<Shared>>, Json(mut review): Json<Value>) -> Json<Value> {
    let request = review["request"].take();
    let denial = (shared.judge)(&request);
    let mut response = json!({"uid": request["uid"], "allowed": denial.is_none()});
    if let Some(message) = &denial {
        response["status"] = json!({"code": 429, "reason": "TooManyRequests", "message": message});
    }
    shared.lock().push_back(Seen {
        at: Instant::now(),
        request,
        allowed: denial.is_none(),
    });
    let answer = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    Json(answer)
}
