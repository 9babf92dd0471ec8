//! The rows of the decision tables, one variant each: number, reason word. The numbers are those of docs/verdicts.md;
//! metrics, audit annotations and tests name them.

/// Defines the rows with their numbers and reason words.
macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident = $number:literal, $reason:literal;)*) => {
        /// The rule that decided.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Row {
            $($(#[$doc])* $row,)*
        }

        impl Row {
            /// Every row, in the order of the tables.
            pub const ALL: &'static [Self] = &[$(Self::$row,)*];

            /// The row's number.
            #[must_use]
            pub const fn number(self) -> &'static str {
                match self { $(Self::$row => $number,)* }
            }

            /// The reason word, for machines: causes, metrics, audit.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$row => $reason,)* }
            }
        }
    };
}

rows! {
    /// The pod is not known: it is gone, or was made a moment ago.
    PodGone = "E1", "PodGone";
    /// Its namespace is being deleted.
    NamespaceTerminating = "E1", "NamespaceTerminating";
    /// It is not a guarded pod.
    NotGuarded = "E2", "NotGuarded";
    /// The request is about an earlier pod of the same name.
    OtherPod = "E3", "OtherPod";
    /// It is dead.
    Dead = "E4", "Dead";
    /// Break-glass.
    BreakGlass = "E5", "BreakGlass";
    /// A break-glass annotation that does not count.
    BadOverride = "E5", "BadOverride";
    /// It was drained.
    Drained = "E8", "Drained";
    /// What it waits for belongs to no query.
    Leaked = "E8", "LeakedTasks";
    /// It is idle, and its cluster can't be drained.
    Relaxed = "E9", "Relaxed";
    /// The same, without a preStop hook that would let late tasks end.
    RelaxedUnsafe = "E9", "RelaxedUnsafe";
    /// It is idle but not drained.
    Idle = "E10", "NotDrained";
    /// It drains.
    Draining = "E10", "Draining";
    /// It says DRAINED, and the proof that nothing is left is missing.
    Unproven = "E10", "DrainUnproven";
    /// Its drain is being taken back.
    Returning = "E10", "Returning";
    /// Something is at risk on it.
    Busy = "E11", "ActiveOutputBuffers";
    /// It was refused for as long as may be.
    MaxBlock = "E12", "MaxBlockReached";
    /// Nothing is known of it.
    Unknown = "E13", "StateUnknown";
    /// Nothing could be known of it for as long as may be.
    UnknownMax = "E14", "UnknownMaxReached";
    /// It has not begun to work.
    Starting = "E15", "Starting";
    /// It is being deleted already.
    Deleting = "D1", "Deleting";
    /// Whoever asks only finishes what was decided.
    Finisher = "D2", "Finisher";
    /// Force on a worker that has work.
    Force = "D3", "ForceRefused";
    /// Nothing becomes less.
    NotLess = "S1", "NotLess";
    /// The workload is not guarded.
    WorkloadNotGuarded = "S2", "NotGuarded";
    /// Every pod that would go may go.
    ScaleSafe = "S5", "VictimsSafe";
    /// The same, for a StatefulSet.
    OrdinalsSafe = "S4", "VictimsSafe";
    /// Some pod that would go may not.
    ScaleUnsafe = "S7", "VictimsBusy";
    /// The same, for a StatefulSet.
    OrdinalsUnsafe = "S4", "VictimsBusy";
    /// Another request rests on a pod that would go.
    Granted = "S7", "GrantedElsewhere";
    /// The runtime is being suspended, and its coordinator is gone.
    Suspending = "S8b", "Suspending";
    /// The deployment controller moves replicas from one ReplicaSet to another.
    Rollout = "S11", "Rollout";
    /// More than one ReplicaSet has pods.
    RolloutInProgress = "S13", "RolloutInProgress";
    /// A workload is deleted: its pods are held one by one.
    WorkloadDeleted = "W1", "PodsHeld";
    /// Its pods stay.
    Orphaned = "W2", "Orphaned";
    /// A namespace without pods that may not go.
    NamespaceSafe = "N1", "NamespaceSafe";
    /// A namespace with pods that may not go.
    NamespaceBusy = "N2", "NamespaceBusy";
    /// Break-glass on a coordinator.
    CoordinatorBreakGlass = "K1", "BreakGlass";
    /// The coordinator does not run.
    CoordinatorDead = "K2", "Dead";
    /// It has unfinished queries.
    CoordinatorBusy = "K3", "UnfinishedQueries";
    /// It was refused for as long as may be.
    CoordinatorMaxBlock = "K3", "MaxBlockReached";
    /// It has none, twice.
    CoordinatorIdle = "K4", "NoUnfinishedQueries";
    /// It has none, once.
    CoordinatorIdleOnce = "K4", "LookingAgain";
    /// Nothing is known of it.
    CoordinatorUnknown = "K5", "StateUnknown";
    /// Nothing could be known of it for as long as may be.
    CoordinatorUnknownMax = "K5", "UnknownMaxReached";
    /// Another Ready coordinator exists and this one is the older.
    CoordinatorReplaced = "K6", "Replaced";
    /// It may go, and other requests wrote first each time.
    LostRace = "G1", "LostRace";
    /// It may go, and that could not be written down.
    GrantNotWritten = "G2", "GrantNotWritten";
    /// There was no time left to decide or to write.
    NotInTime = "G3", "NotInTime";
}

impl Row {
    /// The rows by which a removal is let go although something was or may have been lost.
    pub const FORCED: [Self; 6] = [
        Self::MaxBlock,
        Self::UnknownMax,
        Self::CoordinatorMaxBlock,
        Self::CoordinatorUnknownMax,
        Self::BreakGlass,
        Self::CoordinatorBreakGlass,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_number_and_a_reason_name_one_row() {
        let names = Row::ALL.iter().map(|row| (row.number(), row.reason()));
        let distinct: BTreeSet<_> = names.collect();
        assert_eq!(distinct.len(), Row::ALL.len());
    }
}
