//! Every label and annotation that we read or write on other people's objects. A name here is a contract with users:
//! docs/keys.md is generated from [`ALL`], and a test fails when one changes.

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A label of a namespace.
    NamespaceLabel,
    /// A label of a pod.
    PodLabel,
    /// An annotation of a pod.
    Pod,
    /// An annotation of a workload (Deployment, StatefulSet).
    Workload,
    /// An annotation of a pod, a workload or a namespace.
    Any,
    /// An annotation of the guard's Lease.
    Lease,
}

/// Who writes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// People, or their tools.
    User,
    /// People who hold the verb `override` (the shipped ValidatingAdmissionPolicy asks for it).
    Override,
    /// The guard alone.
    Guard,
    /// The operator alone.
    Operator,
    /// The chart that made the pod.
    Chart,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Who writes it.
    pub writer: Writer,
    /// What it says, in one line of Markdown.
    pub says: &'static str,
}

/// Opts a namespace in: `enabled` (the chart's mode), `audit` or `enforce`.
pub const GUARD: &str = "xtrinode.io/guard";
/// Break-glass: `RFC3339;reason`.
pub const OVERRIDE: &str = "xtrinode.io/guard-override";
/// A removal that was refused: what the leader drains for.
pub const DRAIN_REQUESTED: &str = "xtrinode.io/drain-requested";
/// The first refusal of a pod.
pub const BLOCKED_SINCE: &str = "xtrinode.io/blocked-since";
/// A drain that we began.
pub const DRAIN: &str = "xtrinode.io/drain";
/// The proof that a drain is over.
pub const DRAINED_AT: &str = "xtrinode.io/drained-at";
/// A drain that is being taken back.
pub const RETURNING: &str = "xtrinode.io/returning";
/// A removal that was allowed and is not seen yet.
pub const GRANT: &str = "xtrinode.io/grant";
/// The times in which no guard ran, on its Lease.
pub const UNGUARDED: &str = "xtrinode.io/unguarded";
/// Written by the operator on a runtime's workloads while it suspends it.
pub const SUSPENDING: &str = "xtrinode.io/suspending";
/// The clamp's last answer on a workload.
pub const CLAMPED: &str = "xtrinode.io/clamped";
/// A workload's own `maxBlock`.
pub const MAX_BLOCK: &str = "xtrinode.io/max-block";
/// A workload's own `unknownMax`.
pub const UNKNOWN_MAX: &str = "xtrinode.io/unknown-max";
/// A workload's own `minActive`.
pub const MIN_ACTIVE: &str = "xtrinode.io/min-active";
/// Trino's `shutdown.grace-period` on a workload whose workers can't be drained.
pub const SHUTDOWN_GRACE: &str = "xtrinode.io/shutdown-grace-period";
/// Kubernetes' own ranking of victims.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Since when our hints to autoscalers stand.
pub const HINTED: &str = "xtrinode.io/hinted";
/// The cluster autoscaler's hint.
pub const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
/// Karpenter's hint.
pub const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
/// `worker` or `coordinator`.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// The release that a pod belongs to.
pub const INSTANCE: &str = "app.kubernetes.io/instance";

/// Every key, in the order of the documentation.
pub const ALL: [Key; 21] = [
    Key {
        name: GUARD,
        place: Place::NamespaceLabel,
        writer: Writer::User,
        says: "opts the namespace in: `enabled` (the chart's mode), `audit` or `enforce`",
    },
    Key {
        name: COMPONENT,
        place: Place::PodLabel,
        writer: Writer::Chart,
        says: "`worker` or `coordinator`: the pods that are guarded",
    },
    Key {
        name: INSTANCE,
        place: Place::PodLabel,
        writer: Writer::Chart,
        says: "the release: which coordinator a worker belongs to",
    },
    Key {
        name: OVERRIDE,
        place: Place::Any,
        writer: Writer::Override,
        says: "break-glass: `<RFC3339 end, at most 24 h ahead>;<reason of at least 10 characters>`",
    },
    Key {
        name: MAX_BLOCK,
        place: Place::Workload,
        writer: Writer::User,
        says: "this workload's `maxBlock`, such as `45m`",
    },
    Key {
        name: UNKNOWN_MAX,
        place: Place::Workload,
        writer: Writer::User,
        says: "this workload's `unknownMax`, such as `10m`",
    },
    Key {
        name: MIN_ACTIVE,
        place: Place::Workload,
        writer: Writer::User,
        says: "this workload's `floor.minActive`: so many workers are never drained while queries run",
    },
    Key {
        name: SHUTDOWN_GRACE,
        place: Place::Workload,
        writer: Writer::User,
        says: "Trino's `shutdown.grace-period`, such as `15s`, where the guard may not drain and so can't measure it",
    },
    Key {
        name: SUSPENDING,
        place: Place::Workload,
        writer: Writer::Operator,
        says: "the runtime is being suspended; with its coordinator gone, its workers may go",
    },
    Key {
        name: DRAIN_REQUESTED,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "the last refused removal: when, why and by whom",
    },
    Key {
        name: BLOCKED_SINCE,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "the first refused removal: bounds count from here",
    },
    Key {
        name: DRAIN,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "the drain that we began on this container, and when",
    },
    Key {
        name: DRAINED_AT,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "when the drained worker was proven to hold nothing",
    },
    Key {
        name: RETURNING,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "the drain is being taken back",
    },
    Key {
        name: GRANT,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "a removal that was allowed: for what, until when",
    },
    Key {
        name: CLAMPED,
        place: Place::Workload,
        writer: Writer::Guard,
        says: "the last scale-down that was clamped: asked, given",
    },
    Key {
        name: DELETION_COST,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "Kubernetes' ranking of victims: drained workers first, busy ones last",
    },
    Key {
        name: HINTED,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "since when our hints stand on this busy worker: only then are they ours to remove",
    },
    Key {
        name: SAFE_TO_EVICT,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "`false` on busy workers, where `hints.enabled`",
    },
    Key {
        name: DO_NOT_DISRUPT,
        place: Place::Pod,
        writer: Writer::Guard,
        says: "`true` on busy workers, where `hints.enabled`",
    },
    Key {
        name: UNGUARDED,
        place: Place::Lease,
        writer: Writer::Guard,
        says: "when no guard ran, or the clock jumped: such times count for no bound",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_key_is_listed_twice() {
        let names: BTreeSet<_> = ALL.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
