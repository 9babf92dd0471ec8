//! The configurations of several installations: which entries there are, whom they ask, and what an outage does.

use std::fs;

use k8s_openapi::api::admissionregistration::v1::{ValidatingWebhook, WebhookClientConfig};

use super::*;
use crate::cli::{GuardMode, WebhooksArgs};
use crate::core::guard::facts::place::Mode;
use crate::core::guard::review::Path;
use crate::guard::config::{Overrides, OwnPod, Settings, parse};

const OWN_LABELS: &str = "
namespace: xtrinode-system
replicaId: a
tls: {files: {certFile: c, keyFile: k}}
clamp: {enabled: true}
coordinators:
  Blue: {url: 'http://t.one.svc', release: b, workerSelector: {app: w}, coordinatorSelector: {app: c}}
  half: {url: 'http://t.two.svc', release: h, workerSelector: {app: w}}
  usual: {url: 'http://t.three.svc', release: u}
";

fn settings(text: &str) -> Settings {
    let parsed = parse(text, &Overrides::default(), &OwnPod::default());
    parsed.unwrap().settings
}

fn of(args: &WebhooksArgs) -> Webhooks {
    webhooks(&Options::from_args(args).unwrap())
}

/// `NAME: ENTRY POLICY, ...` for each validating configuration.
fn told(webhooks: &Webhooks) -> Vec<String> {
    let entry = |entry: &ValidatingWebhook| {
        let word = entry.name.strip_suffix(".guard.xtrinode.io").unwrap();
        format!("{word} {}", entry.failure_policy.as_ref().unwrap())
    };
    let configurations = webhooks.validating.iter().map(|configuration| {
        let entries = configuration.webhooks.iter().flatten().map(entry);
        let name = configuration.metadata.name.as_ref().unwrap();
        format!("{name}: {}", entries.collect::<Vec<_>>().join(", "))
    });
    configurations.collect()
}

fn clients(webhooks: &Webhooks) -> impl Iterator<Item = &WebhookClientConfig> {
    let entries = webhooks
        .validating
        .iter()
        .filter_map(|it| it.webhooks.as_ref());
    entries.flatten().map(|entry| &entry.client_config)
}

#[test]
fn nothing_blocks_before_anybody_can_trust_us() {
    assert_eq!(
        told(&of(&WebhooksArgs::default())),
        [
            "xtrinode-guard-audit: eviction Ignore, pod-delete Ignore, scale Ignore, workload Ignore, namespace Ignore",
            "xtrinode-guard-enforce: eviction Ignore, pod-delete Ignore, scale Ignore, workload Ignore, namespace Ignore",
        ]
    );
}

#[test]
fn enforce_blocks_removals_alone() {
    let args = WebhooksArgs {
        name: Some("g".to_owned()),
        inject_ca_from: Some("n/c".to_owned()),
        ..WebhooksArgs::default()
    };
    let made = of(&args);
    assert_eq!(
        told(&made),
        [
            "g-audit: eviction Ignore, pod-delete Ignore, scale Ignore, workload Ignore, namespace Ignore",
            "g-enforce: eviction Fail, pod-delete Fail, scale Fail, workload Fail, namespace Ignore",
        ]
    );
    let annotations = made.validating[1].metadata.annotations.as_ref().unwrap();
    assert_eq!(annotations["cert-manager.io/inject-ca-from"], "n/c");
    assert!(made.mutating.is_none());
}

#[test]
fn clusters_with_labels_of_their_own_have_objects_of_their_own() {
    let settings = settings(OWN_LABELS);
    let made = webhooks(&Options::of(&settings));
    let enforced: Vec<_> = told(&made)
        .into_iter()
        .filter(|it| it.contains("enforce"))
        .collect();
    assert_eq!(
        enforced,
        [
            "xtrinode-guard-enforce: eviction Fail, pod-delete Fail, scale Fail, workload Fail, namespace Ignore",
            "xtrinode-guard-enforce-blue: pod-delete-1 Fail, workload-1 Fail, pod-delete-2 Fail, workload-2 Fail",
            "xtrinode-guard-enforce-half: pod-delete-1 Fail, workload-1 Fail",
        ]
    );
    let clamp = made.mutating.as_ref().unwrap().webhooks.as_ref().unwrap();
    assert_eq!(clamp[0].failure_policy.as_deref(), Some("Ignore"));
    assert_eq!(clamp[0].reinvocation_policy.as_deref(), Some("Never"));
}

