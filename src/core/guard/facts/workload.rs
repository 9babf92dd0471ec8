//! What controls pods: Deployments, ReplicaSets, StatefulSets.

use std::time::Duration;

use crate::core::guard::notes::Override;
use crate::core::guard::time::Time;

use super::Name;
use super::pod::{ClusterId, Role};

/// The kinds of workload that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `apps/v1 Deployment`.
    Deployment,
    /// `apps/v1 ReplicaSet`.
    ReplicaSet,
    /// `apps/v1 StatefulSet`.
    StatefulSet,
    /// Anything else: its pods are guarded one by one.
    Other,
}

impl Kind {
    /// The kind that an owner reference or a review names.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "Deployment" => Self::Deployment,
            "ReplicaSet" => Self::ReplicaSet,
            "StatefulSet" => Self::StatefulSet,
            _ => Self::Other,
        }
    }

    /// For messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::Other => "workload",
        }
    }
}

/// A workload of guarded pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Its UID.
    pub uid: String,
    /// For compare-and-swap.
    pub resource_version: String,
    /// What its pods do.
    pub role: Role,
    /// The cluster of its pods.
    pub cluster: ClusterId,
    /// `spec.replicas`, defaults filled in.
    pub replicas: u32,
    /// The UID of the Deployment that controls a ReplicaSet.
    pub owner: Option<String>,
    /// When it was made.
    pub created: Time,
    /// Whether it is being deleted, and its pods with it.
    pub deleting: bool,
    /// A Deployment that stops old pods before it starts new ones.
    pub recreate: bool,
    /// A StatefulSet's `spec.ordinals.start`.
    pub ordinal_start: u32,
    /// A StatefulSet's `status.updateRevision`.
    pub update_revision: Option<String>,
    /// The lowest ordinal that a StatefulSet replaces by itself when its revision changes: its partition;
    /// [`u32::MAX`] where it leaves that to people.
    pub rolls_from: u32,
    /// What its annotations say.
    pub tuning: Tuning,
}

/// What a workload's annotations choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// `xtrinode.io/max-block`.
    pub max_block: Option<Duration>,
    /// `xtrinode.io/unknown-max`.
    pub unknown_max: Option<Duration>,
    /// `xtrinode.io/min-active`.
    pub min_active: Option<u32>,
    /// `xtrinode.io/shutdown-grace-period`.
    pub shutdown_grace: Option<Duration>,
    /// `xtrinode.io/suspending`.
    pub suspending: bool,
    /// `xtrinode.io/guard-override`.
    pub break_glass: Option<Override>,
}
