//! The chart's webhook configurations are those that the program prints for the chart's own configuration file: two
//! texts that say the same can't drift apart.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::render::path_of;

use super::render::{PATH_SECRET, all, config_text, look, modes, name, render, rendering};

const KINDS: [&str; 2] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
];

/// What the program prints for the rendered configuration.
fn printed(objects: &[Value], folder: &Path) -> Vec<Value> {
    let (config, secret) = (folder.join("guard.yaml"), folder.join("secret"));
    // A name for the replica comes from the pod.
    let text = format!("{}\nreplicaId: any\n", config_text(objects));
    std::fs::write(&config, text).expect("it is writable");
    std::fs::write(&secret, PATH_SECRET).expect("it is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtrinode"));
    command.args(["manifests", "webhooks", "--config"]);
    command.arg(&config).arg("--path-secret-file").arg(&secret);
    let injected =
        "ValidatingWebhookConfiguration /metadata/annotations/cert-manager.io~1inject-ca-from";
    if let Some(certificate) = look(objects, injected).as_str() {
        command.args(["--inject-ca-from", certificate]);
    }
    let output = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// The webhooks by the name of their configuration, without what the program has in no file: the authority.
fn webhooks(objects: &[Value]) -> Vec<(String, Vec<Value>)> {
    let found = KINDS.iter().flat_map(|kind| all(objects, kind));
    let found = found.map(|object| {
        let mut webhooks = object["webhooks"].as_array().expect("a list").clone();
        for webhook in &mut webhooks {
            let client = webhook["clientConfig"].as_object_mut().expect("a map");
            client.remove("caBundle");
        }
        (name(object).to_owned(), webhooks)
    });
    found.collect()
}

#[test]
fn the_chart_asks_what_the_program_prints() {
    for (mode, file) in modes() {
        let objects = render(&["-f", path_of(&file)]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let printed = webhooks(&printed(&objects, folder.path()));
        let rendered = webhooks(&objects);
        assert!(printed.len() >= 2, "{mode}");
        let names = |all: &[(String, _)]| all.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&rendered), names(&printed), "{mode}");
        for (rendered, printed) in rendered.iter().zip(&printed) {
            assert_eq!(rendered, printed, "{mode}");
        }
    }
}

/// Before the leader has verified its chain nothing may block, and nobody but it knows the authority.
#[test]
fn with_certificates_of_its_own_the_chart_leaves_trust_to_the_leader() {
    let objects = render(&["--set", "mode=enforce"]);
    for object in all(&objects, KINDS[0]) {
        for webhook in object["webhooks"].as_array().expect("a list") {
            assert_eq!(webhook["failurePolicy"], "Ignore", "{}", webhook["name"]);
            assert_eq!(webhook["clientConfig"].get("caBundle"), None);
        }
    }
}

#[test]
fn an_authority_that_was_given_is_in_every_entry() {
    let set = "tls.mode=existingSecret,tls.existingSecret=s,tls.caBundle=QUJD,clamp.enabled=true";
    let objects = render(&["--set", set]);
    for object in KINDS.iter().flat_map(|kind| all(&objects, kind)) {
        for webhook in object["webhooks"].as_array().expect("a list") {
            assert_eq!(webhook["clientConfig"]["caBundle"], "QUJD");
        }
    }
}

/// Made up once a rendering: the Secret that the guard reads, and each path.
#[test]
fn the_secret_segment_is_the_same_everywhere() {
    let objects = render(&["--set", "webhook.pathSecret="]);
    let other = render(&["--set", "webhook.pathSecret="]);
    let paths = |objects: &[Value]| {
        let found = all(objects, KINDS[0]).into_iter();
        let webhooks = found.flat_map(|it| it["webhooks"].as_array().expect("a list").clone());
        let paths = webhooks.map(|it| it["clientConfig"]["service"]["path"].clone());
        paths.collect::<Vec<_>>()
    };
    let first = |path: &Value| {
        let text = path.as_str().expect("a path").trim_start_matches('/');
        text.split('/').next().expect("a segment").to_owned()
    };
    let segments: Vec<_> = paths(&objects).iter().map(first).collect();
    assert_eq!((segments.len(), segments[0].len()), (10, 40));
    assert!(segments.iter().all(|it| *it == segments[0]));
    assert_ne!(
        first(&paths(&other)[0]),
        segments[0],
        "it is made up each time"
    );
    let secrets = all(&objects, "Secret");
    let kept = secrets.iter().find(|it| name(it) == "xtrinode-guard-path");
    let kept = kept.expect("a Secret")["data"]["secret"]
        .as_str()
        .expect("text");
    assert_eq!(kept.len(), 56, "40 bytes in base64");
}

#[test]
fn too_old_a_kubernetes_is_refused() {
    let output = rendering(&["--kube-version", "1.29"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains(">=1.30.0-0"));
}
