//! The guard's alerts, by the real promtool: it accepts them, their unit tests pass and name each of them, each has its
//! runbook, and the PrometheusRule is the same rules.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::example_rules::promtool_says;
use crate::parts::root;

use super::render::{look, render};

const RULES: &str = "charts/xtrinode-guard/files/alerts.yaml";
const TESTS: &str = "tests/chart/guard/alerts.test.yaml";

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rules() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&text(RULES)).expect("YAML");
    let rules = file["groups"][0]["rules"].as_array().expect("rules");
    rules.clone()
}

fn names() -> BTreeSet<String> {
    let names = rules()
        .into_iter()
        .map(|rule| rule["alert"].as_str().expect("a name").to_owned());
    names.collect()
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    for arguments in [["check", "rules", RULES], ["test", "rules", TESTS]] {
        let (content, said) = promtool_says(root(), &arguments);
        assert!(content, "{arguments:?}: {said}");
    }
}

#[test]
fn every_alert_fires_in_some_test() {
    let tests = text(TESTS);
    for name in names() {
        let firing = format!("alertname=\"{name}\", alertstate=\"firing\"");
        assert!(tests.contains(&firing), "no test lets {name} fire");
    }
}

#[test]
fn every_alert_has_a_runbook_of_its_name() {
    for rule in rules() {
        let name = rule["alert"].as_str().expect("a name");
        let linked = &rule["annotations"]["runbook_url"];
        assert_eq!(linked, &format!("RUNBOOKS/{name}.md"));
        let page = text(&format!("docs/runbooks/{name}.md"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
    }
    let pages = std::fs::read_dir(root().join("docs/runbooks")).expect("a folder");
    assert_eq!(
        pages.count(),
        names().len() + 1,
        "one page an alert, and the index"
    );
}

/// A drain is stuck five minutes before its bound, or at half of it where it is short.
#[test]
fn what_is_stuck_follows_the_bound() {
    for (bound, stuck) in [(420, 210), (1800, 1500), (7200, 6900)] {
        let set = format!("bounds.maxBlockSeconds={bound}");
        let rendered = look(&render(&["--set", &set]), "PrometheusRule /spec");
        let rules = rendered["groups"][0]["rules"].as_array().expect("rules");
        let rule = rules
            .iter()
            .find(|rule| rule["alert"] == "XtrinodeGuardDrainStuck");
        let asked = rule.expect("the alert")["expr"].as_str().expect("text");
        assert!(asked.ends_with(&format!("> {stuck}")), "{bound}: {asked}");
    }
}

#[test]
fn the_chart_has_these_rules_with_links() {
    let set = "prometheusRule.runbookUrl=https://example.org/runbooks/";
    let rendered = look(&render(&["--set", set]), "PrometheusRule /spec");
    let file = text(RULES).replace("RUNBOOKS", "https://example.org/runbooks");
    let file: Value = serde_saphyr::from_str(&file).expect("YAML");
    assert_eq!(rendered, file);
}
