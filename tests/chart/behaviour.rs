//! What the rendered objects do together: the examples keep their word, objects are where they should be, nothing is
//! allowed that is not needed, and the notes say what comes next.

use serde_json::{Value, json};

use crate::render::{
    CHART, EXAMPLES, config, everything, helm, look, object, path_of, render, with_example,
};

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
