//! Runs the real Helm on the exporter's chart and finds things in what it renders. Decides nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use crate::parts::{self, root};

/// The chart, by the path that the documentation names.
pub const CHART: &str = "chart";

/// Runs Helm at the top of the checkout, with no cluster to talk to.
pub fn helm(arguments: &[&str]) -> Output {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    // Nothing is there: the user's plugins, repositories and clusters stay out of it.
    let nowhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-helm-home");
    let mut command = Command::new(HELM.get_or_init(|| parts::command("helm", "helm")));
    for home in [
        "HELM_CACHE_HOME",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
        "KUBECONFIG",
    ] {
        command.env(home, &nowhere);
    }
    command
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("helm starts")
}

pub fn with_set<'a>(set: &[&'a str]) -> Vec<&'a str> {
    set.iter().flat_map(|value| ["--set", value]).collect()
}

/// `helm template` as for a cluster that has ServiceMonitors.
pub fn rendering(extra: &[&str]) -> Output {
    let mut arguments = vec![
        "template",
        "trino-buffer-exporter",
        CHART,
        "--namespace",
        "trino",
    ];
    arguments.extend(["--api-versions", "monitoring.coreos.com/v1"]);
    arguments.extend(extra);
    helm(&arguments)
}

pub fn manifests(extra: &[&str]) -> String {
    let output = rendering(extra);
    assert!(
        output.status.success(),
        "{extra:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub fn render(extra: &[&str]) -> Vec<Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&manifests(extra)).expect("YAML");
    objects.into_iter().filter(Value::is_object).collect()
}

pub fn object<'a>(objects: &'a [Value], kind: &str) -> Option<&'a Value> {
    objects.iter().find(|object| object["kind"] == kind)
}

pub fn config_text(objects: &[Value]) -> &str {
    let map = object(objects, "ConfigMap").expect("a ConfigMap");
    map.pointer("/data/config.yaml")
        .and_then(Value::as_str)
        .expect("config.yaml")
}

pub fn config(objects: &[Value]) -> Value {
    serde_saphyr::from_str(config_text(objects)).expect("the configuration is YAML")
}

/// What is at a place such as `container /image`; null where there is nothing.
pub fn look(objects: &[Value], place: &str) -> Value {
    let (what, pointer) = place.split_once(' ').expect("a place has two words");
    let (kind, prefix) = match what {
        "pod" => ("Deployment", "/spec/template/spec"),
        "container" => ("Deployment", "/spec/template/spec/containers/0"),
        "scrape" => ("ServiceMonitor", "/spec/endpoints/0"),
        kind => (kind, ""),
    };
    let found = if kind == "config" {
        Some(config(objects))
    } else {
        object(objects, kind).cloned()
    };
    found
        .and_then(|found| found.pointer(&format!("{prefix}{pointer}")).cloned())
        .unwrap_or(Value::Null)
}

/// Values files of the examples, each with the chart's own below it as the documented command has it.
pub const EXAMPLES: [&str; 3] = [
    "examples/values-basic.yaml",
    "examples/values-blue-green.yaml",
    "examples/values-with-auth.yaml",
];

pub fn with_example(example: &str) -> [&str; 4] {
    ["-f", "chart/values.yaml", "-f", example]
}

/// Values that turn on everything that is off by default.
const EVERYTHING: &str = "
kubernetes: {enabled: true, namespaces: [trino-blue, trino-green]}
workerMapping: kubernetes
trinoAuth: {type: basic, username: monitoring, existingSecret: a}
prometheus: {auth: {type: bearer, existingSecret: b}, tls: {caSecret: c, clientCertSecret: d}}
tls: {caSecret: e, clientCertSecret: f}
serverTls: {existingSecret: g}
snapshot: {existingSecret: h}
nodeAffinity: {requiredLabels: {pool: [system, spare], spot: false}}
networkPolicy: {egress: [{ports: [{port: 443}]}]}
datadog: {enabled: true}
";

pub fn everything() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(EVERYTHING.as_bytes())
        .expect("it is writable");
    file
}

pub fn path_of(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("UTF-8")
}
