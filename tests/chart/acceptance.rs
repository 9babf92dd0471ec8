//! What the rendered objects and the exporter's configuration meet next: the API server's own rules, and the program.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::parts::{self, root};
use crate::render::{
    EXAMPLES, config_text, everything, look, manifests, path_of, render, with_example,
};

/// Runs a part's program with `input` on standard input; says what it printed when it is not content.
pub fn accepts(program: &Path, arguments: &[&str], input: &str) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.success() {
        Ok(())
    } else {
        Err(said)
    }
}

#[test]
fn the_api_server_would_take_every_object_and_the_pods_are_restricted() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    let file = everything();
    let own = ["-f", path_of(&file)];
    let mut cases: Vec<Vec<&str>> = EXAMPLES
        .iter()
        .map(|example| with_example(example).to_vec())
        .collect();
    cases.push(own.to_vec());
    cases.push([&own[..], &["--set-json", "kubernetes.namespaces=[]"]].concat());
    for case in cases {
        let verdict = accepts(&validator, &["--restricted"], &manifests(&case));
        assert_eq!(verdict, Ok(()), "{case:?}");
    }
}

#[test]
fn the_api_server_would_take_the_example_manifests() {
    let validator = parts::command("kubevalidate", "kubevalidate");
    for example in [
        "examples/alerts/prometheusrule.yaml",
        "examples/autoscaling/hpa.yaml",
        "examples/autoscaling/keda-scaledobject.yaml",
    ] {
        let manifest = std::fs::read_to_string(root().join(example)).expect("it is there");
        assert_eq!(accepts(&validator, &[], &manifest), Ok(()), "{example}");
    }
}

/// The mounted files of a pod, under a folder of this machine instead of `/etc/xtrinode`.
fn mounted(config: &str, folder: &Path) -> String {
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::generate_simple_self_signed(names).expect("a certificate");
    for word in config
        .split_whitespace()
        .filter(|word| word.starts_with("/etc/xtrinode/"))
    {
        let file = folder.join(word.trim_start_matches("/etc/xtrinode/"));
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("it is writable");
        let content = match file.file_name().and_then(|name| name.to_str()) {
            Some("username") => continue,
            Some("tls.crt" | "ca.crt") => certificate.cert.pem(),
            Some("tls.key") => certificate.signing_key.serialize_pem(),
            _ => "content".to_owned(),
        };
        std::fs::write(file, content).expect("it is writable");
    }
    config.replace("/etc/xtrinode/", &format!("{}/", folder.display()))
}

/// Secrets of the documented form hold no `username`, so that file is missing here too.
#[test]
fn the_exporter_accepts_every_configuration_that_the_chart_writes() {
    let file = everything();
    let mut cases: Vec<Vec<&str>> = EXAMPLES
        .iter()
        .map(|example| with_example(example).to_vec())
        .collect();
    cases.extend([vec![], vec!["-f", path_of(&file)]]);
    for case in cases {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, mounted(config_text(&render(&case)), folder.path()))
            .expect("it is writable");
        let arguments = [
            "exporter",
            "--check-config",
            "--config",
            path.to_str().expect("UTF-8"),
        ];
        let output = Command::new(env!("CARGO_BIN_EXE_xtrinode"))
            .args(arguments)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
        assert!(
            output.status.success(),
            "{case:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(said.contains("configuration is valid"), "{case:?}: {said}");
    }
}

/// The image has no shell: what `helm test` runs must be commands of the program.
#[test]
fn the_program_has_the_commands_that_helm_test_runs() {
    let file = everything();
    let objects = render(&["-f", path_of(&file)]);
    let containers = look(&objects, "Pod /spec/containers");
    for container in containers.as_array().expect("a list") {
        let arguments = container["args"].as_array().expect("arguments");
        let command = arguments[0].as_str().expect("a command");
        let output = Command::new(env!("CARGO_BIN_EXE_xtrinode"))
            .args([command, "--help"])
            .output()
            .expect("it starts");
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "there is no command {command}");
        for flag in arguments
            .iter()
            .filter_map(Value::as_str)
            .filter(|word| word.starts_with("--"))
        {
            assert!(help.contains(flag), "{command} has no {flag}");
        }
    }
}
