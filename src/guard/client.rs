//! What people ask a running guard: `explain`, `guard status`, `guard release`. Goes through the API server with the
//! user's own kubeconfig, or to a given address; says which permission is missing. Decides nothing about removals.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use kube::Client;
use serde::de::DeserializeOwned;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::api::keys;
use crate::cli::{
    ExplainArgs, ExplainCommand, GuardReleaseArgs, GuardStatusArgs, Output, ReachArgs,
};
use crate::core::guard::notes::Override;
use crate::core::guard::status::{ClusterStatus, Status};
use crate::core::guard::text::span;
use crate::core::guard::time::Time;
use crate::process::runtime;

use super::api::{Explanation, Question};

/// A guard, or an API server, that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// `xtrinode explain`: 0 it would be allowed, 1 not, or nobody could be asked.
pub fn explain(args: &ExplainArgs) -> ExitCode {
    let asked = question(args).map(|(question, reach, output)| {
        let asked = serde_html_form(&question);
        block(async move { ask::<Explanation>(reach, "/v1/explain", &asked).await })
            .map(|told| (told, output))
    });
    match asked.and_then(|asked| asked) {
        Ok((told, output)) => {
            print(&told, output, explanation);
            ExitCode::from(u8::from(!told.allowed))
        }
        Err(error) => fail(&error),
    }
}

/// `xtrinode guard status`.
pub fn status(args: &GuardStatusArgs) -> ExitCode {
    match block(ask::<Status>(&args.reach, "/v1/status", "")) {
        Ok(told) => {
            print(&told, args.output, table);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

/// `xtrinode guard release`.
pub fn release(args: &GuardReleaseArgs) -> ExitCode {
    match block(annotate(args)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn block<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    runtime::block_on(work).context("cannot start the runtime")?
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("xtrinode: {error:#}");
    ExitCode::FAILURE
}

fn print<T: serde::Serialize>(told: &T, output: Output, text: impl Fn(&T) -> String) {
    match output {
        Output::Table => print!("{}", text(told)),
        Output::Json => println!("{}", serde_json::to_string_pretty(told).unwrap_or_default()),
    }
}

// === Asking ===

fn question(args: &ExplainArgs) -> anyhow::Result<(Question, &ReachArgs, Output)> {
    let of = |action: &str, namespace: &str, name: &str| Question {
        action: action.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        kind: None,
        to: None,
    };
    match &args.command {
        ExplainCommand::Evict(pod) => {
            let (namespace, name) = pod_name(&pod.pod)?;
            Ok((of("evict", namespace, name), &pod.reach, pod.output))
        }
        ExplainCommand::Delete(pod) => {
            let (namespace, name) = pod_name(&pod.pod)?;
            Ok((of("delete", namespace, name), &pod.reach, pod.output))
        }
        ExplainCommand::Scale(scale) => {
            let (namespace, kind, name) = workload_name(&scale.workload)?;
            let question = Question {
                kind: Some(kind.to_owned()),
                to: Some(scale.to),
                ..of("scale", namespace, name)
            };
            Ok((question, &scale.reach, scale.output))
        }
    }
}

fn pod_name(text: &str) -> anyhow::Result<(&str, &str)> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [namespace, name] if !namespace.is_empty() && !name.is_empty() => Ok((namespace, name)),
        _ => bail!("{text:?} does not name a pod: give NAMESPACE/POD"),
    }
}

fn workload_name(text: &str) -> anyhow::Result<(&str, &str, &str)> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [namespace, kind, name] if !namespace.is_empty() && !name.is_empty() => {
            let kind = match kind {
                "deploy" | "deployment" | "deployments" => "deployment",
                "sts" | "statefulset" | "statefulsets" => "statefulset",
                "rs" | "replicaset" | "replicasets" => "replicaset",
                other => bail!(
                    "{other:?} is no kind of workload: give deployment, statefulset or replicaset"
                ),
            };
            Ok((namespace, kind, name))
        }
        _ => bail!("{text:?} does not name a workload: give NAMESPACE/deployment/NAME"),
    }
}

fn serde_html_form(question: &Question) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("action", &question.action);
    query.append_pair("namespace", &question.namespace);
    query.append_pair("name", &question.name);
    if let Some(kind) = &question.kind {
        query.append_pair("kind", kind);
    }
    if let Some(to) = question.to {
        query.append_pair("to", &to.to_string());
    }
    query.finish()
}

