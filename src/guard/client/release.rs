//! Break-glass from the command line: writes the annotation with the user's own kubeconfig.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::api::keys;
use crate::cli::GuardReleaseArgs;
use crate::cluster::client::Kubernetes;
use crate::core::guard::notes::Override;
use crate::core::guard::time::Time;

use super::names::{pod_name, workload_name};

/// The longest that the default policy takes.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Lets a pod or a workload's pods go; answers what to print.
pub async fn annotate(args: &GuardReleaseArgs) -> anyhow::Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let end = Time::default() + now + args.span;
    let value = format!("{};{}", end, args.reason.replace(['\n', '\r'], " "));
    if let Override::Malformed(what) = Override::read(&value) {
        bail!("the override would not count: {what}");
    }
    if args.span > LONGEST {
        bail!("--for is longer than 24h");
    }
    let path = object_path(&args.what)?;
    let client = Kubernetes::connect()
        .await
        .context("no kubeconfig")?
        .client();
    let body = serde_json::json!({"metadata": {"annotations": {keys::OVERRIDE: value}}});
    let request = http::Request::patch(path)
        .header(http::header::CONTENT_TYPE, "application/merge-patch+json")
        .body(serde_json::to_vec(&body)?)?;
    match client.request_text(request).await {
        Ok(_) => Ok(format!("{} may go until {end}", args.what)),
        Err(kube::Error::Api(status)) if status.code == 403 => bail!(
            "you may not use break-glass: your user needs the verb override besides patch: {}",
            status.message
        ),
        Err(kube::Error::Api(status)) => {
            bail!("the API server answers {}: {}", status.code, status.message)
        }
        Err(error) => Err(error).context("cannot reach the API server"),
    }
}

fn object_path(what: &str) -> anyhow::Result<String> {
    if what.split('/').count() == 2 {
        let (namespace, name) = pod_name(what)?;
        return Ok(format!(
            "/api/v1/namespaces/{namespace}/pods/{name}?fieldManager=xtrinode-release"
        ));
    }
    let (namespace, kind, name) = workload_name(what)?;
    Ok(format!(
        "/apis/apps/v1/namespaces/{namespace}/{kind}s/{name}?fieldManager=xtrinode-release"
    ))
}
