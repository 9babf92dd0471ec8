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
    let mut found = Vec::new();
    let here = |(scope, _): &(Option<String>, String)| {
        scope
            .as_ref()
            .is_none_or(|scope| *scope == cluster.namespace)
    };
    for (_, selector) in selection.queries().into_iter().filter(here) {
        all(
            kubernetes,
            selection,
            &cluster.namespace,
            &selector,
            limit,
            &mut found,
        )
        .await?;
    }
    found.retain(|pod| pod.role == Role::Coordinator && pod.cluster == *cluster);
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
