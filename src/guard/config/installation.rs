//! Which installation this is, which of its replicas, and how one becomes leader. Decides
//! what stands in for names that the file leaves out.

use std::time::Duration;

use super::own_pod::OwnPod;
use super::settings::{Installation, Lease};
use crate::config::common::duration;
use crate::config::names::{object_name, service_name};
use crate::config::reader::{Map, Reader};
use crate::config::values::{namespace, whole_seconds};

/// What the README's install command calls it, in full.
const RELEASE: &str = "xtrinode-guard";

const LEASE_KEYS: [&str; 3] = ["leaseName", "leaseDurationSeconds", "renewIntervalSeconds"];

/// Who we are among installations and replicas.
pub(super) fn read(root: &Map<'_>, own: &OwnPod, reader: &mut Reader) -> Installation {
    let release = reader.value(root, "release", service_name);
    let release = release.unwrap_or_else(|| RELEASE.to_owned());
    let prefix = reader.value(root, "webhookConfigurationPrefix", object_name);
    Installation {
        namespace: own_namespace(root, own, reader),
        replica: replica(root, own, reader),
        webhook_prefix: prefix.unwrap_or_else(|| release.clone()),
        lease: lease(root, &release, reader),
        release,
    }
}

fn own_namespace(root: &Map<'_>, own: &OwnPod, reader: &mut Reader) -> String {
    let read = reader.value(root, "namespace", namespace);
    let found = read.or_else(|| own.namespace.clone());
    if found.is_none() && !reader.failed("namespace") {
        let message =
            "missing; outside a pod nothing else tells it, give the namespace of the release";
        reader.problem("namespace", message);
    }
    found.unwrap_or_default()
}

/// Two replicas of one name would both be leader.
fn replica(root: &Map<'_>, own: &OwnPod, reader: &mut Reader) -> String {
    let read = reader.value(root, "replicaId", object_name);
    let found = read.or_else(|| own.name.clone());
    if found.is_none() && !reader.failed("replicaId") {
        let message =
            "missing; set the variable POD_NAME, or give a name that no other replica has";
        reader.problem("replicaId", message);
    }
    found.unwrap_or_default()
}

fn lease(root: &Map<'_>, release: &str, reader: &mut Reader) -> Lease {
    let map = reader.section(root.get("leaderElection"), "leaderElection", &LEASE_KEYS);
    let name = reader.value(&map, "leaseName", object_name);
    let held = reader.value(&map, "leaseDurationSeconds", whole_seconds(1, 300));
    Lease {
        name: name.unwrap_or_else(|| release.to_owned()),
        duration: held.unwrap_or(Duration::from_secs(15)),
        renew_interval: duration(&map, "renewIntervalSeconds", 5, (0.1, 300.0), reader),
    }
}
