//! Which objects are asked about: by the label of their namespace, and by their own. Decides what a cluster of the
//! configuration needs beside the usual labels.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::api::keys;
use crate::core::guard::facts::place::Mode;
use crate::guard::config::{Cluster, Labels};

use super::options::Options;

/// The roles of pods that are guarded.
const ROLES: [&str; 2] = ["worker", "coordinator"];

/// Never guarded: what runs there must not wait for us.
const SPARED: [&str; 2] = ["kube-system", "kube-node-lease"];

/// The name of a namespace, as a label that Kubernetes itself sets.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// A cluster whose pods don't have the usual labels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Own {
    /// The cluster's name, as a part of an object's name.
    pub(super) name: String,
    /// Labels of its workers; `None` when the usual ones cover them.
    pub(super) workers: Option<Labels>,
    /// Labels of its coordinator; `None` when the usual ones cover them.
    pub(super) coordinators: Option<Labels>,
}

/// The clusters that the usual labels do not cover.
pub(super) fn own(clusters: &[Cluster]) -> Vec<Own> {
    let clusters = clusters.iter().map(|cluster| Own {
        name: object_part(&cluster.coordinator.name),
        workers: uncovered(&cluster.workers),
        coordinators: uncovered(&cluster.coordinators),
    });
    clusters
        .filter(|own| own.workers.is_some() || own.coordinators.is_some())
        .collect()
}

fn uncovered(labels: &Labels) -> Option<Labels> {
    let role = labels.get(keys::COMPONENT);
    let covered = role.is_some_and(|role| ROLES.contains(&role.as_str()));
    (!covered).then(|| labels.clone())
}

/// The configuration takes any word as a cluster's name, Kubernetes does not.
fn object_part(name: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9') => c,
        _ => '-',
    };
    let name: String = name.chars().map(plain).collect();
    name.trim_matches('-').to_owned()
}

/// The namespaces of a mode. `enabled` belongs to the installation's own.
pub(super) fn namespaces(options: &Options, mode: Mode) -> LabelSelector {
    let mut labels = vec![mode.word()];
    if options.mode == mode {
        labels.push("enabled");
    }
    let spared = std::iter::once(options.namespace.as_str()).chain(SPARED);
    let mut rules = vec![
        rule(keys::GUARD, "In", labels),
        rule(NAMESPACE_NAME, "NotIn", spared),
    ];
    if !options.namespaces.is_empty() {
        let only = options.namespaces.iter().map(String::as_str);
        rules.push(rule(NAMESPACE_NAME, "In", only));
    }
    selector(rules)
}

/// The usual labels of Trino's pods and workloads.
pub(super) fn usual() -> LabelSelector {
    selector(vec![rule(keys::COMPONENT, "In", ROLES)])
}

/// Labels of a cluster's own. What the usual ones select too is left to them, or one removal would be two reviews.
pub(super) fn labelled(labels: &Labels) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels.clone()),
        ..selector(vec![rule(keys::COMPONENT, "NotIn", ROLES)])
    }
}

fn selector(rules: Vec<LabelSelectorRequirement>) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(rules),
        match_labels: None,
    }
}

fn rule<'a>(
    key: &str,
    operator: &str,
    values: impl IntoIterator<Item = &'a str>,
) -> LabelSelectorRequirement {
    LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: Some(values.into_iter().map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_word_becomes_a_part_of_a_name() {
        for (word, part) in [("blue", "blue"), ("Blue_2", "blue-2"), ("-ä.b-", "b")] {
            assert_eq!(object_part(word), part);
        }
    }

    #[test]
    fn labels_with_a_usual_role_are_covered() {
        let labels = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);
        assert_eq!(uncovered(&labels(keys::COMPONENT, "worker")), None);
        for (key, value) in [(keys::COMPONENT, "trino"), ("app", "worker")] {
            assert_eq!(uncovered(&labels(key, value)), Some(labels(key, value)));
        }
    }
}
