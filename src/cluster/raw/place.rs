//! Nodes and namespaces, reduced to what decisions need.

use serde::Deserialize;

use crate::api::keys;
use crate::core::guard::facts::place::{Announced, Mode, Namespace, Node};
use crate::core::guard::notes::Override;

use super::{Meta, Object, or_default};

/// `v1 Node`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawNode {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: NodeSpec,
    #[serde(deserialize_with = "or_default")]
    status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    #[serde(deserialize_with = "or_default")]
    unschedulable: bool,
    #[serde(deserialize_with = "or_default")]
    taints: Vec<Taint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Taint {
    key: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<NodeCondition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct NodeCondition {
    r#type: String,
    status: String,
}

/// `v1 Namespace`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawNamespace {
    metadata: Meta,
}

impl Object for RawNode {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl Object for RawNamespace {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// A node's facts.
#[must_use]
pub fn node(raw: &RawNode) -> Node {
    let mut conditions = raw.status.conditions.iter();
    Node {
        cordoned: raw.spec.unschedulable,
        announced: raw.spec.taints.iter().filter_map(announced).min(),
        ready: conditions
            .any(|condition| condition.r#type == "Ready" && condition.status == "True"),
    }
}

/// A namespace's facts; `enabled` is the mode that the label value `enabled` stands for. Another value is not an
/// opt-in: no webhook configuration selects it.
#[must_use]
pub fn namespace(raw: &RawNamespace, enabled: Mode) -> Namespace {
    let label = raw.metadata.labels.get(keys::GUARD).map(String::as_str);
    Namespace {
        mode: match label {
            Some("enabled") => Some(enabled),
            Some("audit") => Some(Mode::Audit),
            Some("enforce") => Some(Mode::Enforce),
            _ => None,
        },
        terminating: raw.metadata.deleting().is_some(),
        break_glass: raw.metadata.annotation(keys::OVERRIDE).map(Override::read),
    }
}

/// Karpenter named its taint `disruption` before its version 1. The order of [`Announced`] puts certainty first.
fn announced(taint: &Taint) -> Option<Announced> {
    match taint.key.as_str() {
        "ToBeDeletedByClusterAutoscaler" => Some(Announced::ClusterAutoscaler),
        "karpenter.sh/disrupted" | "karpenter.sh/disruption" => Some(Announced::Karpenter),
        "DeletionCandidateOfClusterAutoscaler" => Some(Announced::Candidate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Node {
        node(&serde_json::from_value(value).expect("a node"))
    }

    fn tainted(keys: &[&str]) -> Option<Announced> {
        let taints: Vec<_> = keys
            .iter()
            .map(|key| json!({"key": key, "effect": "NoSchedule"}))
            .collect();
        read(json!({"metadata": {"name": "n"}, "spec": {"taints": taints}})).announced
    }

    #[test]
    fn taints_announce_that_a_node_goes() {
        assert_eq!(
            tainted(&["ToBeDeletedByClusterAutoscaler"]),
            Some(Announced::ClusterAutoscaler)
        );
        assert_eq!(
            tainted(&["karpenter.sh/disrupted"]),
            Some(Announced::Karpenter)
        );
        assert_eq!(
            tainted(&["karpenter.sh/disruption"]),
            Some(Announced::Karpenter)
        );
        let candidate = "DeletionCandidateOfClusterAutoscaler";
        assert_eq!(tainted(&["", "x", candidate]), Some(Announced::Candidate));
        let both = tainted(&[candidate, "karpenter.sh/disrupted"]);
        assert_eq!(both, Some(Announced::Karpenter), "certainty goes first");
        assert_eq!(tainted(&["node.kubernetes.io/unschedulable"]), None);
    }

    #[test]
    fn a_node_is_ready_only_if_it_says_so() {
        let status = |value: &str| json!({"conditions": [{"type": "Ready", "status": value}]});
        let ready = |value| read(json!({"status": status(value)})).ready;
        assert_eq!(
            (ready("True"), ready("False"), ready("Unknown")),
            (true, false, false)
        );
        let bare = read(
            json!({"spec": {"unschedulable": true, "taints": null}, "status": {"conditions": null}}),
        );
        assert_eq!((bare.cordoned, bare.ready), (true, false));
        assert_eq!(read(json!({"spec": null, "status": null})), Node::default());
    }

    #[test]
    fn a_namespace_opts_in_by_three_words() {
        let read = |label: &str, enabled| {
            let raw = json!({"metadata": {"name": "a", "labels": {"xtrinode.io/guard": label}}});
            namespace(&serde_json::from_value(raw).expect("a namespace"), enabled).mode
        };
        assert_eq!(read("enabled", Mode::Audit), Some(Mode::Audit));
        assert_eq!(read("enabled", Mode::Enforce), Some(Mode::Enforce));
        assert_eq!(read("audit", Mode::Enforce), Some(Mode::Audit));
        assert_eq!(read("enforce", Mode::Audit), Some(Mode::Enforce));
        for other in ["", "true", "Enforce", "disabled"] {
            assert_eq!(read(other, Mode::Enforce), None, "{other}");
        }
    }

    #[test]
    fn a_namespace_that_goes_says_so() {
        let raw = json!({"metadata": {"name": "a", "deletionTimestamp": "2026-11-22T02:47:05Z",
            "annotations": {"xtrinode.io/guard-override": "2026-11-22T02:47:05Z;because it must"}}});
        let read = namespace(
            &serde_json::from_value(raw).expect("a namespace"),
            Mode::Audit,
        );
        assert!(read.terminating && read.mode.is_none());
        assert!(matches!(read.break_glass, Some(Override::Until { .. })));
    }
}
