//! What the leader may do, as plain data. An executor performs each; the world then changes through watch events and
//! answers of workers. Performs nothing.
//!
//! The executor's part of the contract: one action per pod at a time; every write tests the pod's UID, and where the action
//! names a version, the resourceVersion that the plan saw, never a newer one (a grant that was written meanwhile must
//! win); a lost race is simply dropped, since the next plan sees what won; a worker is told anything only while the
//! leader's Lease outlives the request's timeout.

use crate::core::guard::facts::pod::ClusterId;
use crate::core::guard::notes::{Drain, Drained};
use crate::core::guard::time::Time;

/// One thing to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Writes the annotation `drain` (and removes `drained-at`, the proof of an earlier drain, and sets the cost), by
    /// compare-and-swap; only when that succeeded, asks the worker's state and PUTs DRAINING over ACTIVE, over nothing else.
    BeginDrain {
        /// The pod's UID.
        uid: String,
        /// The pod's resourceVersion.
        version: String,
        /// The record: the container that is drained, and now.
        drain: Drain,
        /// The pod's new `pod-deletion-cost`; `None` leaves what stands there.
        cost: Option<i32>,
    },
    /// Asks the coordinator now whether anything is left on a DRAINED worker: one query list, and the few queries that
    /// may have tasks there. What comes of it goes into the evidence.
    Prove {
        /// The pod's UID.
        uid: String,
        /// The first time in this drain: may go before other reads of that coordinator.
        first: bool,
    },
    /// One patch that makes a refused controller look again: the cost, and the proof where there is one. Differs from the
    /// patch before it, since a patch that changes nothing is no update.
    Kick {
        /// The pod's UID.
        uid: String,
        /// The new `pod-deletion-cost`, of the drained band.
        cost: i32,
        /// The new annotation `drained-at`; `None` leaves it (the pod may go for another reason).
        drained: Option<Drained>,
    },
    /// Evicts the pod, since nobody else comes back for it. The eviction is judged like any other.
    Evict {
        /// The pod's UID.
        uid: String,
    },
    /// Writes or removes the pod's `pod-deletion-cost`.
    Cost {
        /// The pod's UID.
        uid: String,
        /// The new value; `None` removes it.
        cost: Option<i32>,
    },
    /// Changes the hints to autoscalers.
    Hint {
        /// The pod's UID.
        uid: String,
        /// What to do with them.
        step: HintStep,
    },
    /// The first step of taking a drain back: removes `grant` and `drained-at`, our cost, and, unless `keep_want`,
    /// `drain-requested` and `blocked-since`; sets `returning`. One compare-and-swap; `drain` stays.
    Return {
        /// The pod's UID.
        uid: String,
        /// The pod's resourceVersion.
        version: String,
        /// What `returning` says.
        at: Time,
        /// The pod's removal is still wanted: its clock goes on.
        keep_want: bool,
    },
    /// The second: asks the worker's state and PUTs ACTIVE over DRAINING or DRAINED.
    PutActive {
        /// The pod's UID.
        uid: String,
    },
    /// The third, or the only one where nothing was drained: removes `returning`, `drain`, `drained-at`, `grant`, our cost,
    /// and, unless `keep_want`, `drain-requested` and `blocked-since`.
    Forget {
        /// The pod's UID.
        uid: String,
        /// The pod's resourceVersion.
        version: String,
        /// The pod's removal is still wanted: its clock goes on.
        keep_want: bool,
    },
    /// The first step where we are to leave nothing behind: removes `grant`, `drain-requested`, `blocked-since`,
    /// `drained-at`, our cost and our hints; sets `returning` where a drain of ours is to be taken back, and else removes
    /// `returning` and `drain` too.
    Clean {
        /// The pod's UID.
        uid: String,
        /// The pod's resourceVersion.
        version: String,
        /// What `returning` says, where a drain is to be taken back.
        returning: Option<Time>,
    },
    /// Asks a worker of the cluster whether it would let itself be drained: PUTs a state that does not exist.
    ProbePower {
        /// The cluster.
        cluster: ClusterId,
    },
    /// Writes a Kubernetes Event.
    Event {
        /// What it is about.
        about: Subject,
        /// Its reason.
        reason: Reason,
        /// Its note.
        note: String,
    },
}

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The pod of this UID.
    Pod(String),
    /// The workload of this UID.
    Workload(String),
}

/// What to do with the hints on a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintStep {
    /// Set each where it is absent, and write down since when.
    Hold(Time),
    /// Remove those that we set; they stood for long enough. What was written down stays, so that they are not set again
    /// while the worker is as busy as it was.
    Drop,
    /// Remove those that we set, and what was written down.
    Clear,
}

/// Defines the reasons of Events with their words.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident;)*) => {
        /// The reason of an Event, also for metrics. The words are a contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$reason,)*];

            /// The word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$reason => stringify!($reason),)* }
            }
        }
    };
}

reasons! {
    /// A pod's removal was refused.
    Blocked;
    /// Its drain began.
    DrainStarted;
    /// It holds nothing any more.
    Drained;
    /// Its removal was allowed.
    Granted;
    /// It is let go though something may be lost: a bound was reached.
    ForcedAfterMaxBlock;
    /// It is let go because somebody ordered it.
    BreakGlassUsed;
    /// Its removal is refused though nothing is known of it.
    StateUnknown;
    /// Its drain was taken back.
    GaveBack;
    /// The workers of a cluster can't be drained.
    BestEffort;
    /// No worker of a cluster answers.
    WorkersUnreachable;
    /// A rollout waits for workers that are drained first.
    RolloutWaits;
    /// `maxBlock` is shorter than the last drain took.
    BoundTooShort;
    /// A scale-down was lowered to what is safe. Written by whoever answers the request: the plan does not see it.
    ClampedScaleDown;
}

impl Reason {
    /// Whether it warns. Kubernetes knows `Normal` and `Warning`.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(
            self,
            Self::ForcedAfterMaxBlock
                | Self::BreakGlassUsed
                | Self::StateUnknown
                | Self::BestEffort
                | Self::WorkersUnreachable
                | Self::BoundTooShort
        )
    }
}

impl Action {
    /// The resourceVersion that the plan rests on, where no other will do.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::BeginDrain { version, .. }
            | Self::Return { version, .. }
            | Self::Forget { version, .. }
            | Self::Clean { version, .. } => Some(version),
            _ => None,
        }
    }

    /// The pod that is written, told or asked about; `None` for clusters and Events.
    #[must_use]
    pub fn pod(&self) -> Option<&str> {
        match self {
            Self::BeginDrain { uid, .. }
            | Self::Prove { uid, .. }
            | Self::Kick { uid, .. }
            | Self::Evict { uid }
            | Self::Cost { uid, .. }
            | Self::Hint { uid, .. }
            | Self::Return { uid, .. }
            | Self::PutActive { uid }
            | Self::Forget { uid, .. }
            | Self::Clean { uid, .. } => Some(uid),
            Self::ProbePower { .. } | Self::Event { .. } => None,
        }
    }
}
