//! Where pods live: nodes and namespaces.

use crate::core::guard::notes::Override;

/// Who announced that a node goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Announced {
    /// The cluster autoscaler's taint `ToBeDeletedByClusterAutoscaler`.
    ClusterAutoscaler,
    /// Karpenter's taint `karpenter.sh/disrupted`.
    Karpenter,
    /// The cluster autoscaler's taint `DeletionCandidateOfClusterAutoscaler`: perhaps.
    Candidate,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// `spec.unschedulable`.
    pub cordoned: bool,
    /// A taint that says that it will be removed.
    pub announced: Option<Announced>,
    /// Whether its kubelet reports it Ready.
    pub ready: bool,
}

/// What the guard does in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Says what it would do.
    Audit,
    /// Does it.
    Enforce,
}

impl Mode {
    /// For metrics and messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Enforce => "enforce",
        }
    }
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// What its label chooses; `None` when it did not opt in.
    pub mode: Option<Mode>,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// `xtrinode.io/guard-override`.
    pub break_glass: Option<Override>,
}
