//! The charts and the examples as text: the documented parameters and their defaults, the closed schema, the
//! generated README tables, and files that must agree with each other. Runs no Helm (`tests/chart` does).

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

const EXPORTER: &str = "charts/trino-buffer-exporter";
const GUARD: &str = "charts/xtrinode-guard";

/// Each chart, and the table of its parameters' effects.
const CHARTS: [(&str, &str); 2] = [
    (EXPORTER, "tests/chart/parameters.yaml"),
    (GUARD, "tests/chart/guard/parameters.yaml"),
];

/// The parameters that the exporter's documentation has always had, and their defaults.
fn documented_parameters() -> Vec<(&'static str, Value)> {
    vec![
        ("image.repository", json!("trino-buffer-exporter")),
        ("image.tag", json!("latest")),
        ("image.pullPolicy", json!("IfNotPresent")),
        ("namespace", json!("trino")),
        (
            "prometheus.url",
            json!("http://prometheus-server.prometheus.svc:80"),
        ),
        ("prometheus.auth.type", json!("none")),
        ("prometheus.auth.existingSecret", json!("")),
        ("trinoAuth.type", json!("header")),
        ("trinoAuth.headerName", json!("X-Trino-User")),
        ("trinoAuth.headerValue", json!("")),
        ("trinoAuth.existingSecret", json!("")),
        (
            "coordinators",
            json!({"default": {"url": "http://trino.trino.svc:8080", "release": "trino"}}),
        ),
        ("workerHttpPort", json!(8080)),
        (
            "ipToPodMetric",
            json!("trino_execution_executor_TaskExecutor_Tasks"),
        ),
        ("pollIntervalSeconds", json!(15)),
        ("requestTimeoutSeconds", json!(60)),
        ("metricsPort", json!(8000)),
        ("logging.level", json!("INFO")),
        ("serviceMonitor.enabled", json!(true)),
        ("serviceMonitor.interval", json!("15s")),
        ("serviceMonitor.namespace", json!("")),
        ("serviceMonitor.additionalLabels", json!({})),
        ("resources.requests.cpu", json!("100m")),
        ("resources.requests.memory", json!("256Mi")),
        ("resources.limits.cpu", json!("500m")),
        ("resources.limits.memory", json!("1Gi")),
        ("nodeAffinity.requiredLabels", json!({})),
        ("tolerations", json!([])),
        ("nodeSelector", json!({})),
        ("datadog.enabled", json!(false)),
        ("datadog.source", json!("trino-buffer-exporter")),
        ("datadog.service", json!("trino-buffer-exporter")),
    ]
}

/// One row of the README's table.
struct Parameter {
    path: String,
    default: Value,
    description: String,
}

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn values(chart: &str) -> Value {
    yaml(&format!("{chart}/values.yaml"))
}

/// The value at a dotted path. No key of the chart's values has a dot in it.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// The parameters that carry a `# --` comment, in the file's order.
fn commented_parameters(chart: &str) -> Vec<Parameter> {
    let values = values(chart);
    let mut found = Vec::new();
    let mut parents: Vec<(usize, String)> = Vec::new();
    let mut description: Option<String> = None;
    for line in text(&format!("{chart}/values.yaml")).lines() {
        let word = line.trim_start();
        let indent = line.len() - word.len();
        if let Some(comment) = word.strip_prefix("# -- ") {
            description = Some(comment.to_owned());
        } else if let Some((key, _)) = word
            .split_once(':')
            .filter(|_| !word.starts_with(['#', '-']))
        {
            parents.retain(|(depth, _)| *depth < indent);
            parents.push((indent, key.to_owned()));
            let path = parents
                .iter()
                .map(|(_, key)| key.as_str())
                .collect::<Vec<_>>()
                .join(".");
            if let Some(description) = description.take() {
                let default = at(&values, &path)
                    .unwrap_or_else(|| panic!("{path} has no value"))
                    .clone();
                found.push(Parameter {
                    path,
                    default,
                    description,
                });
            }
        }
    }
    found
}

/// Paths of the scalars, lists and empty maps of `value`.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value.as_object().filter(|map| !map.is_empty()) {
        None => found.push(path.to_owned()),
        Some(map) => {
            for (key, child) in map {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(child, &format!("{path}{dot}{key}"), found);
            }
        }
    }
}

