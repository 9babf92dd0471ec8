//! Asks a running guard: through the API server's service proxy with the user's own kubeconfig, or at a given address.
//! Says which permission is missing.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use url::Url;

use crate::cli::ReachArgs;
use crate::cluster::client::Kubernetes;

/// A guard, or an API server, that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks for a document.
pub async fn ask<T: DeserializeOwned>(
    reach: &ReachArgs,
    path: &str,
    query: &str,
) -> anyhow::Result<T> {
    let body = match &reach.guard_url {
        Some(url) => directly(url, path, query).await?,
        None => through_api_server(reach, path, query).await?,
    };
    serde_json::from_str(&body)
        .context("the guard's answer can't be read: is it of another version?")
}

async fn directly(url: &Url, path: &str, query: &str) -> anyhow::Result<String> {
    let mut url = url.clone();
    url.set_path(path);
    url.set_query(Some(query).filter(|query| !query.is_empty()));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(reqwest::Error::without_url);
    let answer = answer.context("cannot reach the guard")?;
    let status = answer.status();
    let body = answer.text().await?;
    if !status.is_success() {
        bail!("the guard answers {status}: {}", detail(&body));
    }
    Ok(body)
}

async fn through_api_server(reach: &ReachArgs, path: &str, query: &str) -> anyhow::Result<String> {
    let client = Kubernetes::connect().await;
    let client = client
        .context("no kubeconfig: give one, or --guard-url")?
        .client();
    let (namespace, service) = (&reach.guard_namespace, &reach.guard_service);
    let uri =
        format!("/api/v1/namespaces/{namespace}/services/http:{service}:admin/proxy{path}?{query}");
    let request = http::Request::get(uri).body(Vec::new())?;
    match tokio::time::timeout(PATIENCE, client.request_text(request)).await {
        Err(_) => bail!(
            "no answer from the API server within {} s",
            PATIENCE.as_secs()
        ),
        Ok(Ok(body)) => Ok(body),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => bail!(
            "you may not ask the guard: bind Role {service}-explain of namespace {namespace} to your user (it may get services/proxy): {}",
            status.message
        ),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => bail!(
            "no Service {namespace}/{service}: is the guard installed there? Give --guard-namespace and --guard-service"
        ),
        Ok(Err(kube::Error::Api(status))) => {
            bail!("the answer is {}: {}", status.code, detail(&status.message))
        }
        Ok(Err(error)) => Err(error).context("cannot reach the API server"),
    }
}

/// The sentence of a problem document, else the whole text.
fn detail(body: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let detail = problem
        .as_ref()
        .and_then(|problem| problem.get("detail")?.as_str());
    detail.unwrap_or(body).chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_sentence() {
        assert_eq!(detail(r#"{"detail":"no such pod"}"#), "no such pod");
        assert_eq!(detail("plain"), "plain");
    }
}
