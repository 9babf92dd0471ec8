//! Pods that look like Trino's and that the guard does not know: somebody opted in and believes himself protected. Reads
//! only; what is told of them is the caller's business.

use std::time::Duration;

use kube::api::ListParams;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::client::{Kubernetes, PAGE};
use super::failure::Failure;
use super::raw::{Meta, or_default};
use super::resource::PODS;
use super::selection::Selection;

/// The label that says what a pod runs, as every chart sets it.
const NAME: &str = "app.kubernetes.io/name";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RawPod {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    #[serde(deserialize_with = "or_default")]
    image: String,
    #[serde(deserialize_with = "or_default")]
    ports: Vec<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    phase: String,
}

/// The names of such pods in a namespace, in their order. `limit` is for each page.
///
/// # Errors
/// See [`Failure`].
pub async fn strays(
    kubernetes: &Kubernetes,
    selection: &Selection,
    namespace: &str,
    limit: Duration,
) -> Result<Vec<String>, Failure> {
    let mut params = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = kubernetes
            .page::<RawPod>(PODS, Some(namespace), &params, limit)
            .await?;
        params.continue_token = page.next();
        let pods = page.items();
        let strays = pods.iter().filter(|pod| pod.is_stray(selection));
        found.extend(strays.map(|pod| pod.metadata.name.clone()));
        if params.continue_token.is_none() {
            found.sort();
            return Ok(found);
        }
    }
}

impl RawPod {
    fn is_stray(&self, selection: &Selection) -> bool {
        let (space, labels) = (&self.metadata.namespace, &self.metadata.labels);
        self.is_trino() && selection.identify(space, labels).is_none()
    }

    /// Runs, serves a port, and is Trino by its label or its image. Jobs with Trino's client in them serve none.
    fn is_trino(&self) -> bool {
        let ended = matches!(self.status.phase.as_str(), "Succeeded" | "Failed");
        let named = self.metadata.labels.get(NAME).map(String::as_str) == Some("trino");
        let mut servers = self
            .spec
            .containers
            .iter()
            .filter(|container| !container.ports.is_empty());
        !ended && servers.any(|container| named || is_trino_image(&container.image))
    }
}

/// Whether an image is called `trino`, whatever its registry, tag and digest.
fn is_trino_image(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split([':', '@']).next() == Some("trino")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stub::{Answer, LIMIT, Stub};
    use super::*;

    fn pod(name: &str, labels: &Value, image: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "trino", "labels": labels},
            "spec": {"containers": [{"image": image, "ports": [{"containerPort": 8080}]}]},
            "status": {"phase": "Running"},
        })
    }

    #[test]
    fn an_image_is_trino_by_its_last_word() {
        for image in [
            "trinodb/trino:476",
            "trino",
            "r.example:5000/a/trino@sha256:0",
        ] {
            assert!(is_trino_image(image), "{image}");
        }
        for image in ["trinodb/trino-gateway:1", "x/trino/exporter:1", ""] {
            assert!(!is_trino_image(image), "{image}");
        }
    }

    #[tokio::test]
    async fn only_servers_that_nobody_guards_are_strays() {
        let usual = json!({"app.kubernetes.io/component": "worker"});
        let mut ended = pod("ended", &json!({}), "trinodb/trino:476");
        ended["status"]["phase"] = "Succeeded".into();
        let mut client = pod("client", &json!({}), "trinodb/trino:476");
        client["spec"]["containers"][0]["ports"] = Value::Null;
        let first = json!({"metadata": {"continue": "more"}, "items": [
            pod("z", &json!({}), "trinodb/trino:476"), pod("guarded", &usual, "trinodb/trino:476"), ended, client]});
        let second = json!({"items": [
            pod("a", &json!({"app.kubernetes.io/name": "trino"}), "mine:1"), pod("other", &json!({}), "postgres:17")]});
        let stub = Stub::new(move |asked| {
            let next = asked.query.contains_key("continue");
            Answer::json(if next { second.clone() } else { first.clone() })
        });
        let found = strays(&stub.kubernetes(), &Selection::default(), "trino", LIMIT).await;
        assert_eq!(found, Ok(vec!["a".to_owned(), "z".to_owned()]));
    }
}