fn default_cell(default: &Value) -> String {
    match default {
        Value::String(text) if !text.is_empty() => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn parameter_table(chart: &str) -> String {
    let rows = commented_parameters(chart).into_iter().map(|parameter| {
        let description = parameter.description.replace('|', "\\|");
        format!(
            "| `{}` | {} | {description} |\n",
            parameter.path,
            default_cell(&parameter.default)
        )
    });
    format!(
        "| Parameter | Default | Description |\n|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

#[test]
fn every_documented_parameter_has_its_documented_default() {
    let documented = documented_parameters();
    assert_eq!(documented.len(), 32);
    let values = values(EXPORTER);
    for (path, default) in documented {
        assert_eq!(at(&values, path), Some(&default), "{path}");
    }
}

#[test]
fn every_value_is_described_by_its_comment_or_that_of_a_map_around_it() {
    for (chart, _) in CHARTS {
        let described = paths(&commented_parameters(chart));
        let mut all = Vec::new();
        leaves(&values(chart), "", &mut all);
        for path in all {
            let known = described
                .iter()
                .any(|other| path == *other || path.starts_with(&format!("{other}.")));
            assert!(
                known,
                "{chart}/values.yaml says nothing about {path}: put `# -- TEXT` above it"
            );
        }
    }
}

fn paths(parameters: &[Parameter]) -> Vec<String> {
    let paths = parameters.iter().map(|parameter| parameter.path.clone());
    paths.collect()
}

/// A parameter that changes nothing is a broken promise: each has a row that says where it must show.
#[test]
fn every_parameter_is_tested_with_helm() {
    for (chart, table) in CHARTS {
        let table = yaml(table);
        let parts = ["documented", "own"].map(|part| table[part].as_array().cloned());
        let rows = parts.into_iter().flatten().collect::<Vec<_>>().concat();
        let mut tested: Vec<&str> = rows
            .iter()
            .filter_map(|row| row["parameter"].as_str())
            .collect();
        tested.sort_unstable();
        tested.dedup();
        let mut all = paths(&commented_parameters(chart));
        all.sort_unstable();
        assert_eq!(tested, all, "{chart}");
    }
}

#[test]
fn the_helm_table_has_the_documented_parameters() {
    let table = yaml("tests/chart/parameters.yaml");
    let rows = table["documented"].as_array().expect("rows");
    for (path, _) in documented_parameters() {
        assert!(
            rows.iter().any(|row| row["parameter"] == path),
            "{path} has no row"
        );
    }
}

/// `UPDATE=1 cargo test --test it chart` rewrites the table.
#[test]
fn the_readme_has_the_generated_table() {
    const START: &str = "<!-- parameters -->\n";
    const END: &str = "<!-- /parameters -->";
    for (chart, _) in CHARTS {
        let path = format!("{chart}/README.md");
        let readme = text(&path);
        let (head, rest) = readme.split_once(START).expect("start mark");
        let (_, tail) = rest.split_once(END).expect("end mark");
        let wanted = format!("{head}{START}\n{}\n{END}{tail}", parameter_table(chart));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file(&path), &wanted).expect("README is writable");
        } else {
            assert!(
                readme == wanted,
                "{path} is out of date: run UPDATE=1 cargo test --test it chart"
            );
        }
    }
}

/// Every place of the schema that lists properties refuses others; `open` objects are Kubernetes' own types and maps.
fn find_open_objects(schema: &Value, path: &str, open: &mut Vec<String>) {
    let Some(map) = schema.as_object() else {
        return;
    };
    let closed = map.get("additionalProperties").is_some();
    if map.get("properties").is_some() && !closed {
        open.push(path.to_owned());
    }
    for (key, child) in map {
        match child {
            Value::Array(items) => items
                .iter()
                .for_each(|item| find_open_objects(item, path, open)),
            child => find_open_objects(child, &format!("{path}/{key}"), open),
        }
    }
}

#[test]
fn the_schema_refuses_unknown_keys_at_every_level() {
    for (chart, _) in CHARTS {
        let mut open = Vec::new();
        find_open_objects(&yaml(&format!("{chart}/values.schema.json")), "", &mut open);
        // A volume is its name and one of some thirty types of source.
        assert_eq!(open, ["/properties/extraVolumes/items"], "{chart}");
    }
}

/// Follows one `$ref` into `$defs`.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
        return schema;
    };
    root.pointer(reference.trim_start_matches('#'))
        .unwrap_or_else(|| panic!("{reference} is not defined"))
}

/// Compares the schema's properties with the keys of the values, down to where the schema requires nothing any more.
fn compare(root: &Value, schema: &Value, values: &Value, path: &str) {
    let schema = resolve(root, schema);
    let Some(required) = schema.get("required").and_then(Value::as_array) else {
        return;
    };
    let mut required: Vec<&str> = required.iter().filter_map(Value::as_str).collect();
    required.sort_unstable();
    let mut keys: Vec<&str> = values
        .as_object()
        .expect("a map")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(required, keys, "schema and values differ at {path:?}");
    for key in keys {
        compare(
            root,
            &schema["properties"][key],
            &values[key],
            &format!("{path}/{key}"),
        );
    }
}