#[test]
fn the_list_of_names_is_what_is_printed() {
    let settings = settings(OWN_LABELS);
    let made = webhooks(&Options::of(&settings));
    let metadata = made.validating.iter().map(|it| &it.metadata);
    let metadata = metadata.chain(made.mutating.iter().map(|it| &it.metadata));
    let printed: Vec<_> = metadata.filter_map(|it| it.name.clone()).collect();
    let listed = configurations(&settings);
    let names: Vec<_> = listed.iter().map(|it| it.name.clone()).collect();
    assert_eq!(names, printed);
    let last = listed.last().unwrap();
    assert_eq!((last.kind, last.mode), (Kind::Mutating, Mode::Enforce));
}

#[test]
fn enabled_belongs_to_one_mode_and_some_namespaces_to_none() {
    let modes = [(GuardMode::Audit, 0), (GuardMode::Enforce, 1)];
    for (mode, with_enabled) in modes {
        let args = WebhooksArgs {
            mode: Some(mode),
            namespace: Some("mine".to_owned()),
            ..WebhooksArgs::default()
        };
        for (index, configuration) in of(&args).validating.iter().enumerate() {
            let entry = &configuration.webhooks.as_ref().unwrap()[0];
            let selector = entry.namespace_selector.as_ref().unwrap();
            let rules = selector.match_expressions.as_ref().unwrap();
            let labels = rules[0].values.as_ref().unwrap();
            let wanted = 1 + usize::from(index == with_enabled);
            assert_eq!(labels.len(), wanted, "{labels:?}");
            let spared = rules[1].values.as_ref().unwrap();
            assert_eq!(spared, &["mine", "kube-system", "kube-node-lease"]);
        }
    }
}

#[test]
fn every_path_is_asked_behind_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "0123456789abcdef\n").unwrap();
    let args = WebhooksArgs {
        path_secret_file: Some(file.clone()),
        url: Some("https://127.0.0.1:8443/".parse().unwrap()),
        ..WebhooksArgs::default()
    };
    let urls: Vec<_> = clients(&of(&args))
        .filter_map(|it| it.url.clone())
        .collect();
    let wanted = Path::ALL[..5]
        .iter()
        .map(|path| format!("https://127.0.0.1:8443/0123456789abcdef{}", path.url()));
    assert_eq!(urls[..5], wanted.collect::<Vec<_>>());
    fs::write(&file, "short").unwrap();
    let told = Options::from_args(&args).unwrap_err().to_string();
    assert!(
        told.contains("give 16 to 253") && !told.contains("short"),
        "{told}"
    );
}

#[test]
fn wrong_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let args = WebhooksArgs {
        ca_file: Some(file.clone()),
        ..WebhooksArgs::default()
    };
    let told = |args: &WebhooksArgs| format!("{:#}", Options::from_args(args).unwrap_err());
    assert!(told(&args).contains("cannot read the file"));
    fs::write(&file, "mode: loud\ntls: {selfManaged: {}}\n").unwrap();
    assert!(told(&args).contains("holds no certificate"));
    let args = WebhooksArgs {
        config: Some(file),
        ..WebhooksArgs::default()
    };
    assert!(told(&args).contains("file:1: mode: "), "{}", told(&args));
}

#[test]
fn two_clusters_are_never_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("guard.yaml");
    fs::write(&config, OWN_LABELS.replace("half", "blue")).unwrap();
    let args = WebhooksArgs {
        config: Some(config),
        ..WebhooksArgs::default()
    };
    let told = Options::from_args(&args).unwrap_err().to_string();
    assert!(
        told.contains("\"blue\"") && told.contains("rename"),
        "{told}"
    );
}
