//! Single looks past the watches, for decisions that may not rest on a cache: is this pod really unknown, is there
//! really no coordinator. Reads only.

use std::time::Duration;

use kube::api::{GetParams, ListParams};
use kube::core::Request;

use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{ClusterId, Pod, Role};

use super::client::{Kubernetes, PAGE};
use super::failure::{Failure, Permission};
use super::raw::pod::{RawPod, pod};
use super::resource::PODS;
use super::selection::Selection;

/// The pod of this name; `None` where there is none, or one that is not Trino's.
///
/// # Errors
/// See [`Failure`].
pub async fn one(
    kubernetes: &Kubernetes,
    selection: &Selection,
    name: &Name,
    limit: Duration,
) -> Result<Option<Pod>, Failure> {
    let namespace = Some(name.namespace.as_str());
    let permission = Permission::new("get", PODS, namespace);
    let request = Request::new(PODS.path(namespace)).get(&name.name, &GetParams::default());
    match kubernetes.call::<RawPod>(&permission, request, limit).await {
        Ok(raw) => Ok(pod(&raw, selection)),
        Err(Failure::NotFound(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The coordinator's pods of a cluster, terminating ones included. `limit` is for each page.
///
/// # Errors
/// See [`Failure`].
pub async fn coordinators(
    kubernetes: &Kubernetes,
    selection: &Selection,
    cluster: &ClusterId,
    limit: Duration,
) -> Result<Vec<Pod>, Failure> {
    let mut found = within(kubernetes, selection, &cluster.namespace, limit).await?;
    found.retain(|pod| pod.role == Role::Coordinator && pod.cluster == *cluster);
    Ok(found)
}

/// Trino's pods of a namespace, terminating ones included; one may come twice. `limit` is for each page.
///
/// # Errors
/// See [`Failure`].
pub async fn within(
    kubernetes: &Kubernetes,
    selection: &Selection,
    namespace: &str,
    limit: Duration,
) -> Result<Vec<Pod>, Failure> {
    let mut found = Vec::new();
    let here = |(scope, _): &(Option<String>, String)| {
        scope.as_ref().is_none_or(|scope| scope == namespace)
    };
    for (_, selector) in selection.queries().into_iter().filter(here) {
        all(
            kubernetes, selection, namespace, &selector, limit, &mut found,
        )
        .await?;
    }
    Ok(found)
}

async fn all(
    kubernetes: &Kubernetes,
    selection: &Selection,
    namespace: &str,
    selector: &str,
    limit: Duration,
    found: &mut Vec<Pod>,
) -> Result<(), Failure> {
    let mut params = ListParams::default().labels(selector).limit(PAGE);
    loop {
        let page = kubernetes
            .page::<RawPod>(PODS, Some(namespace), &params, limit)
            .await?;
        params.continue_token = page.next();
        found.extend(page.items().iter().filter_map(|raw| pod(raw, selection)));
        if params.continue_token.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stub::{Answer, LIMIT, Stub, pod as known, raw_pod};
    use super::*;

    fn coordinator(name: &str, release: &str) -> Value {
        let mut raw = raw_pod(name, "1");
        raw["metadata"]["labels"] = json!({
            "app.kubernetes.io/component": "coordinator", "app.kubernetes.io/instance": release});
        raw
    }

    async fn looked(answer: Answer) -> Result<Option<Pod>, Failure> {
        let stub = Stub::new(move |_| answer.clone());
        let name = Name::new("trino", "w-1");
        one(&stub.kubernetes(), &Selection::default(), &name, LIMIT).await
    }

    #[tokio::test]
    async fn a_pod_is_there_or_not_or_it_is_not_known() {
        let found = looked(Answer::json(raw_pod("w-1", "7")))
            .await
            .expect("an answer");
        assert_eq!(found, Some(known("w-1", "7")));
        assert_eq!(looked(Answer::status(404, "none")).await, Ok(None));
        assert!(
            looked(Answer::status(500, "away")).await.is_err(),
            "no answer is not absence"
        );
    }

    #[tokio::test]
    async fn coordinators_are_those_of_the_cluster_on_every_page() {
        let stub = Stub::new(|asked| match asked.query.get("continue") {
            None => Answer::json(json!({"metadata": {"continue": "more"},
                "items": [coordinator("a", "blue"), coordinator("b", "green"), raw_pod("w", "1")]})),
            Some(_) => Answer::json(json!({"items": [coordinator("c", "blue")]})),
        });
        let cluster = known("w", "1").cluster;
        let found = coordinators(&stub.kubernetes(), &Selection::default(), &cluster, LIMIT).await;
        let names: Vec<_> = found
            .expect("an answer")
            .into_iter()
            .map(|pod| pod.name.name)
            .collect();
        assert_eq!(names, ["a", "c"]);
        assert!(
            stub.asked()
                .iter()
                .all(|asked| asked.path == "/api/v1/namespaces/trino/pods")
        );
    }

    #[tokio::test]
    async fn half_an_answer_is_none() {
        let stub = Stub::new(|asked| match asked.query.get("continue") {
            None => Answer::json(json!({"metadata": {"continue": "more"}, "items": null})),
            Some(_) => Answer::status(410, "expired"),
        });
        let cluster = known("w", "1").cluster;
        let found = coordinators(&stub.kubernetes(), &Selection::default(), &cluster, LIMIT).await;
        assert_eq!(found, Err(Failure::Expired("expired".to_owned())));
    }
}