async fn ask<T: DeserializeOwned>(reach: &ReachArgs, path: &str, query: &str) -> anyhow::Result<T> {
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
    let client = Client::try_default()
        .await
        .context("no kubeconfig: give one, or --guard-url")?;
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
            "you may not ask the guard: let your user get services/proxy in namespace {namespace} (kubectl create role … --verb=get --resource=services/proxy): {}",
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

// === Letting go ===

async fn annotate(args: &GuardReleaseArgs) -> anyhow::Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let end = Time::default() + now + args.span;
    let value = format!("{};{}", end, args.reason.replace(['\n', '\r'], " "));
    if let Override::Malformed(what) = Override::read(&value) {
        bail!("the override would not count: {what}");
    }
    if args.span > Duration::from_secs(24 * 3600) {
        bail!("--for is longer than 24h");
    }
    let path = object_path(&args.what)?;
    let client = Client::try_default().await.context("no kubeconfig")?;
    let patch = serde_json::json!({"metadata": {"annotations": {keys::OVERRIDE: value}}});
    let request = http::Request::patch(path)
        .header(http::header::CONTENT_TYPE, "application/merge-patch+json")
        .body(serde_json::to_vec(&patch)?)?;
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

// === Showing ===

fn explanation(told: &Explanation) -> String {
    let mode = told.mode.as_deref();
    let verdict = match (told.code, mode) {
        (_, None) => "allowed: the namespace did not opt in (label xtrinode.io/guard)".to_owned(),
        (200, Some(mode)) => format!("allowed ({mode}; {} {})", told.row, told.reason),
        (code, Some("audit")) => {
            format!(
                "allowed in audit mode; enforced it would be refused with {code} ({} {})",
                told.row, told.reason
            )
        }
        (code, Some(_)) => format!("refused with {code} ({} {})", told.row, told.reason),
    };
    let mut lines = vec![verdict];
    lines.extend(Some(told.message.clone()).filter(|message| !message.is_empty()));
    lines.extend(
        told.warnings
            .iter()
            .map(|warning| format!("warning: {warning}")),
    );
    lines.extend(told.effects.iter().map(|effect| format!("would {effect}")));
    lines.join("\n") + "\n"
}

fn table(told: &Status) -> String {
    let mut rows = vec![
        [
            "CLUSTER",
            "MODE",
            "PROTECTION",
            "WORKERS",
            "SERVING",
            "QUERIES",
            "AGE",
        ]
        .map(str::to_owned),
    ];
    rows.extend(told.clusters.iter().map(cluster_row));
    let mut text = columns(&rows);
    if !told.blocked.is_empty() {
        let mut rows = vec![
            [
                "BLOCKED",
                "CLASS",
                "CAUSE",
                "FOR",
                "AT THE LATEST",
                "ASKED BY",
            ]
            .map(str::to_owned),
        ];
        rows.extend(told.blocked.iter().map(|pod| {
            let latest = pod
                .latest
                .map_or("-".to_owned(), |latest| latest.to_string());
            let name = format!("{}/{}", pod.namespace, pod.pod);
            let waited = span(Duration::from_secs(pod.blocked_seconds));
            [
                name,
                pod.class.clone(),
                pod.cause.clone(),
                waited,
                latest,
                pod.by.clone(),
            ]
        }));
        text += &format!("\n{}", columns(&rows));
    }
    if !told.drains.is_empty() {
        let mut rows = vec![["DRAIN", "STATE", "FOR"].map(str::to_owned)];
        rows.extend(told.drains.iter().map(|drain| {
            let name = format!("{}/{}", drain.namespace, drain.pod);
            [
                name,
                drain.state.clone(),
                span(Duration::from_secs(drain.seconds)),
            ]
        }));
        text += &format!("\n{}", columns(&rows));
    }
    if !told.grants.is_empty() {
        let mut rows = vec![["GRANT", "UNTIL"].map(str::to_owned)];
        rows.extend(told.grants.iter().map(|grant| {
            [
                format!("{}/{}", grant.namespace, grant.pod),
                grant.until.to_string(),
            ]
        }));
        text += &format!("\n{}", columns(&rows));
    }
    text
}

fn cluster_row(cluster: &ClusterStatus) -> [String; 7] {
    let protection = match cluster.protection.reason() {
        "" => cluster.protection.level().to_owned(),
        reason => format!("{}: {reason}", cluster.protection.level()),
    };
    let known = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    [
        format!("{}/{}", cluster.namespace, cluster.release),
        cluster.mode.clone(),
        protection,
        format!("{}/{}", cluster.workers, cluster.target),
        cluster.serving.to_string(),
        known(cluster.unfinished),
        cluster
            .age_seconds
            .map_or("?".to_owned(), |age| span(Duration::from_secs(age))),
    ]
}

/// Left-aligned columns, two spaces apart.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_or_explained() {
        assert_eq!(pod_name("trino/w-1").expect("a pod"), ("trino", "w-1"));
        for wrong in ["w-1", "/w", "a/b/c", "trino/"] {
            assert!(
                pod_name(wrong)
                    .expect_err(wrong)
                    .to_string()
                    .contains("NAMESPACE/POD")
            );
        }
        assert_eq!(
            workload_name("trino/deploy/w").expect("one"),
            ("trino", "deployment", "w")
        );
        assert!(
            workload_name("trino/pod/w")
                .expect_err("a pod")
                .to_string()
                .contains("statefulset")
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["A", "BB"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "A     BB\nlong  x\n");
    }

    #[test]
    fn a_problem_shows_its_sentence() {
        assert_eq!(detail(r#"{"detail":"no such pod"}"#), "no such pod");
        assert_eq!(detail("plain"), "plain");
    }
}
