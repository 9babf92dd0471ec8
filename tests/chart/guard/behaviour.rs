//! What the rendered objects do together: names, availability, the ways in and out, and what the notes say.

use serde_json::{Value, json};

use crate::render::{helm, path_of, with_set};

use super::render::{CHART, all, look, modes, name, render};

#[test]
fn lint_finds_nothing() {
    for (mode, file) in modes() {
        let arguments = [
            "lint",
            "--strict",
            CHART,
            "--kube-version",
            "1.30",
            "-f",
            path_of(&file),
        ];
        let output = helm(&arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && !said.contains("[WARNING]"),
            "{mode}: {said}"
        );
    }
}

#[test]
fn a_release_named_after_a_part_of_the_chart_does_not_repeat_it() {
    for (release, full) in [
        ("guard", "xtrinode-guard"),
        ("xtrinode-guard", "xtrinode-guard"),
        ("xtrinode-guard-2", "xtrinode-guard-2"),
        ("blue", "blue-xtrinode-guard"),
    ] {
        let output = helm(&["template", release, CHART, "--kube-version", "1.30"]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        assert_eq!(name(all(&objects, "Deployment")[0]), full, "{release}");
        assert_eq!(look(&objects, "config /release"), full, "{release}");
    }
}

#[test]
fn somebody_always_answers() {
    let objects = render(&[]);
    assert_eq!(look(&objects, "Deployment /spec/replicas"), 2);
    assert_eq!(
        look(&objects, "Deployment /spec/strategy/rollingUpdate"),
        json!({"maxSurge": 1, "maxUnavailable": 0})
    );
    let budget = look(&objects, "PodDisruptionBudget /spec");
    assert_eq!(budget["unhealthyPodEvictionPolicy"], "AlwaysAllow");
    assert_eq!(budget["maxUnavailable"], 1);
    let spread = look(&objects, "pod /topologySpreadConstraints");
    for constraint in spread.as_array().expect("a list") {
        assert_eq!(constraint["whenUnsatisfiable"], "ScheduleAnyway");
    }
    let apart = "pod /affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm";
    let apart = look(&objects, apart);
    assert_eq!(apart["topologyKey"], "kubernetes.io/hostname");
    let selector = look(&objects, "Deployment /spec/selector");
    assert_eq!(apart["labelSelector"], selector);
    let probed = look(&objects, "container /readinessProbe/httpGet");
    assert_eq!(probed, json!({"path": "/readyz", "port": "admin"}));
}

/// The budget and the Service must not count the cleanup's pod or the test's.
#[test]
fn hooks_are_not_replicas() {
    let objects = render(&[]);
    let selector = look(&objects, "Service /spec/selector");
    let component = "app.kubernetes.io/component";
    assert_eq!(selector[component], "guard");
    let labels = [
        look(&objects, "Job /spec/template/metadata/labels"),
        look(&objects, "Pod /metadata/labels"),
    ];
    for labels in labels {
        assert_ne!(labels[component], "guard");
    }
}

#[test]
fn leaving_is_a_hook_of_bounded_time() {
    let objects = render(&[]);
    let hook = "Job /metadata/annotations/helm.sh~1hook";
    assert_eq!(look(&objects, hook), "pre-delete");
    assert_eq!(look(&objects, "Job /spec/activeDeadlineSeconds"), 120);
    assert_eq!(
        look(&objects, "Job /spec/template/spec/containers/0/args"),
        json!([
            "guard",
            "cleanup",
            "--config",
            "/etc/xtrinode/config/guard.yaml"
        ])
    );
    assert_eq!(
        look(&objects, "container /args"),
        json!([
            "guard",
            "run",
            "--config",
            "/etc/xtrinode/config/guard.yaml"
        ])
    );
}

/// Written by the guard: what Helm says about them must not be in its way at the next upgrade.
#[test]
fn what_the_guard_fills_is_empty() {
    let objects = render(&[]);
    let lease = all(&objects, "Lease")[0];
    assert_eq!((name(lease), lease.get("spec")), ("xtrinode-guard", None));
    let secrets = all(&objects, "Secret");
    let own = secrets.iter().find(|it| name(it) == "xtrinode-guard-tls");
    let own = own.expect("a Secret");
    assert_eq!((own.get("data"), own.get("stringData")), (None, None));
    let given = render(&with_set(&[
        "tls.mode=existingSecret",
        "tls.existingSecret=s",
    ]));
    assert_eq!(all(&given, "Secret").len(), 1, "the path's alone");
}

#[test]
fn cert_manager_signs_what_the_api_server_calls() {
    let by_service = render(&["--set", "tls.mode=certManager"]);
    let certificates = all(&by_service, "Certificate");
    assert_eq!(certificates.len(), 2);
    let spec = &certificates[0]["spec"];
    assert_eq!(
        spec["dnsNames"],
        json!(["xtrinode-guard.xtrinode-system.svc"])
    );
    assert_eq!(spec["secretName"], "xtrinode-guard-tls");
    let set = with_set(&[
        "tls.mode=certManager",
        "tls.certManager.issuerRef.name=ours",
        "tls.certManager.issuerRef.kind=ClusterIssuer",
        "webhook.url=https://10.0.0.5:8443",
    ]);
    let by_address = render(&set);
    let certificates = all(&by_address, "Certificate");
    assert_eq!(
        (certificates.len(), all(&by_address, "Issuer").len()),
        (1, 0)
    );
    let spec = &certificates[0]["spec"];
    assert_eq!(spec["ipAddresses"], json!(["10.0.0.5"]));
    assert_eq!(spec["issuerRef"]["kind"], "ClusterIssuer");
}

#[test]
fn trinos_namespaces_let_the_guard_in_where_that_is_asked_for() {
    let objects = render(&["--set", "networkPolicy.trinoNamespaces={trino}"]);
    let policies = all(&objects, "NetworkPolicy");
    assert_eq!(policies.len(), 2);
    let rule = policies
        .iter()
        .find(|it| it["metadata"]["namespace"] == "trino");
    let rule = &rule.expect("a policy")["spec"]["ingress"][0];
    let from = &rule["from"][0];
    let namespace = &from["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
    assert_eq!(namespace, "xtrinode-system");
    let pods = &from["podSelector"];
    assert_eq!(
        pods["matchLabels"],
        json!({"app.kubernetes.io/name": "xtrinode-guard", "app.kubernetes.io/instance": "guard"})
    );
    // Whoever tells workers something: replicas, and the cleanup that takes drains back.
    let told = &pods["matchExpressions"][0];
    assert_eq!(told["key"], "app.kubernetes.io/component");
    let job = look(&objects, "Job /spec/template/metadata/labels");
    let replica = look(&objects, "Deployment /spec/template/metadata/labels");
    let components = [replica, job].map(|labels| labels["app.kubernetes.io/component"].clone());
    assert_eq!(told["values"], json!(components));
}

/// A narrow `adminFrom` must not make `helm test` fail.
#[test]
fn the_test_may_ask_whoever_else_may_not() {
    let set = "networkPolicy.adminFrom[0].ipBlock.cidr=10.0.0.0/8";
    let objects = render(&["--set", set]);
    let from = look(&objects, "NetworkPolicy /spec/ingress/1/from");
    let allowed = from[1]["podSelector"]["matchLabels"].clone();
    let labels = look(&objects, "Pod /metadata/labels");
    for (key, value) in allowed.as_object().expect("labels") {
        assert_eq!(labels[key], *value, "{key}");
    }
    assert_eq!(allowed["app.kubernetes.io/component"], "test");
}

/// Else it never says `Fail`: it does so once it has seen its certificate as the API server will.
#[test]
fn the_leader_may_verify_its_own_certificate_under_every_policy() {
    let objects = render(&[
        "--set",
        "networkPolicy.webhookFrom[0].ipBlock.cidr=10.0.0.0/8",
        "--set",
        "networkPolicy.egress.enabled=true",
    ]);
    let pods = look(&objects, "NetworkPolicy /spec/podSelector");
    let from = look(&objects, "NetworkPolicy /spec/ingress/0/from");
    assert_eq!(from[1]["podSelector"], pods);
    let out = look(&objects, "NetworkPolicy /spec/egress/2");
    assert_eq!(out["to"], json!([{ "podSelector": pods }]));
    assert_eq!(out["ports"][0]["port"], "webhook");
}

/// The label is what opens the way, and a namespace that leaves has just lost it.
#[test]
fn listed_namespaces_are_reached_without_their_label() {
    let objects = render(&[
        "--set",
        "networkPolicy.trinoNamespaces={a}",
        "--set",
        "networkPolicy.egress.enabled=true",
    ]);
    let to = look(&objects, "NetworkPolicy /spec/egress/3/to");
    let name = &to[1]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
    assert_eq!(name, "a");
}

/// Workers that let the nodes' addresses in, and no pods, must hear the cleanup too.
#[test]
fn the_cleanup_asks_from_where_the_guard_does() {
    let objects = render(&["--set", "hostNetwork=true"]);
    for key in ["hostNetwork", "dnsPolicy"] {
        let guard = look(&objects, &format!("Deployment /spec/template/spec/{key}"));
        let cleanup = look(&objects, &format!("Job /spec/template/spec/{key}"));
        assert!(!guard.is_null());
        assert_eq!(guard, cleanup, "{key}");
    }
}

#[test]
fn a_changed_configuration_restarts_the_pods() {
    let checksum = "Deployment /spec/template/metadata/annotations/checksum~1config";
    let default = look(&render(&[]), checksum);
    assert_eq!(default.as_str().map(str::len), Some(64));
    assert_ne!(look(&render(&["--set", "mode=enforce"]), checksum), default);
    assert_eq!(
        look(&render(&["--set", "podLabels.a=b"]), checksum),
        default
    );
}

fn notes(extra: &[&str]) -> String {
    let mut arguments = vec!["install", "guard", CHART, "--dry-run=client"];
    arguments.extend(["--namespace", "xtrinode-system"]);
    arguments.extend(extra);
    let output = helm(&arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    said.split_once("NOTES:").expect("notes").1.to_owned()
}

#[test]
fn the_notes_say_what_is_protected_and_the_way_out() {
    let said = notes(&[]);
    for wanted in [
        "xtrinode.io/guard=enabled        # here: audit",
        "kubectl delete validatingwebhookconfiguration xtrinode-guard-audit xtrinode-guard-enforce\n",
        "--no-hooks",
        "No ServiceMonitor and no PrometheusRule was created",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(
        !said.contains("WARNING") && !said.contains("mutating"),
        "{said}"
    );
}

#[test]
fn the_notes_warn_of_what_is_unwise() {
    let said = notes(&with_set(&[
        "replicas=1",
        "policy.enabled=false",
        "tls.mode=existingSecret",
        "tls.existingSecret=s",
        "drain.tls.insecureSkipVerify=true",
        "clamp.enabled=true",
        "rbac.namespaces={trino}",
    ]));
    for wanted in [
        "WARNING: with 1 replica",
        "WARNING: policy.enabled is false",
        "NOTE: tls.caBundle is empty",
        "WARNING: insecureSkipVerify",
        "kubectl delete mutatingwebhookconfiguration xtrinode-guard-clamp\n",
        "Only these can: trino",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}
