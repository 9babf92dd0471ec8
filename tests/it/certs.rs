//! `certs/`: the manifests agree with each other and with what the guard serves, and the script makes what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use xtrinode::web::tls::{ClientAuth, Presence, Tls};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certs")
}

fn manifests() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("cert-manager.yaml")).unwrap();
    let documents = text.split("\n---\n");
    documents
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

fn named<'a>(all: &'a [Value], kind: &str, name: &Value) -> &'a Value {
    let mut found = all
        .iter()
        .filter(|one| one["kind"] == kind && one["metadata"]["name"] == *name);
    let one = found.next();
    assert!(found.next().is_none(), "two of {kind} {name}");
    one.unwrap_or_else(|| panic!("no {kind} {name}"))
}

#[test]
fn the_chain_of_issuers_is_closed() {
    let all = manifests();
    assert_eq!(all.len(), 4);
    for one in &all {
        assert_eq!(one["metadata"]["namespace"], "xtrinode-system");
    }
    let serving = named(&all, "Certificate", &json!("xtrinode-guard"));
    let issuer = named(&all, "Issuer", &serving["spec"]["issuerRef"]["name"]);
    let authority = named(&all, "Certificate", &json!("xtrinode-guard-ca"));
    let secret = &authority["spec"]["secretName"];
    assert_eq!(issuer["spec"]["ca"]["secretName"], *secret);
    let root = named(&all, "Issuer", &authority["spec"]["issuerRef"]["name"]);
    assert_eq!(root["spec"]["selfSigned"], json!({}));
}

#[test]
fn the_certificate_is_for_the_service_and_for_servers_alone() {
    let all = manifests();
    let serving = &named(&all, "Certificate", &json!("xtrinode-guard"))["spec"];
    assert_eq!(serving["secretName"], "xtrinode-guard-tls");
    let names = json!(["xtrinode-guard.xtrinode-system.svc"]);
    assert_eq!(serving["dnsNames"], names);
    assert_eq!(
        serving["usages"],
        json!(["digital signature", "server auth"])
    );
    let authority = &named(&all, "Certificate", &json!("xtrinode-guard-ca"))["spec"];
    assert_eq!(authority["isCA"], true);
    // Else every renewal of the authority would be a gap in trust.
    assert_eq!(authority["privateKey"]["rotationPolicy"], "Never");
    for one in [serving, authority] {
        assert_eq!(one["privateKey"]["algorithm"], "ECDSA");
        assert_eq!(one["privateKey"]["size"], 256);
        let hours = |key: &str| -> u32 {
            let text = one[key].as_str().unwrap();
            text.trim_end_matches('h').parse().unwrap()
        };
        assert_eq!(hours("duration"), 3 * hours("renewBefore"));
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.find(|candidate| candidate.is_file())
}

fn make(path: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("bash").unwrap());
    command.arg(folder().join("dev-certs.sh")).args(arguments);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.output().unwrap()
}

#[test]
fn the_script_says_what_it_lacks() {
    let empty = tempfile::tempdir().unwrap();
    let output = make(Some(empty.path()), &["out"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "dev-certs: needs openssl (1.1.1 or newer), which is not in PATH\n";
    assert_eq!(said, expected);
    assert_eq!(make(None, &[]).status.code(), Some(2));
}

/// Where there is no openssl, the test above says all that there is to say.
#[test]
fn what_the_script_makes_can_be_served() {
    if program("openssl").is_none() {
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let out = made.path().to_str().unwrap();
    let output = make(None, &[out, "guard.example", "127.0.0.1"]);
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{output:?}");
    for file in [
        "ca.crt",
        "ca.key",
        "tls.crt",
        "tls.key",
        "client.crt",
        "client.key",
    ] {
        assert!(
            made.path().join(file).is_file() && said.contains(file),
            "{said}"
        );
    }
    let clients = ClientAuth {
        ca_file: made.path().join("ca.crt"),
        presence: Presence::Required,
    };
    for pair in ["tls", "client"] {
        let file = |kind: &str| made.path().join(format!("{pair}.{kind}"));
        Tls::load_with_clients(&file("crt"), &file("key"), Some(clients.clone())).unwrap();
    }
    // It overwrites nothing.
    let again = make(None, &[out]);
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("ca.crt is there already"), "{said}");
}
