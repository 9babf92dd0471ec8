//! What the exporter's chart renders, by the real Helm: every documented parameter changes what it should, every
//! example does what it says, and wrong values are refused with a reason. Needs no cluster; `tests/it/chart.rs` checks
//! what needs no Helm.

mod acceptance;
mod render;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use render::{
    CHART, EXAMPLES, config, everything, helm, look, object, path_of, render, rendering,
    with_example,
};

/// The table of parameters, and what each must change.
const PARAMETERS: &str = include_str!("helm_chart/parameters.yaml");

/// A change of values and where it must show; `helm_chart/parameters.yaml` says what the words mean.
#[derive(Deserialize)]
struct Effect {
    parameter: String,
    set: Vec<String>,
    at: String,
    is: Value,
}

#[derive(Deserialize)]
struct Parameters {
    documented: Vec<Effect>,
    own: Vec<Effect>,
}

fn parameters() -> Parameters {
    serde_saphyr::from_str(PARAMETERS).expect("helm_chart/parameters.yaml is a table")
}

fn with_set<'a>(set: &[&'a str]) -> Vec<&'a str> {
    set.iter().flat_map(|value| ["--set", value]).collect()
}

/// Why Helm refuses these values.
fn refusal(set: &[&str]) -> String {
    let output = rendering(&with_set(set));
    assert!(!output.status.success(), "{set:?} was accepted");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn check(effects: &[Effect]) {
    let default = render(&[]);
    for Effect {
        parameter,
        set,
        at,
        is,
    } in effects
    {
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        assert_ne!(
            look(&default, at),
            *is,
            "{parameter} is tested with its default"
        );
        assert_eq!(
            look(&render(&with_set(&set)), at),
            *is,
            "{parameter} at {at}"
        );
    }
}

#[test]
fn every_documented_parameter_changes_what_it_should() {
    let effects = parameters().documented;
    let names: BTreeSet<&str> = effects
        .iter()
        .map(|effect| effect.parameter.as_str())
        .collect();
    assert_eq!(names.len(), 32);
    check(&effects);
}

#[test]
fn every_parameter_of_the_chart_changes_what_it_should() {
    check(&parameters().own);
}

#[test]
fn lint_finds_nothing() {
    for example in EXAMPLES {
        let mut arguments = vec!["lint", "--strict", CHART];
        arguments.extend(with_example(example));
        let output = helm(&arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && !said.contains("[WARNING]"),
            "{example}: {said}"
        );
    }
}

#[test]
fn blue_green_has_exactly_two_coordinators() {
    let example = "examples/values-blue-green.yaml";
    for arguments in [&with_example(example)[..], &["-f", example]] {
        let coordinators = config(&render(arguments))["coordinators"].clone();
        let wanted = json!({
            "blue": {"url": "http://trino-blue.trino.svc:8080", "release": "trino-blue"},
            "green": {"url": "http://trino-green.trino.svc:8080", "release": "trino-green"},
        });
        assert_eq!(coordinators, wanted, "{arguments:?}");
    }
}

#[test]
fn the_example_with_credentials_mounts_them_and_holds_none() {
    let objects = render(&with_example("examples/values-with-auth.yaml"));
    assert_eq!(look(&objects, "config /trinoAuth/type"), "basic");
    assert_eq!(
        look(&objects, "config /trinoAuth/passwordFile"),
        "/etc/xtrinode/trino-auth/password"
    );
    assert_eq!(
        look(&objects, "config /prometheus/auth/tokenFile"),
        "/etc/xtrinode/prometheus-auth/token"
    );
    let volumes = look(&objects, "pod /volumes");
    let secrets: Vec<&Value> = volumes
        .as_array()
        .expect("a list")
        .iter()
        .map(|volume| &volume["secret"]["secretName"])
        .collect();
    assert_eq!(
        secrets,
        [
            &Value::Null,
            &json!("prometheus-credentials"),
            &json!("trino-credentials")
        ]
    );
    assert!(object(&objects, "Secret").is_none());
}

#[test]
fn every_object_is_in_the_namespace_of_the_values() {
    let file = everything();
    for object in render(&["-f", path_of(&file), "--set", "namespace=elsewhere"]) {
        let kind = object["kind"].as_str().expect("a kind");
        let namespace = object["metadata"]["namespace"]
            .as_str()
            .expect("a namespace");
        let wanted: &[&str] = if kind.starts_with("Role") {
            &["trino-blue", "trino-green"]
        } else {
            &["elsewhere"]
        };
        assert!(wanted.contains(&namespace), "{kind} is in {namespace}");
    }
}

#[test]
fn nothing_may_read_the_kubernetes_api_unless_it_is_asked_for() {
    let objects = render(&[]);
    for kind in ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"] {
        assert!(object(&objects, kind).is_none(), "{kind}");
    }
    assert_eq!(look(&objects, "pod /automountServiceAccountToken"), false);
    let objects = render(&["--set", "kubernetes.enabled=true,rbac.create=false"]);
    assert!(object(&objects, "ClusterRole").is_none());
}

