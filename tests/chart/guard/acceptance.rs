//! What the rendered objects and the guard's configuration meet next: the API server's own rules, and the program.

use crate::acceptance::accepts;
use crate::parts::{self, root};
use crate::render::path_of;

use super::render::{manifests, modes, render, values};

#[test]
fn the_api_server_would_take_every_object_and_the_pods_are_restricted() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    for (mode, file) in modes() {
        let text = manifests(&["-f", path_of(&file)]);
        let verdict = accepts(&validator, &["--restricted"], &text);
        assert_eq!(verdict, Ok(()), "{mode}");
    }
}

/// The API server is particular about paths: one that was made up must do, too.
#[test]
fn the_api_server_would_take_a_secret_that_was_made_up() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    let text = manifests(&["--set", "webhook.pathSecret="]);
    assert_eq!(accepts(&validator, &[], &text), Ok(()));
    let capital = text.replace("/validate/eviction", "/Validate/eviction");
    assert!(accepts(&validator, &[], &capital).is_err());
}

/// The validator would say so if an expression were wrong: without this the test above proves little.
#[test]
fn the_validator_knows_wrong_expressions() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    let text = manifests(&[]);
    for (right, wrong) in [
        ("has(oldObject.metadata.deletionTimestamp)", "has(oldObject"),
        ("variables.guarded.all", "variables.unknown.all"),
        ("operator: NotIn", "operator: Besides"),
    ] {
        assert!(text.contains(right));
        let verdict = accepts(&validator, &[], &text.replace(right, wrong));
        assert!(verdict.is_err(), "{wrong}");
    }
}

#[test]
fn the_host_network_needs_more_than_the_restricted_standard() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    let text = manifests(&["--set", "hostNetwork=true"]);
    assert_eq!(accepts(&validator, &[], &text), Ok(()));
    let said = accepts(&validator, &["--restricted"], &text).expect_err("it is not restricted");
    assert!(said.contains("host namespaces"), "{said}");
}

#[test]
fn the_api_server_would_take_the_committed_configurations() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    for path in [
        "webhooks/webhooks.yaml",
        "webhooks/cert-manager/webhooks.yaml",
    ] {
        let text = std::fs::read_to_string(root().join(path)).expect("it is there");
        assert_eq!(accepts(&validator, &[], &text), Ok(()), "{path}");
    }
}

/// `kubectl apply -k`, but for the cluster.
#[test]
fn kustomize_builds_what_is_committed() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    for folder in ["webhooks", "webhooks/cert-manager"] {
        let output = std::process::Command::new(parts::command("kube", "kubectl"))
            .args(["kustomize", folder])
            .current_dir(root())
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{folder}: {said}");
        let built = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(accepts(&validator, &[], &built), Ok(()), "{folder}");
        let file = root().join(folder).join("webhooks.yaml");
        let committed = std::fs::read_to_string(file).expect("it is there");
        assert_eq!(objects(&built), objects(&committed), "{folder}");
    }
}

/// By name, in whatever order.
fn objects(text: &str) -> std::collections::BTreeMap<String, serde_json::Value> {
    let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(text).expect("YAML");
    let name = |object: &serde_json::Value| {
        let name = object["metadata"]["name"].as_str();
        format!("{} {}", object["kind"], name.expect("a name"))
    };
    objects
        .into_iter()
        .map(|object| (name(&object), object))
        .collect()
}

#[test]
fn the_api_server_would_take_the_examples_and_the_chart_their_values() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    for path in [
        "examples/guard/hpa.yaml",
        "examples/guard/keda-scaledobject.yaml",
    ] {
        let text = std::fs::read_to_string(root().join(path)).expect("it is there");
        assert_eq!(accepts(&validator, &[], &text), Ok(()), "{path}");
    }
    for path in [
        "examples/guard/values-audit.yaml",
        "examples/guard/values-enforce.yaml",
    ] {
        let text = manifests(&["-f", path]);
        let verdict = accepts(&validator, &["--restricted"], &text);
        assert_eq!(verdict, Ok(()), "{path}");
    }
}

/// The guard's own rules between values; the files that it names are not on this machine.
#[test]
fn the_guard_accepts_every_configuration_that_the_chart_writes() {
    for (mode, file) in modes() {
        let objects = render(&["-f", path_of(&file)]);
        let text = format!("{}\nreplicaId: any\n", super::render::config_text(&objects));
        let config = values(&text);
        let arguments = ["manifests", "webhooks", "--config", path_of(&config)];
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_xtrinode"))
            .args(arguments)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {said}");
    }
}

/// The image has no shell: what `helm test` runs must be a command of the program.
#[test]
fn the_program_has_the_command_that_helm_test_runs() {
    let objects = render(&[]);
    let arguments = super::render::look(&objects, "Pod /spec/containers/0/args");
    assert_eq!(arguments[0], "probe");
    let url = arguments[1].as_str().expect("a URL");
    assert_eq!(url, "http://xtrinode-guard.xtrinode-system.svc:9090/readyz");
}