#[test]
fn schema_and_values_name_the_same_parameters() {
    for (chart, _) in CHARTS {
        let schema = yaml(&format!("{chart}/values.schema.json"));
        compare(&schema, &schema, &values(chart), "");
    }
}

#[test]
fn the_documented_chart_path_is_the_chart() {
    let target = std::fs::read_link(file("chart")).expect("chart is a symbolic link");
    assert_eq!(target, PathBuf::from(EXPORTER));
}

#[test]
fn the_prometheus_rule_has_the_alerts_of_the_rule_file() {
    let rules = yaml("examples/alerts/rules.yaml");
    let resource = yaml("examples/alerts/prometheusrule.yaml");
    assert_eq!(resource["spec"], rules);
}

#[test]
fn the_image_is_built_by_the_pinned_toolchain() {
    let pinned = text("rust-toolchain.toml");
    let pinned = pinned
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .expect("a channel");
    let dockerfile = text("Dockerfile");
    let built = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("ARG RUST_VERSION="))
        .expect("a version");
    assert_eq!(pinned.trim_matches('"'), built);
}

#[test]
fn the_chart_and_the_image_agree_on_where_the_configuration_is() {
    let path = "/etc/xtrinode/config/config.yaml";
    assert!(text("Dockerfile").contains(&format!("CMD [\"exporter\", \"--config\", \"{path}\"]")));
    assert!(
        text(&format!("{EXPORTER}/templates/deployment.yaml"))
            .contains(&format!("- --config\n            - {path}\n"))
    );
}

#[test]
fn the_example_configuration_is_accepted() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtrinode"))
        .args(["exporter", "--check-config", "--config"])
        .arg(file("examples/config.yaml"))
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("configuration is valid"), "{said}");
}

/// What the example says is a default is the chart's too, or the exporter would behave differently in a cluster.
#[test]
fn the_example_configuration_has_the_defaults_of_the_chart() {
    let config = yaml("examples/config.yaml");
    let values = values(EXPORTER);
    let shared = [
        "workerMapping",
        "kubernetes",
        "workerHttpPort",
        "ipToPodMetric",
        "pollIntervalSeconds",
        "requestTimeoutSeconds",
        "staleAfterSeconds",
        "maxResponseBytes",
        "compression",
        "strict",
        "forwardedProto",
        "metricsPort",
        "logging",
        "shutdownGraceSeconds",
    ];
    for key in shared {
        assert!(!config[key].is_null(), "{key}");
        assert_eq!(config[key], values[key], "{key}");
    }
}

/// What the guard's example says is a default is its chart's too. What a chart has instead of files, and what only a
/// pod knows, is left out.
#[test]
fn the_guards_example_has_the_defaults_of_its_chart() {
    let config = yaml("examples/guard/guard.yaml");
    let values = values(GUARD);
    let shared = [
        "mode",
        "adminPort",
        "discovery",
        "coordinators",
        "bounds",
        "floor",
        "hints",
        "clamp",
        "cordon",
        "deletionCandidate",
        "operatorIdentity",
        "logging",
        "lameDuckSeconds",
        "shutdownGraceSeconds",
    ];
    for key in shared {
        assert!(!config[key].is_null(), "{key}");
        assert_eq!(config[key], values[key], "{key}");
    }
    let pairs = [
        ("/webhookPort", "/webhook/port"),
        ("/webhookUrl", "/webhook/url"),
        ("/namespaces", "/rbac/namespaces"),
        ("/exporter/url", "/exporter/url"),
        ("/trino/auth/type", "/trino/auth/type"),
        ("/trino/workerHttpPort", "/trino/workerHttpPort"),
        ("/trino/pollIntervalSeconds", "/trino/pollIntervalSeconds"),
        (
            "/trino/requestTimeoutSeconds",
            "/trino/requestTimeoutSeconds",
        ),
        ("/drain/user", "/drain/user"),
        ("/drain/scheme", "/drain/scheme"),
        (
            "/leaderElection/leaseDurationSeconds",
            "/leaderElection/leaseDurationSeconds",
        ),
        (
            "/leaderElection/renewIntervalSeconds",
            "/leaderElection/renewIntervalSeconds",
        ),
        (
            "/tls/selfManaged/certificateValiditySeconds",
            "/tls/selfManaged/certificateValiditySeconds",
        ),
        (
            "/tls/selfManaged/authorityValiditySeconds",
            "/tls/selfManaged/authorityValiditySeconds",
        ),
    ];
    for (one, other) in pairs {
        let found = config.pointer(one);
        assert!(found.is_some(), "{one}");
        assert_eq!(found, values.pointer(other), "{one}");
    }
}
