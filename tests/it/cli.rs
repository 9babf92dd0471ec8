//! The command line as a person meets it: help, version, completions, exit codes.

use super::binary::{run, xtrinode};

#[test]
fn help_explains_every_subcommand() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for word in ["exporter", "demo", "completions", "xtrinode demo"] {
        assert!(help.out.contains(word), "{word} in {}", help.out);
    }
    for (subcommand, example) in [
        ("exporter", "xtrinode exporter --config config.yaml --once"),
        ("demo", "xtrinode demo --for 30s"),
        ("completions", "xtrinode completions bash"),
    ] {
        let help = run(&[subcommand, "--help"]);
        assert_eq!(help.code, 0);
        assert!(help.out.contains(example), "{}", help.out);
    }
    let exporter = run(&["exporter", "--help"]).out;
    assert!(
        exporter.contains("XTRINODE_CONFIG") && exporter.contains("Exit codes"),
        "{exporter}"
    );
}

#[test]
fn nothing_to_do_is_a_usage_error_with_help() {
    let bare = run(&[]);
    assert_eq!(bare.code, 2);
    assert!(bare.err.contains("Usage: xtrinode"), "{}", bare.err);
    let wrong = run(&["exporter", "--config", "c", "--metrics-port", "70000"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("70000"), "{}", wrong.err);
}

#[test]
fn the_version_names_commit_and_target() {
    for arguments in [["--version"].as_slice(), &["exporter", "--version"]] {
        let version = run(arguments).out;
        let rest = version
            .split_once(env!("CARGO_PKG_VERSION"))
            .expect("a version")
            .1;
        let inner = rest
            .trim()
            .strip_prefix("(commit ")
            .and_then(|rest| rest.strip_suffix(')'));
        let (commit, target) = inner.expect("a commit").split_once(", ").expect("a target");
        assert!(commit == "unknown" || commit.len() == 12, "{version}");
        assert!(target.contains(std::env::consts::ARCH), "{version}");
    }
}

#[test]
fn completions_survive_a_closed_pipe() {
    let script = run(&["completions", "bash"]);
    assert!(
        script.code == 0 && script.out.contains("_xtrinode"),
        "{}",
        script.err
    );
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = xtrinode(&["completions", "zsh"]);
    command.stdout(writer).stderr(std::process::Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write the completions"), "{said}");
}
