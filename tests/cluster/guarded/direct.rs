//! Reviews sent to the replicas themselves, past the API server: as it would send them, or as any pod could.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingWebhook, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use xtrinode::core::guard::review::Path;

use super::installation::{CONFIGURATION, NAMESPACE, REPLICAS};
use crate::world::World;

/// A name that every certificate of the guard carries.
pub const NAME: &str = "xtrinode-guard.xtrinode-system.svc";
const PORT: u16 = 8443;
const ADMIN_PORT: u16 = 9090;

/// The way to one replica.
#[derive(Clone)]
pub struct Replica {
    pub name: String,
    address: SocketAddr,
    client: Client,
    secret: String,
}

/// The way to both, with what the API server knows: whom to trust, and the secret of the path.
pub async fn replicas(world: &World) -> Result<Vec<Replica>> {
    let webhook = eviction_webhook(&world.plane.client).await?;
    let url = webhook.client_config.url.context("a webhook's URL")?;
    let secret = url.split('/').nth(3).context("the path's secret")?;
    let bundle = webhook.client_config.ca_bundle.unwrap_or_default().0;
    let pods = world.ready(NAMESPACE, REPLICAS, 2).await?;
    let replicas = pods.iter().map(|pod| {
        let address = SocketAddr::new(address(pod)?, PORT);
        Ok(Replica {
            name: pod.name_any(),
            client: trusting(&bundle, Some(address))?,
            address,
            secret: secret.to_owned(),
        })
    });
    replicas.collect()
}

/// The webhook for evictions as the API server has it.
pub async fn eviction_webhook(client: &kube::Client) -> Result<ValidatingWebhook> {
    let api = Api::<ValidatingWebhookConfiguration>::all(client.clone());
    let webhooks = api.get(CONFIGURATION).await?.webhooks.unwrap_or_default();
    let mut webhooks = webhooks.into_iter();
    let found = webhooks.find(|webhook| webhook.name.starts_with("eviction"));
    found.context("no webhook for evictions")
}

/// A client that trusts these authorities alone; `at` is where it finds the guard by its name.
pub fn trusting(bundle: &[u8], at: Option<SocketAddr>) -> Result<Client> {
    let mut builder = Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_secs(10))
        .tls_certs_only(Certificate::from_pem_bundle(bundle)?);
    if let Some(address) = at {
        builder = builder.resolve(NAME, address);
    }
    Ok(builder.build()?)
}

fn address(pod: &Pod) -> Result<std::net::IpAddr> {
    let status = pod.status.as_ref();
    let address = status.and_then(|status| status.pod_ip.as_deref());
    Ok(address.context("a pod's address")?.parse()?)
}

impl Replica {
    /// Asks as the API server does. Gives whether it was allowed; nothing when the guard says that it can't answer, or that
    /// it could not write down that it allows this: that may have been written after all.
    pub async fn ask(&self, path: Path, review: &Value) -> Result<Option<bool>> {
        self.ask_behind(&format!("/{}", self.secret), path, review)
            .await
    }

    /// Asks behind another beginning of the path; nothing is what a stranger knows.
    pub async fn ask_behind(
        &self,
        prefix: &str,
        path: Path,
        review: &Value,
    ) -> Result<Option<bool>> {
        let url = format!("https://{NAME}:{PORT}{prefix}{}", path.url());
        let request = self.client.post(url).body(review.to_string());
        let request = request.header("Content-Type", "application/json");
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status == 503 {
            return Ok(None);
        }
        ensure!(status == 200, "{}: {status}: {text}", self.name);
        let answer: Value = serde_json::from_str(&text)?;
        let row = answer["response"]["auditAnnotations"]["row"].as_str();
        if matches!(row, Some("G2" | "G3")) {
            return Ok(None);
        }
        let allowed = answer["response"]["allowed"].as_bool();
        let allowed = allowed.with_context(|| format!("{}: {answer}", self.name))?;
        Ok(Some(allowed))
    }

    /// One of its metrics; 0 while it does not show it.
    pub async fn metric(&self, series: &str) -> Result<f64> {
        let url = format!("http://{}:{ADMIN_PORT}/metrics", self.address.ip());
        let text = crate::http::get(&url, &[]).await?.body;
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(value.map_or(Ok(0.0), str::parse)?)
    }
}

/// A review of `request`, whose fields are added to what every review has.
fn review(request: &Value) -> Value {
    let mut all = json!({
        "uid": format!("{:032x}", fastrand::u128(..)),
        "userInfo": {"username": "tests", "groups": ["system:authenticated"]},
        "dryRun": false,
    });
    if let (Some(all), Some(request)) = (all.as_object_mut(), request.as_object()) {
        all.extend(request.clone());
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": all})
}

/// A pod's eviction.
pub fn eviction(pod: &Pod) -> Value {
    let metadata = json!({"name": pod.name_any(), "namespace": pod.namespace()});
    review(&json!({
        "kind": {"group": "policy", "version": "v1", "kind": "Eviction"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "subResource": "eviction",
        "name": pod.name_any(), "namespace": pod.namespace(), "operation": "CREATE",
        "object": {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata},
    }))
}

/// A pod's deletion.
pub fn deletion(pod: &Pod) -> Value {
    review(&json!({
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": pod.name_any(), "namespace": pod.namespace(), "operation": "DELETE",
        "oldObject": pod,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "DeleteOptions"},
    }))
}

/// A Deployment's lower number of replicas.
pub fn scale(namespace: &str, name: &str, old: u32, new: u32) -> Value {
    let object = |replicas: u32| {
        json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": name, "namespace": namespace}, "spec": {"replicas": replicas},
        })
    };
    review(&json!({
        "kind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "subResource": "scale",
        "name": name, "namespace": namespace, "operation": "UPDATE",
        "object": object(new), "oldObject": object(old),
    }))
}
