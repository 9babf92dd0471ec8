//! The configuration as an operator meets it: `--check-config`, flags and variables that
//! beat the file, and files nobody should ever write.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;
use xtrinode::exporter::config::{Overrides, Problems, parse};
use xtrinode::guard;

use super::binary::{ended, run, xtrinode};

const VALID: &str = "coordinators:
  blue: {url: http://blue.data.svc:8080, release: trino-blue}
  default: null
trinoAuth: {headerValue: monitoring}
prometheus:
  url: http://prometheus:9090
  auth: {type: none}
logging: {level: WARNING}
";

fn folder_with(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (folder, file)
}

#[test]
fn a_valid_file_is_summed_up() {
    let (_folder, file) = folder_with(VALID);
    let checked = run(&["exporter", "--config", &file, "--check-config"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    assert!(
        checked.out.starts_with("configuration is valid\n"),
        "{}",
        checked.out
    );
    for line in [
        "coordinator blue         http://blue.data.svc:8080/ (release trino-blue)\n",
        "listen on                http://127.0.0.1:8000\n",
        "logs                     WARNING, auto\n",
    ] {
        assert!(checked.out.contains(line), "{line} in {}", checked.out);
    }
    assert!(
        !checked.out.contains("coordinator default"),
        "{}",
        checked.out
    );
}

#[test]
fn every_problem_is_told_and_the_exit_code_is_2() {
    let (_folder, file) =
        folder_with("coordinators: {}\nmetricsPort: -1\nlogin: {}\ntrinoAuth: {type: basic}\n");
    for extra in [["--check-config"].as_slice(), &[]] {
        let arguments = [&["exporter", "--config", &file], extra].concat();
        let refused = run(&arguments);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""));
        let lines: Vec<_> = refused
            .err
            .lines()
            .map(|line| line.strip_prefix(&file).unwrap())
            .collect();
        assert_eq!(lines.len(), 5, "{}", refused.err);
        for (line, start) in lines.iter().zip([
            ":1: coordinators: ",
            ":2: metricsPort: \"-1\" ",
            ":3: login: unknown key",
            ":4: trinoAuth.username: missing",
            ":4: trinoAuth.passwordFile: missing",
        ]) {
            assert!(line.starts_with(start), "{line}");
        }
    }
}

#[test]
fn the_guard_tells_every_problem_and_exits_with_2() {
    let (_folder, file) = folder_with(
        "namespace: xtrinode-system\nreplicaId: a\ntls: {selfManaged: {}}\nclam: {}\n\
         bounds: {drain: {noticeTimeSeconds: 1}, webhook: {deadlineSeconds: 9}}\n",
    );
    for extra in [["--check-config"].as_slice(), &[]] {
        let arguments = [&["guard", "run", "--config", &file], extra].concat();
        let told = run(&arguments);
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{}", told.err);
        for key in [
            "clam",
            "bounds.drain.noticeTimeSeconds",
            "bounds.webhook.deadlineSeconds",
        ] {
            let lines = told.err.lines().filter(|line| line.contains(key));
            assert!(lines.count() >= 1, "{key} in {}", told.err);
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let refused = run(&["exporter", "--config", "no/such/file.yaml"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("no/such/file.yaml: No such file"),
        "{}",
        refused.err
    );
}

#[test]
fn flags_beat_variables_beat_the_file() {
    let (_folder, file) = folder_with(VALID);
    let mut command = xtrinode(&[
        "exporter",
        "--check-config",
        "--metrics-port",
        "9001",
        "--log-level",
        "error",
    ]);
    command
        .env("XTRINODE_CONFIG", &file)
        .env("XTRINODE_LOG_LEVEL", "debug");
    // What Kubernetes sets for a Service of that name must not matter.
    command
        .env("XTRINODE_LOG_FORMAT", "json")
        .env("XTRINODE_METRICS_PORT", "tcp://10.0.0.1:80");
    let checked = ended(&command.output().unwrap());
    assert!(
        checked.out.contains("http://127.0.0.1:9001\n"),
        "{}",
        checked.out
    );
    assert!(checked.out.contains("ERROR, json\n"), "{}", checked.out);
}

#[test]
fn warnings_are_shown_and_secrets_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "hunter2\n").unwrap();
    let auth = format!(
        "{{type: basic, username: me, passwordFile: {}}}",
        password.display()
    );
    let text = VALID.replace("{headerValue: monitoring}", &auth);
    let file = folder.path().join("config.yaml");
    fs::write(&file, text).unwrap();
    let checked = run(&[
        "exporter",
        "--config",
        file.to_str().unwrap(),
        "--check-config",
    ]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(
        checked
            .out
            .contains("warning: coordinators.blue.url: credentials travel"),
        "{}",
        checked.out
    );
    assert!(!checked.out.contains("hunter2"), "{}", checked.out);
}

proptest! {
    #[test]
    fn any_text_is_settings_or_problems(text in "\\PC{0,200}") {
        check(&text)?;
    }

    #[test]
    fn yaml_like_text_is_settings_or_problems(text in "[a-c:{}\\[\\],&*!#|>'\"\\n\\t ?-]{0,80}") {
        check(&text)?;
    }

    /// One character of a valid file replaced by another.
    #[test]
    fn a_damaged_file_is_settings_or_problems(at in 0..VALID.len(), with in any::<char>()) {
        let text: String = VALID.char_indices().map(|(i, c)| if i == at { with } else { c }).collect();
        check(&text)?;
    }

    /// The same of the guard's, whose example names every key.
    #[test]
    fn a_damaged_guard_file_is_settings_or_problems(at in 0..GUARD.len(), with in any::<char>()) {
        let text: String = GUARD.char_indices().map(|(i, c)| if i == at { with } else { c }).collect();
        check_guard(&text)?;
    }

    #[test]
    fn any_value_of_the_guards_is_settings_or_problems(
        key in prop::sample::select(guard_keys()),
        value in "[-+.0-9eE]{1,6}|[a-z:{}\\[\\]'\"~ ]{0,12}|\\PC{0,12}",
    ) {
        check_guard(&format!("{key}: {value}\n"))?;
    }
}

const GUARD: &str = include_str!("../../examples/guard/guard.yaml");

/// The keys at the top of the example.
fn guard_keys() -> Vec<&'static str> {
    let keys = GUARD
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    keys.filter_map(|line| line.split(':').next()).collect()
}

fn check_guard(text: &str) -> Result<(), TestCaseError> {
    let (overrides, own) = (
        guard::config::Overrides::default(),
        guard::config::OwnPod::default(),
    );
    match guard::config::parse(text, &overrides, &own) {
        Ok(parsed) => prop_assert!(!guard::config::summary(&parsed.settings).is_empty()),
        Err(problems) => sound(&problems, text)?,
    }
    Ok(())
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match parse(text, &Overrides::default()) {
        Ok(_) => Ok(()),
        Err(problems) => sound(&problems, text),
    }
}

/// Problems are never an empty list and name lines that exist.
fn sound(problems: &Problems, text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!problems.list().is_empty());
    // YAML breaks lines at a lone carriage return too.
    let lines = text.split(['\n', '\r']).count();
    for line in problems.list().iter().filter_map(|problem| problem.line) {
        prop_assert!(
            (1..=lines + 1).contains(&line),
            "line {} of {}",
            line,
            lines
        );
    }
    Ok(())
}
