//! What several keys mean together: contradictions are problems, risks are notices.
//! Pure. A rule is silent where one of its keys already has a problem.

use super::settings::{Cluster, Settings};
use super::{times, trust};
use crate::config::Notice;
use crate::config::reader::Reader;

/// Never guarded, whatever its label says: what runs there must not wait for us.
const SPARED: [&str; 2] = ["kube-system", "kube-node-lease"];

/// Adds contradictions to the reader's problems and returns what to warn about.
pub(super) fn check(settings: &Settings, reader: &mut Reader) -> Vec<Notice> {
    times::check(settings, reader);
    trust::check(settings, reader);
    ports_differ(settings, reader);
    something_to_guard(settings, reader);
    for namespace in &settings.namespaces {
        spared("namespaces", namespace, settings, reader);
    }
    for cluster in &settings.clusters {
        in_a_guarded_namespace(cluster, settings, reader);
        roles_differ(cluster, reader);
    }
    releases_differ(settings, reader);
    let mut notices = times::notices(settings);
    notices.extend(trust::notices(settings));
    notices
}

fn ports_differ(settings: &Settings, reader: &mut Reader) {
    let serving = &settings.serving;
    let failed = reader.failed("adminPort") || reader.failed("webhookPort");
    if serving.admin_port == serving.webhook_port && serving.admin_port != 0 && !failed {
        let message = format!("{} is the webhookPort; give another", serving.admin_port);
        reader.problem("adminPort", message);
    }
}

fn something_to_guard(settings: &Settings, reader: &mut Reader) {
    let named = !settings.clusters.is_empty() || reader.failed_within("coordinators");
    if !settings.discovery && !named {
        let message = "false leaves nothing to guard, since coordinators names no cluster";
        reader.problem("discovery.enabled", message);
    }
}

fn in_a_guarded_namespace(cluster: &Cluster, settings: &Settings, reader: &mut Reader) {
    let key = format!("coordinators.{}.namespace", cluster.coordinator.name);
    let namespace = cluster.coordinator.namespace.as_deref().unwrap_or("");
    spared(&key, namespace, settings, reader);
    let known = &settings.namespaces;
    let listed = known.is_empty() || known.iter().any(|one| one == namespace);
    if !listed && !reader.failed(&key) && !reader.failed("namespaces") {
        reader.problem(
            key,
            format!("{namespace:?} is not among namespaces; add it there"),
        );
    }
}

/// Our own pods must be able to leave while we do not answer.
fn spared(key: &str, namespace: &str, settings: &Settings, reader: &mut Reader) {
    if reader.failed(key) {
        return;
    }
    if namespace == settings.installation.namespace && !namespace.is_empty() {
        let message = format!(
            "{namespace:?} is the guard's own namespace, which is never guarded; run Trino in another"
        );
        reader.problem(key, message);
    } else if SPARED.contains(&namespace) {
        reader.problem(
            key,
            format!("{namespace:?} is never guarded; run Trino in another"),
        );
    }
}

fn roles_differ(cluster: &Cluster, reader: &mut Reader) {
    if cluster.workers == cluster.coordinators {
        let key = format!("coordinators.{}.workerSelector", cluster.coordinator.name);
        reader.problem(
            key,
            "the same labels as coordinatorSelector; nothing tells the two apart",
        );
    }
}

/// Helm's releases are unique within their namespace, and so are clusters.
fn releases_differ(settings: &Settings, reader: &mut Reader) {
    let clusters: Vec<_> = settings
        .clusters
        .iter()
        .map(|one| &one.coordinator)
        .collect();
    for (index, one) in clusters.iter().enumerate() {
        let same = |other: &&&crate::config::Coordinator| {
            other.release == one.release && other.namespace == one.namespace
        };
        if let Some(owner) = clusters[..index].iter().find(same) {
            let namespace = one.namespace.as_deref().unwrap_or("");
            let message = format!(
                "{:?} is already the release of {} in namespace {namespace:?}; each cluster needs its own",
                one.release, owner.name
            );
            reader.problem(format!("coordinators.{}.release", one.name), message);
        }
    }
}
