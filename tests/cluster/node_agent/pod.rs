//! What the agent reads from a pod. Pure.

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt as _;

/// The container that is the process; the others are only reported.
pub fn container(pod: &Pod) -> Option<&Container> {
    pod.spec.as_ref()?.containers.first()
}

/// Names and images of all containers.
pub fn images(pod: &Pod) -> Vec<(String, String)> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .map(|c| (c.name.clone(), c.image.clone().unwrap_or_default()))
        .collect()
}

/// The tag of the process's image, when the image is `name`.
pub fn tag_of<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let image = container(pod)?.image.as_deref()?;
    image.strip_prefix(name)?.strip_prefix(':')
}

/// A label's value, or nothing.
pub fn label<'a>(pod: &'a Pod, key: &str) -> &'a str {
    pod.labels().get(key).map_or("", String::as_str)
}

/// An annotation's value, or nothing.
pub fn annotation<'a>(pod: &'a Pod, key: &str) -> &'a str {
    pod.annotations().get(key).map_or("", String::as_str)
}

/// Whether its processes have ended for good.
pub fn is_over(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether a process that ended is started again.
pub fn restarts(pod: &Pod, code: i32) -> bool {
    let policy = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.restart_policy.as_deref());
    match policy {
        Some("Never") => false,
        Some("OnFailure") => code != 0,
        _ => true,
    }
}

/// The node that it is bound to.
pub fn node(pod: &Pod) -> &str {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.node_name.as_deref())
        .unwrap_or_default()
}

/// A field as the downward API names it. `address` is the pod's, which its status may not show yet.
pub fn field(pod: &Pod, path: &str, address: &str) -> Result<String> {
    let account = || {
        pod.spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.clone())
    };
    let keyed = |kind: &str| {
        let key = path
            .strip_prefix(kind)?
            .strip_prefix("['")?
            .strip_suffix("']")?;
        Some(key.to_owned())
    };
    let value = match path {
        "metadata.name" => pod.name_any(),
        "metadata.namespace" => pod.namespace().unwrap_or_default(),
        "metadata.uid" => pod.uid().unwrap_or_default(),
        "spec.nodeName" => node(pod).to_owned(),
        "spec.serviceAccountName" => account().unwrap_or_default(),
        "status.podIP" | "status.podIPs" => address.to_owned(),
        "status.hostIP" => "127.0.0.1".to_owned(),
        _ => match (keyed("metadata.labels"), keyed("metadata.annotations")) {
            (Some(key), _) => label(pod, &key).to_owned(),
            (_, Some(key)) => annotation(pod, &key).to_owned(),
            _ => bail!("the node agent knows no field {path}"),
        },
    };
    Ok(value)
}
