//! Which pods and workloads are Trino's, what they do and which cluster they belong to: by the labels that every chart
//! sets, or by what an explicit entry says. Looks at names and labels only; whether a namespace opted in is the
//! verdict's business, since a namespace that leaves still has to be cleaned.

use std::collections::BTreeMap;

use kube::core::{Selector, SelectorExt as _};

use crate::api::keys;
use crate::core::guard::facts::pod::{ClusterId, Role};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Which pods the guard knows.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these namespaces are read; empty means all of them, with ClusterRoles.
    pub namespaces: Vec<String>,
    /// Pods without the usual labels; an entry goes before the labels, an earlier one before a later one.
    pub entries: Vec<Entry>,
    /// Whether workers are asked over TLS: then the port that they name for it is theirs.
    pub workers_over_tls: bool,
}

/// Pods that are named explicitly.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What they do.
    pub role: Role,
    /// The release that they belong to.
    pub release: String,
    /// Their namespace; `None` means every one.
    pub namespace: Option<String>,
    /// Their labels, as [`super::selector::parse`] reads them.
    pub selector: Selector,
}

impl Selection {
    /// What an object with these labels does and where it belongs; `None` for what is not Trino's.
    #[must_use]
    pub fn identify(&self, namespace: &str, labels: &Labels) -> Option<(Role, ClusterId)> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.names(namespace, labels));
        let (role, release) = match entry {
            Some(entry) => (entry.role, entry.release.clone()),
            None => (
                role(labels)?,
                labels.get(keys::INSTANCE).cloned().unwrap_or_default(),
            ),
        };
        let namespace = namespace.to_owned();
        Some((role, ClusterId { namespace, release }))
    }

    /// The selectors to ask the API for, with the namespaces to ask: every pod that [`Selection::identify`] knows is
    /// named by at least one.
    #[must_use]
    pub fn queries(&self) -> Vec<(Option<String>, String)> {
        let usual = format!("{} in (coordinator,worker)", keys::COMPONENT);
        let mut queries: Vec<_> = self.scopes().map(|scope| (scope, usual.clone())).collect();
        for entry in &self.entries {
            let text = entry.selector.to_string();
            match &entry.namespace {
                Some(namespace) => queries.push((Some(namespace.clone()), text)),
                None => queries.extend(self.scopes().map(|scope| (scope, text.clone()))),
            }
        }
        queries.sort();
        queries.dedup();
        queries
    }

    /// The namespaces to ask one by one; a single `None` for all of them at once.
    pub fn scopes(&self) -> impl Iterator<Item = Option<String>> {
        let all = self.namespaces.is_empty().then_some(None);
        all.into_iter()
            .chain(self.namespaces.iter().cloned().map(Some))
    }

    /// Whether only some namespaces may be read.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        !self.namespaces.is_empty()
    }
}

impl Entry {
    fn names(&self, namespace: &str, labels: &Labels) -> bool {
        let here = self.namespace.as_deref().is_none_or(|own| own == namespace);
        here && self.selector.matches(labels)
    }
}

fn role(labels: &Labels) -> Option<Role> {
    match labels.get(keys::COMPONENT)?.as_str() {
        "worker" => Some(Role::Worker),
        "coordinator" => Some(Role::Coordinator),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::selector;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pairs = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        pairs.collect()
    }

    fn entry(namespace: Option<&str>, selector: &str) -> Entry {
        Entry {
            role: Role::Worker,
            release: "own".to_owned(),
            namespace: namespace.map(str::to_owned),
            selector: selector::parse(selector).expect(selector),
        }
    }

    #[test]
    fn the_usual_labels_say_what_a_pod_is() {
        let selection = Selection::default();
        let at = |component, instance| {
            let labels = labels(&[(keys::COMPONENT, component), (keys::INSTANCE, instance)]);
            let (role, cluster) = selection.identify("trino", &labels)?;
            Some((role, cluster.to_string()))
        };
        assert_eq!(
            at("worker", "blue"),
            Some((Role::Worker, "trino/blue".to_owned()))
        );
        assert_eq!(
            at("coordinator", "blue"),
            Some((Role::Coordinator, "trino/blue".to_owned()))
        );
        assert_eq!(at("gateway", "blue"), None);
        assert_eq!(selection.identify("trino", &labels(&[])), None);
    }

    #[test]
    fn an_entry_goes_before_labels_and_stays_in_its_namespace() {
        let selection = Selection {
            entries: vec![entry(Some("a"), "app=presto")],
            ..Selection::default()
        };
        let both = labels(&[("app", "presto"), (keys::COMPONENT, "coordinator")]);
        let role = |namespace| selection.identify(namespace, &both).map(|(role, _)| role);
        assert_eq!(role("a"), Some(Role::Worker));
        assert_eq!(role("b"), Some(Role::Coordinator));
        let bare = labels(&[("app", "presto")]);
        assert!(selection.identify("b", &bare).is_none());
    }

    #[test]
    fn the_api_is_asked_once_for_each_selector_and_namespace() {
        let entries = vec![
            entry(Some("a"), "app=x"),
            entry(None, "app=y"),
            entry(None, "app=y"),
        ];
        let mut selection = Selection {
            entries,
            ..Selection::default()
        };
        let usual = "app.kubernetes.io/component in (coordinator,worker)".to_owned();
        let y = "app=y".to_owned();
        assert_eq!(
            selection.queries(),
            [
                (None, usual.clone()),
                (None, y.clone()),
                (Some("a".into()), "app=x".into())
            ]
        );
        selection.namespaces = vec!["a".to_owned()];
        let a = || Some("a".to_owned());
        assert_eq!(
            selection.queries(),
            [(a(), usual), (a(), "app=x".to_owned()), (a(), y)]
        );
    }
}
