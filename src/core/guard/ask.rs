//! What is asked of the guard and what it answers, as plain data: a review reduced to its facts, and a verdict with the
//! effects that it intends. Decides nothing.

use super::facts::Name;
use super::facts::workload::Kind;
use super::gate::Patience;
use super::notes::{Cause, GrantKey};
use super::rows::Row;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked for.
    pub request: Request,
    /// Who asks.
    pub caller: Caller,
    /// The Kubernetes user that asks, for the record.
    pub user: String,
    /// Whether nothing must change, wherever that was said.
    pub dry_run: bool,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `pods/eviction`.
    Evict {
        /// The pod.
        pod: Name,
        /// The UID that must be its own.
        precondition: Option<String>,
    },
    /// `DELETE pods`.
    Delete {
        /// The pod.
        pod: Name,
        /// The UID of the object that is deleted.
        uid: String,
        /// Whether it is being deleted already.
        deleting: bool,
        /// `gracePeriodSeconds`, where it was given.
        grace: Option<u64>,
    },
    /// A lower number of replicas.
    Scale {
        /// What kind of workload.
        kind: Kind,
        /// Which.
        workload: Name,
        /// The number before.
        old: u32,
        /// The number asked for.
        new: u32,
        /// Whether the object itself is written and not its `scale`.
        whole: bool,
    },
    /// A coordinator's pod template is changed.
    Template {
        /// What kind of workload.
        kind: Kind,
        /// Which.
        workload: Name,
        /// Whether new pods start beside the old ones, as the new object says: its strategy is not Recreate.
        surge: bool,
    },
    /// `DELETE` of a workload.
    DeleteWorkload {
        /// What kind of workload.
        kind: Kind,
        /// Which.
        workload: Name,
        /// Whether its pods stay.
        orphan: bool,
    },
    /// `DELETE namespaces`.
    DeleteNamespace {
        /// Which.
        name: String,
    },
}

/// Who asks, as far as rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caller {
    /// A kubelet: it finishes what was decided.
    Kubelet,
    /// The pod garbage collector: the node is gone.
    PodCollector,
    /// The namespace controller: its namespace was let go.
    NamespaceController,
    /// The ReplicaSet, StatefulSet or Deployment controller.
    WorkloadController,
    /// The garbage collector: the owner is gone.
    GarbageCollector,
    /// The taint-eviction controller.
    TaintController,
    /// The scheduler, for a pod of higher priority.
    Scheduler,
    /// Any controller, where all share one identity.
    ControllerManager,
    /// The operator.
    Operator,
    /// Ourselves.
    Guard,
    /// Anybody else.
    Other,
}

impl Caller {
    /// How long this caller is made to wait.
    #[must_use]
    pub const fn patience(self) -> Patience {
        match self {
            Self::Scheduler => Patience::Preemption,
            Self::Operator => Patience::Endless,
            _ => Patience::Ordinary,
        }
    }

    /// What a refused deletion is written down as.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::WorkloadController | Self::ControllerManager => Cause::Controller,
            Self::GarbageCollector => Cause::Collector,
            Self::TaintController => Cause::Taint,
            Self::Scheduler => Cause::Preemption,
            _ => Cause::Delete,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The rule that decided.
    pub row: Row,
    /// What is answered.
    pub outcome: Outcome,
    /// For whoever asked: why not, or empty.
    pub message: String,
    /// For whoever asked, also where it is allowed.
    pub warnings: Vec<String>,
    /// What is to be done if this is answered and nobody only tries.
    pub effects: Vec<Effect>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Yes.
    Allow,
    /// Yes, if these workers (by pod UID) still say DRAINED when asked now; ask, then judge again.
    Look(Vec<String>),
    /// Not now.
    Wait,
    /// Never, as asked.
    Forbid,
}

impl Outcome {
    /// The HTTP code of a refusal.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Allow => 200,
            Self::Look(_) | Self::Wait => 429,
            Self::Forbid => 403,
        }
    }
}

/// What a verdict intends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write down that a pod's removal was refused, so that the leader drains it. After the answer.
    Want {
        /// The pod's UID.
        uid: String,
        /// Why.
        cause: Cause,
        /// The replicas that were asked for.
        target: Option<u32>,
        /// Whether the pod's clock starts: not for the operator, who neither starts nor profits from bounds.
        clock: bool,
    },
    /// Write down that a pod's removal is allowed, by compare-and-swap. Before the answer.
    Grant {
        /// The pod's UID.
        uid: String,
        /// The resourceVersion that was judged: of any other one nothing is known yet.
        version: String,
        /// For what.
        key: GrantKey,
        /// Whether there is no allow without it. Break-glass and bounds do not wait for anything.
        required: bool,
    },
    /// Say that a pod goes although something is or may be lost with it: an Event, a count, a line in the log. After the
    /// answer, and once, however often it is asked for.
    Tell {
        /// The pod's UID.
        uid: String,
        /// By which rule.
        row: Row,
        /// What may be lost, for people.
        text: String,
    },
}

impl Effect {
    /// What it is, in a few words. `name` knows the name of a pod by its UID.
    #[must_use]
    pub fn describe(&self, name: impl Fn(&str) -> String) -> String {
        match self {
            Self::Want { uid, .. } => format!("drain {}", name(uid)),
            Self::Grant { uid, .. } => format!("grant {}", name(uid)),
            Self::Tell { uid, .. } => {
                format!("say in an Event that {} goes whatever it holds", name(uid))
            }
        }
    }
}
