//! The keys at the top of the file, and how the parts are put together. What several keys
//! mean together is said in `rules`.

use super::own_pod::OwnPod;
use super::settings::Settings;
use super::{bounds, clusters, installation, peers, policy, serving};
use crate::config::common::{duration, logging, namespaces};
use crate::config::reader::{Map, Reader};
use crate::config::values::{boolean, word};
use crate::config::yaml::Node;
use crate::core::guard::facts::place::Mode;

pub(super) const KEYS: [&str; 27] = [
    "mode",
    "bindAddress",
    "webhookPort",
    "adminPort",
    "tls",
    "webhookUrl",
    "release",
    "namespace",
    "replicaId",
    "webhookConfigurationPrefix",
    "leaderElection",
    "namespaces",
    "discovery",
    "coordinators",
    "exporter",
    "trino",
    "drain",
    "bounds",
    "floor",
    "hints",
    "clamp",
    "cordon",
    "deletionCandidate",
    "operatorIdentity",
    "logging",
    "lameDuckSeconds",
    "shutdownGraceSeconds",
];

/// Reads everything; where a value is wrong a default stands in, so that reading goes on.
pub(super) fn settings(root: &Node, own: &OwnPod, reader: &mut Reader) -> Settings {
    let root = reader.section(Some(root), "", &KEYS);
    let installation = installation::read(&root, own, reader);
    let (log_level, log_format) = logging(&root, reader);
    let (bounds, answer) = bounds::read(&root, reader);
    Settings {
        mode: mode(&root, reader),
        serving: serving::read(&root, &installation.release, answer, reader),
        namespaces: namespaces(&root, reader),
        discovery: discovery(&root, reader),
        clusters: clusters::read(&root, reader),
        exporter: peers::exporter(&root, reader),
        trino: peers::trino(&root, reader),
        drain: peers::drain(&root, reader),
        policy: policy::read(&root, bounds, reader),
        log_level,
        log_format,
        lame_duck: duration(&root, "lameDuckSeconds", 15, (0.0, 300.0), reader),
        shutdown_grace: duration(&root, "shutdownGraceSeconds", 10, (0.0, 600.0), reader),
        installation,
    }
}

fn mode(root: &Map<'_>, reader: &mut Reader) -> Mode {
    let words = word(&[("audit", Mode::Audit), ("enforce", Mode::Enforce)]);
    reader.value(root, "mode", words).unwrap_or(Mode::Audit)
}

fn discovery(root: &Map<'_>, reader: &mut Reader) -> bool {
    let map = reader.section(root.get("discovery"), "discovery", &["enabled"]);
    reader.value(&map, "enabled", boolean).unwrap_or(true)
}
