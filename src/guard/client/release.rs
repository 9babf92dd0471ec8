//! Break-glass from the command line: writes the annotation with the user's own kubeconfig.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::api::keys;
use crate::cli::{GuardReleaseArgs, Target};
use crate::cluster::client::Kubernetes;
use crate::core::guard::time::Time;

/// Lets a pod or a workload's pods go; answers what to print.
pub async fn annotate(args: &GuardReleaseArgs) -> anyhow::Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let end = Time::default() + now + args.span;
    let value = format!("{end};{}", args.reason);
    let client = Kubernetes::connect()
        .await
        .context("no kubeconfig")?
        .client();
    let body = serde_json::json!({"metadata": {"annotations": {keys::OVERRIDE: value}}});
    let request = http::Request::patch(object_path(&args.what))
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

fn object_path(what: &Target) -> String {
    let object = match what {
        Target::Pod(pod) => format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name),
        Target::Workload(one) => format!(
            "/apis/apps/v1/namespaces/{}/{}s/{}",
            one.namespace, one.kind, one.name
        ),
    };
    format!("{object}?fieldManager=xtrinode-release")
}
