//! The external metrics API of a test: one figure that the test sets, for HorizontalPodAutoscalers to scale by. The API
//! server reaches it through an APIService whose Service is an external name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Plane;
use super::https::Https;
use crate::wait;

const GROUP: &str = "external.metrics.k8s.io";
const API: &str = "/apis/external.metrics.k8s.io/v1beta1";

/// A metrics API in force. While its server is gone and its APIService is not, no namespace can be deleted: end it with
/// [`ExternalMetrics::stop`].
pub struct ExternalMetrics {
    value: Arc<AtomicU32>,
    server: Https,
}

impl ExternalMetrics {
    /// Registers it; every metric of every namespace has the value that was last set, at first zero.
    pub async fn start(plane: &Plane) -> Result<Self> {
        let value = Arc::<AtomicU32>::default();
        let router = Router::new()
            .route(API, get(resources))
            .route(
                &format!("{API}/namespaces/{{namespace}}/{{metric}}"),
                get(metric),
            )
            .with_state(Arc::clone(&value));
        let server = Https::start(&plane.certs.authority, router).await?;
        let metrics = Self { value, server };
        register(plane, metrics.server.address.port()).await?;
        Ok(metrics)
    }

    /// What autoscalers read from now on.
    pub fn set(&self, value: u32) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// Takes it away.
    pub async fn stop(self, plane: &Plane) -> Result<()> {
        unregister(plane).await
    }
}

/// Makes whoever serves on this port of loopback the external metrics API, and waits until it answers as such.
pub async fn register(plane: &Plane, port: u16) -> Result<()> {
    plane.apply(&objects(port).to_string()).await?;
    wait::until("the external metrics API", 60, async || {
        let request = ::http::Request::get(API).body(Vec::new())?;
        Ok(plane.client.request_text(request).await.ok().map(drop))
    })
    .await
}

/// Takes the registration away.
pub async fn unregister(plane: &Plane) -> Result<()> {
    let name = format!("v1beta1.{GROUP}");
    let delete = ["delete", "apiservice", &name];
    plane.kubectl(&delete).await?.ok().map(drop)
}

fn objects(port: u16) -> Value {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "external-metrics", "namespace": "kube-system"},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    });
    let registration = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": format!("v1beta1.{GROUP}")},
        "spec": {
            "group": GROUP, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true,
            "service": {"name": "external-metrics", "namespace": "kube-system", "port": port},
        },
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [service, registration]})
}

async fn resources() -> Json<Value> {
    Json(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{GROUP}/v1beta1"), "resources": [],
    }))
}

async fn metric(
    State(value): State<Arc<AtomicU32>>,
    Path((_namespace, metric)): Path<(String, String)>,
) -> Json<Value> {
    let item = json!({
        "metricName": metric, "metricLabels": {},
        "timestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "value": value.load(Ordering::Relaxed).to_string(),
    });
    Json(json!({
        "kind": "ExternalMetricValueList", "apiVersion": format!("{GROUP}/v1beta1"), "metadata": {}, "items": [item],
    }))
}
