//! A pod that runs Trino, as Kubernetes and our annotations describe it.

use std::net::IpAddr;
use std::time::Duration;

use crate::core::guard::notes::Notes;
use crate::core::guard::time::Time;

use super::Name;
use super::workload::Kind;

/// What a pod does in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs tasks.
    Worker,
    /// Plans queries and answers clients.
    Coordinator,
}

/// A Trino cluster: one coordinator and its workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId {
    /// The namespace of its pods.
    pub namespace: String,
    /// The release: the label `app.kubernetes.io/instance`, or what an explicit entry says.
    pub release: String,
}

impl std::fmt::Display for ClusterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.release)
    }
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers have started.
    #[default]
    Pending,
    /// At least one container runs.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// The object that controls a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// The container that runs Trino.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// `containerID`: another one after each restart.
    pub id: String,
    /// When it started; `None` where the kubelet does not say.
    pub started: Option<Time>,
    /// Whether it runs now.
    pub running: bool,
    /// How often it was restarted.
    pub restarts: u32,
}

/// A guarded pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: Name,
    /// Its UID: a pod of the same name that comes later is another one.
    pub uid: String,
    /// For compare-and-swap.
    pub resource_version: String,
    /// What it does.
    pub role: Role,
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// What controls it; `None` for a naked pod.
    pub owner: Option<Owner>,
    /// `controller-revision-hash` or `pod-template-hash`.
    pub revision: Option<String>,
    /// The node it is bound to.
    pub node: Option<String>,
    /// Its phase.
    pub phase: Phase,
    /// Whether the kubelet calls it Ready.
    pub ready: bool,
    /// When that last changed.
    pub ready_changed: Option<Time>,
    /// When it was made.
    pub created: Time,
    /// Its deletionTimestamp.
    pub deleting: Option<Time>,
    /// `terminationGracePeriodSeconds`.
    pub grace: Duration,
    /// Whether its container has a preStop hook.
    pub pre_stop: bool,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// The port at which Trino is asked, where the pod names one.
    pub port: Option<u16>,
    /// The Trino container; `None` before the kubelet says anything about it.
    pub container: Option<Container>,
    /// `pod-deletion-cost`; 0 where absent or not a number.
    pub cost: i32,
    /// What our annotations say.
    pub notes: Notes,
}

impl Pod {
    /// Whether controllers count it: neither ended nor being deleted.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        let ended = matches!(self.phase, Phase::Succeeded | Phase::Failed);
        !ended && self.deleting.is_none()
    }

    /// The id of the container that runs now.
    #[must_use]
    pub fn running(&self) -> Option<&str> {
        let container = self.container.as_ref()?;
        container.running.then_some(container.id.as_str())
    }

    /// When its container started.
    #[must_use]
    pub fn started(&self) -> Option<Time> {
        self.container.as_ref()?.started
    }

    /// The ordinal of a StatefulSet's pod.
    #[must_use]
    pub fn ordinal(&self) -> Option<u32> {
        self.name.name.rsplit_once('-')?.1.parse().ok()
    }
}
