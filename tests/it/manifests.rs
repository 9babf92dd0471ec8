//! The committed webhook configurations are what the program prints, and what its other answers look like from
//! outside.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Each file and the flags that print it.
const FILES: [(&str, &[&str]); 2] = [
    ("webhooks/webhooks.yaml", &[]),
    (
        "webhooks/cert-manager/webhooks.yaml",
        &["--inject-ca-from", "xtrinode-system/xtrinode-guard"],
    ),
];

const HEAD: &str = "# Printed by `xtrinode manifests webhooks";

fn printed(flags: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtrinode"))
        .args(["manifests", "webhooks"])
        .args(flags)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// `UPDATE=1 cargo test --test it manifests` writes them.
#[test]
fn the_committed_configurations_are_current() {
    for (path, flags) in FILES {
        let words = flags.iter().map(|flag| format!(" {flag}"));
        let head = format!("{HEAD}{}`; do not edit.\n", words.collect::<String>());
        let wanted = head + &printed(flags).1;
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, wanted).expect("it is writable");
        } else {
            let found = std::fs::read_to_string(file).expect("it is there");
            assert!(
                found == wanted,
                "{path} is out of date: run UPDATE=1 cargo test --test it manifests"
            );
        }
    }
}

#[test]
fn what_is_printed_is_yaml_with_two_objects() {
    let (code, text, _) = printed(&["--mode", "enforce"]);
    assert_eq!(code, Some(0));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let names: Vec<_> = objects.iter().map(|it| &it["metadata"]["name"]).collect();
    assert_eq!(names, ["xtrinode-guard-audit", "xtrinode-guard-enforce"]);
}

/// What is printed is for `kubectl apply`.
#[test]
fn a_wrong_name_is_exit_code_two_and_nothing_is_printed() {
    for flags in [
        ["--name", "BAD NAME!"],
        ["--service", "A_B"],
        ["--namespace", "X Y"],
    ] {
        let (code, text, said) = printed(&flags);
        assert_eq!((code, text.as_str()), (Some(2), ""), "{flags:?}");
        assert!(said.contains("a-z, 0-9 and -"), "{said}");
    }
}

#[test]
fn a_wrong_file_is_exit_code_two_and_nothing_is_printed() {
    let (code, text, said) = printed(&["--path-secret-file", "tests/data/no-such-file"]);
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert!(
        said.contains("cannot read the file tests/data/no-such-file"),
        "{said}"
    );
}
