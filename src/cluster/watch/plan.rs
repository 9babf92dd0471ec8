//! Which lists and watches there are: cluster-wide, or one of each for every namespace that may be read. Plain data.

use std::fmt;

use crate::cluster::resource::{
    DEPLOYMENTS, NAMESPACES, NODES, PODS, REPLICA_SETS, Resource, STATEFUL_SETS,
};
use crate::cluster::selection::Selection;
use crate::core::guard::facts::workload::Kind;

/// What a watch is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Trino's pods.
    Pods,
    /// Workloads of one kind. All are read, since only their pod templates say what they run.
    Workloads(Kind),
    /// Nodes.
    Nodes,
    /// Namespaces.
    Namespaces,
}

/// One list and watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is about.
    pub subject: Subject,
    /// Its namespace; `None` for all, or where there are none.
    pub namespace: Option<String>,
    /// Its label selector.
    pub selector: Option<String>,
    /// Whether the guard can do without it: what no Role can grant, where only some namespaces may be read.
    pub optional: bool,
}

impl Subject {
    /// Its resource.
    #[must_use]
    pub const fn resource(self) -> Resource {
        match self {
            Self::Pods => PODS,
            Self::Workloads(Kind::ReplicaSet) => REPLICA_SETS,
            Self::Workloads(Kind::StatefulSet) => STATEFUL_SETS,
            Self::Workloads(_) => DEPLOYMENTS,
            Self::Nodes => NODES,
            Self::Namespaces => NAMESPACES,
        }
    }
}

/// `pods in namespace trino (app=trino)`.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.subject.resource().plural)?;
        if let Some(namespace) = &self.namespace {
            write!(f, " in namespace {namespace}")?;
        }
        match &self.selector {
            Some(selector) => write!(f, " ({selector})"),
            None => Ok(()),
        }
    }
}

/// Everything to watch. Namespaces come first and pods last, so that a pod's surroundings are usually known before it.
#[must_use]
pub fn items(selection: &Selection) -> Vec<Item> {
    let item = |subject, namespace| Item {
        subject,
        namespace,
        selector: None,
        optional: false,
    };
    let global = [Subject::Namespaces, Subject::Nodes].map(|subject| Item {
        optional: selection.is_confined(),
        ..item(subject, None)
    });
    let kinds = [Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet];
    let of_scope =
        |scope: Option<String>| kinds.map(|kind| item(Subject::Workloads(kind), scope.clone()));
    let pods = selection
        .queries()
        .into_iter()
        .map(|(namespace, selector)| Item {
            selector: Some(selector),
            ..item(Subject::Pods, namespace)
        });
    let workloads = selection.scopes().flat_map(of_scope);
    global.into_iter().chain(workloads).chain(pods).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(namespaces: &[&str]) -> (Vec<String>, Vec<String>) {
        let selection = Selection {
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            ..Selection::default()
        };
        let (optional, needed): (Vec<_>, Vec<_>) = items(&selection)
            .into_iter()
            .partition(|item| item.optional);
        let told = |items: Vec<Item>| items.iter().map(ToString::to_string).collect();
        (told(optional), told(needed))
    }

    #[test]
    fn the_whole_cluster_takes_one_watch_of_each() {
        let (optional, needed) = names(&[]);
        assert!(optional.is_empty());
        let pods = "pods (app.kubernetes.io/component in (coordinator,worker))";
        assert_eq!(
            needed,
            [
                "namespaces",
                "nodes",
                "deployments",
                "replicasets",
                "statefulsets",
                pods
            ]
        );
    }

    #[test]
    fn namespaces_take_one_of_each_and_can_do_without_nodes() {
        let (optional, needed) = names(&["a", "b"]);
        assert_eq!(optional, ["namespaces", "nodes"]);
        assert_eq!(needed.len(), 8);
        assert!(needed.iter().all(|name| name.contains(" in namespace ")));
    }
}
