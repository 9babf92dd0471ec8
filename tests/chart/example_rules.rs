//! The rule files of `examples/`, by the real promtool: it accepts them, and their unit tests pass. The tests beside
//! each rule file say what it must do; a rule that stopped failing closed fails them.

use std::path::Path;
use std::process::Command;

use crate::parts::{self, root};

const FOLDERS: [(&str, &str); 2] = [
    ("examples/alerts", "rules"),
    ("examples/autoscaling", "recording-rules"),
];

/// Whether promtool is content, and what it said.
pub fn promtool_says(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(parts::command("prometheus", "promtool"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("promtool starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    for (folder, name) in FOLDERS {
        let folder = root().join(folder);
        for arguments in [
            ["check", "rules", &format!("{name}.yaml")],
            ["test", "rules", &format!("{name}.test.yaml")],
        ] {
            let (content, said) = promtool_says(&folder, &arguments);
            assert!(content, "{arguments:?}: {said}");
        }
    }
}

/// Each factor of the safety rule is there for a reason: without any one of them a test fails.
#[test]
fn the_scale_down_rule_needs_every_one_of_its_factors() {
    let folder = root().join("examples/autoscaling");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it is there");
    let (rules, tests) = (
        read("recording-rules.yaml"),
        read("recording-rules.test.yaml"),
    );
    let factors: Vec<&str> = rules
        .lines()
        .filter(|line| line.trim_start().starts_with("* ("))
        .collect();
    assert_eq!(factors.len(), 4);
    for factor in factors {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let without = rules.replace(&format!("{factor}\n"), "");
        std::fs::write(scratch.path().join("recording-rules.yaml"), without)
            .expect("it is writable");
        std::fs::write(scratch.path().join("recording-rules.test.yaml"), &tests)
            .expect("it is writable");
        let (content, said) = promtool_says(
            scratch.path(),
            &["test", "rules", "recording-rules.test.yaml"],
        );
        assert!(
            !content && said.contains("FAILED"),
            "no test misses {factor}: {said}"
        );
    }
}