#[test]
fn one_exporter_at_a_time_and_no_drain_is_ever_blocked() {
    let objects = render(&[]);
    assert_eq!(look(&objects, "Deployment /spec/replicas"), 1);
    assert_eq!(
        look(&objects, "Deployment /spec/strategy"),
        json!({"type": "Recreate"})
    );
    assert_eq!(
        look(&objects, "PodDisruptionBudget /spec/maxUnavailable"),
        1
    );
    assert_eq!(
        look(
            &objects,
            "PodDisruptionBudget /spec/unhealthyPodEvictionPolicy"
        ),
        "AlwaysAllow"
    );
    assert_eq!(look(&objects, "scrape /honorLabels"), true);
}

#[test]
fn a_changed_configuration_restarts_the_pod() {
    let checksum = "Deployment /spec/template/metadata/annotations/checksum~1config";
    let default = look(&render(&[]), checksum);
    assert_eq!(default.as_str().map(str::len), Some(64));
    assert_ne!(look(&render(&["--set", "strict=true"]), checksum), default);
    assert_eq!(
        look(&render(&["--set", "podLabels.a=b"]), checksum),
        default
    );
}

#[test]
fn values_that_the_schema_does_not_know_are_refused() {
    let cases: [(&[&str], &str); 12] = [
        (&["bogus=1"], "additional properties 'bogus'"),
        (&["image.tags=1"], "additional properties 'tags'"),
        (&["trinoAuth.tpye=basic"], "additional properties 'tpye'"),
        (&["trinoAuth.type=digest"], "'/trinoAuth/type'"),
        (
            &["coordinators.default.uri=x"],
            "additional properties 'uri'",
        ),
        (
            &["coordinators.b.url=http://b:1"],
            "missing property 'release'",
        ),
        (
            &["coordinators.default.url=ftp://b"],
            "'/coordinators/default/url'",
        ),
        (&["metricsPort=70000"], "'/metricsPort'"),
        (&["pollIntervalSeconds=-1"], "'/pollIntervalSeconds'"),
        (&["resources.limits.cpus=1"], "'cpus'"),
        (&["logging.level=LOUD"], "'/logging/level'"),
        (
            &["serviceMonitor=null"],
            "missing property 'serviceMonitor'",
        ),
    ];
    for (set, reason) in cases {
        let said = refusal(set);
        assert!(said.contains(reason), "{set:?}: {said}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused_all_at_once() {
    let said = refusal(&[
        "coordinators.b.url=http://b:1",
        "coordinators.b.release=trino",
        "trinoAuth.type=basic",
        "prometheus.auth.type=bearer",
        "workerMapping=kubernetes",
        "staleAfterSeconds=3",
        "shutdownGraceSeconds=30",
    ]);
    for reason in [
        "coordinators.default.release repeats trino of coordinators.b",
        "trinoAuth.type is basic, which needs trinoAuth.existingSecret",
        "prometheus.auth.type is bearer, which needs prometheus.auth.existingSecret",
        "workerMapping is kubernetes, which needs kubernetes.enabled",
        "staleAfterSeconds is 3, less than pollIntervalSeconds (15)",
        "terminationGracePeriodSeconds is 30, which must exceed shutdownGraceSeconds (30)",
    ] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert!(refusal(&["trinoAuth.headerName=X-Me"]).contains("the header X-Me needs a value"));
    assert!(refusal(&["coordinators.default=null"]).contains("coordinators is empty"));
    assert!(
        refusal(&["workerMapping=prometheus", "prometheus.url="]).contains("needs prometheus.url")
    );
}

fn notes(extra: &[&str]) -> String {
    let mut arguments = vec![
        "install",
        "trino-buffer-exporter",
        CHART,
        "--dry-run=client",
    ];
    arguments.extend(extra);
    let output = helm(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    said.split_once("NOTES:").expect("notes").1.to_owned()
}

#[test]
fn the_notes_say_what_comes_next_and_what_is_not_there() {
    let said = notes(&["--namespace", "trino"]);
    assert!(
        said.contains("kubectl -n trino port-forward service/trino-buffer-exporter 8000:8000"),
        "{said}"
    );
    assert!(said.contains("No ServiceMonitor was created"), "{said}");
    assert!(!said.contains("WARNING"), "{said}");
    let said = notes(&[
        "--namespace",
        "other",
        "--set",
        "serviceMonitor.enabled=false",
    ]);
    assert!(
        said.contains("WARNING: the objects are in namespace trino"),
        "{said}"
    );
    assert!(!said.contains("ServiceMonitor"), "{said}");
}

#[test]
fn a_cluster_without_service_monitors_gets_none() {
    let output = helm(&["template", "trino-buffer-exporter", CHART]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        said.contains("kind: Deployment") && !said.contains("kind: ServiceMonitor"),
        "{said}"
    );
}
