//! The kinds of voluntary disruptions that a run draws from: how often each comes, what it takes.

use crate::trino_on_plane::Owner;

/// Who asks for workers to go, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The eviction API for one worker.
    Eviction,
    /// DELETE of one worker; by `kubectl delete pod` on real clusters.
    Deletion,
    /// The same with `--force --grace-period=0`.
    ForcedDeletion,
    /// DELETE of a collection of two workers.
    Collection,
    /// `kubectl drain` of one node.
    Drain,
    /// `kubectl drain` of two nodes.
    DrainOfTwo,
    /// The scale subresource down and up again; by `kubectl scale` on real clusters.
    Scale,
    /// The scale subresource as the HorizontalPodAutoscaler's account writes it.
    ScaleByHpa,
    /// `spec.replicas` of the workload itself.
    Edit,
    /// `kubectl rollout restart`.
    Rollout,
    /// A NoExecute taint on a node.
    Taint,
    /// The eviction of the coordinator, while the load pauses.
    Coordinator,
    /// The workload is deleted and made again.
    Recreation,
    /// Everything is deleted in Helm's order and made again, while the load pauses.
    Uninstall,
}

impl Kind {
    /// In the order of the tables.
    pub const ALL: [Self; 14] = [
        Self::Eviction,
        Self::Deletion,
        Self::ForcedDeletion,
        Self::Collection,
        Self::Drain,
        Self::DrainOfTwo,
        Self::Scale,
        Self::ScaleByHpa,
        Self::Edit,
        Self::Rollout,
        Self::Taint,
        Self::Coordinator,
        Self::Recreation,
        Self::Uninstall,
    ];

    /// As the tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eviction => "eviction",
            Self::Deletion => "delete pod",
            Self::ForcedDeletion => "delete pod by force",
            Self::Collection => "delete a collection",
            Self::Drain => "drain a node",
            Self::DrainOfTwo => "drain two nodes",
            Self::Scale => "scale",
            Self::ScaleByHpa => "scale as the HPA asks",
            Self::Edit => "edit spec.replicas",
            Self::Rollout => "rollout restart",
            Self::Taint => "NoExecute taint",
            Self::Coordinator => "evict the coordinator",
            Self::Recreation => "delete the workload",
            Self::Uninstall => "uninstall in Helm's order",
        }
    }

    /// How often it comes in one round of a simulated cluster. Those that remove every worker take minutes.
    const fn weight(self) -> usize {
        match self {
            Self::Eviction | Self::Deletion | Self::Scale | Self::ScaleByHpa => 4,
            Self::ForcedDeletion | Self::Collection => 3,
            Self::Drain | Self::Edit | Self::Taint => 2,
            Self::DrainOfTwo
            | Self::Rollout
            | Self::Coordinator
            | Self::Recreation
            | Self::Uninstall => 1,
        }
    }

    /// Whether it pauses the load, since the coordinator goes only when no query is unfinished.
    pub const fn pauses(self) -> bool {
        matches!(self, Self::Coordinator | Self::Uninstall)
    }

    /// One round of a simulated cluster, in order. A StatefulSet's pods come back under their names, so its workload is not
    /// made again beside them.
    pub fn round(owner: Owner) -> Vec<Self> {
        let of_sets = |kind: &Self| owner == Owner::Deployment || *kind != Self::Recreation;
        let kinds = Self::ALL.into_iter().filter(of_sets);
        kinds
            .flat_map(|kind| std::iter::repeat_n(kind, kind.weight()))
            .collect()
    }

    /// One round of a real cluster: each worker that goes costs the start of a virtual machine. With those that take every
    /// worker where there is time for them.
    pub fn real_round(long: bool) -> Vec<Self> {
        let mut kinds = vec![
            Self::Eviction,
            Self::Deletion,
            Self::ForcedDeletion,
            Self::Drain,
            Self::Taint,
            Self::Collection,
        ];
        for kind in [Self::Scale, Self::ScaleByHpa, Self::Edit] {
            kinds.extend([kind; 3]);
        }
        if long {
            kinds.extend([Self::DrainOfTwo, Self::Rollout, Self::Recreation]);
        }
        kinds
    }
}
