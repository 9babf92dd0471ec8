//! `coordinators`: clusters that the file names. Decides which labels their pods have when
//! the file does not say, and in which namespace they are.

use super::settings::{Cluster, Labels};
use crate::collect::options::namespace_of;
use crate::config::Coordinator;
use crate::config::coordinators;
use crate::config::names::{label_key, label_value};
use crate::config::reader::{Map, Reader};

const KEYS: [&str; 5] = [
    "url",
    "release",
    "namespace",
    "workerSelector",
    "coordinatorSelector",
];

/// Labels of the official Trino chart.
const COMPONENT: &str = "app.kubernetes.io/component";
const INSTANCE: &str = "app.kubernetes.io/instance";

/// The clusters ordered by name.
pub(super) fn read(root: &Map<'_>, reader: &mut Reader) -> Vec<Cluster> {
    let map = reader.map(root.get("coordinators"), "coordinators");
    let entries = coordinators::read(&map, &KEYS, reader, |entry, reader| {
        let workers = selector(entry, "workerSelector", reader);
        (workers, selector(entry, "coordinatorSelector", reader))
    });
    entries
        .into_iter()
        .map(|(coordinator, selectors)| cluster(coordinator, selectors, reader))
        .collect()
}

fn cluster(
    mut coordinator: Coordinator,
    (workers, coordinators): (Option<Labels>, Option<Labels>),
    reader: &mut Reader,
) -> Cluster {
    let usual = |component: &str| usual_labels(&coordinator.release, component);
    let workers = workers.unwrap_or_else(|| usual("worker"));
    let coordinators = coordinators.unwrap_or_else(|| usual("coordinator"));
    let namespace = coordinator.namespace.take();
    coordinator.namespace = Some(namespace.unwrap_or_else(|| namespace_of(&coordinator.url)));
    require_namespace(&coordinator, reader);
    Cluster {
        coordinator,
        workers,
        coordinators,
    }
}

fn usual_labels(release: &str, component: &str) -> Labels {
    let labels = [(COMPONENT, component), (INSTANCE, release)];
    labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Pods are looked for in one namespace: labels repeat in others.
fn require_namespace(coordinator: &Coordinator, reader: &mut Reader) {
    let key = format!("coordinators.{}.namespace", coordinator.name);
    if coordinator.namespace.as_deref() == Some("") && !reader.failed(&key) {
        let message = "missing; the url does not tell it, give the namespace of this Trino's pods";
        reader.problem(key, message);
    }
}

/// `None` when absent.
fn selector(entry: &Map<'_>, key: &str, reader: &mut Reader) -> Option<Labels> {
    let node = entry.get(key)?;
    let map = reader.map(Some(node), entry.key(key));
    if map.entries().is_empty() && !reader.failed(&entry.key(key)) {
        let message = "must hold one label at least, for example {app: trino-worker}; without any it would mean every pod";
        reader.problem(entry.key(key), message);
    }
    let labels = map.entries().iter().filter_map(|label| {
        if let Err(allowed) = label_key(&label.key) {
            reader.problem(
                map.key(&label.key),
                format!("the key is not allowed; {allowed}"),
            );
        }
        let value = reader.value(&map, &label.key, label_value)?;
        Some((label.key.clone(), value))
    });
    Some(labels.collect())
}
