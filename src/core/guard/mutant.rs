//! Rules that the simulation breaks one at a time, to prove that it would notice. Without the cargo feature `mutants`,
//! which no release has, every question here is answered no at compile time.

/// Defines the mutants with their names.
macro_rules! mutants {
    ($($(#[$doc:meta])* $mutant:ident;)*) => {
        /// A rule, broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[$doc])* $mutant,)*
        }

        impl Mutant {
            /// Every mutant.
            pub const ALL: &'static [Self] = &[$(Self::$mutant,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$mutant => stringify!($mutant),)* }
            }
        }
    };
}

mutants! {
    /// A FLUSHING task is not at risk.
    IgnoreFlushing;
    /// DRAINING counts as DRAINED.
    TrustDraining;
    /// Idle is safe by itself.
    TrustIdle;
    /// DRAINED needs no proof.
    TrustDrained;
    /// The list that proves it may have begun before the worker said so.
    EarlyProof;
    /// What a worker said counts, however long ago.
    OldLook;
    /// DRAINED counts however soon after the PUT.
    SkipNoticeTime;
    /// A coordinator knows every worker, and every worker's state.
    SkipMeeting;
    /// Somebody else's drain began long ago.
    TrustForeignAge;
    /// A live grant justifies an allow.
    AllowOnGrant;
    /// A worker of which nothing is known holds nothing.
    UnknownAsZero;
    /// A worker that says that it starts may go.
    TrustStarting;
    /// A stamp is an age, whoever wrote it by whatever clock.
    TrustStamps;
    /// Every clock agrees with a coordinator's.
    TrustQueryIds;
    /// What is written about an earlier container counts for the one that runs now.
    OldContainer;
    /// A coordinator goes after one list without queries.
    CoordinatorOnce;
    /// That list may be as old as any.
    OldList;
    /// A coordinator of which nothing is known has no query.
    UnknownIsIdle;
    /// A pod that the cache does not know is gone.
    TrustCache;
    /// Clocks of a drain run from the first refusal, not from the PUT.
    ClockBeforePut;
    /// A cycle in which some task has no pod shows other workers to be idle.
    ClearOnUnmapped;
    /// A worker that is being taken back may go.
    IgnoreReturning;
    /// Bounds are half as long.
    ShortBound;
    /// There are no bounds.
    NoBound;
    /// A scale-down counts replicas in the spec, not pods.
    CountBySpec;
    /// A StatefulSet's free pods go first, whatever their ordinals.
    AnyOrdinal;
    /// Any number of workers may be drained at once.
    NoFloor;
    /// The last serving workers are drained like any other.
    NoMinActive;
    /// A drain is begun and nobody writes that down.
    NoRecord;
    /// A worker is told what to do whatever it says of itself.
    PutUnasked;
    /// A drain is taken back while an allow is on its way.
    GiveBackDuringAllow;
    /// Drains are never taken back.
    NeverGiveBack;
    /// No controller is told that a worker is free.
    NoKick;
    /// Nobody evicts for those who do not come back.
    NoOwnEviction;
}

/// Whether this rule is broken now.
#[cfg(not(feature = "mutants"))]
#[must_use]
pub const fn is(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use chosen::{choose, is};

#[cfg(feature = "mutants")]
mod chosen {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Breaks one rule on this thread, or none.
    pub fn choose(mutant: Option<Mutant>) {
        CHOSEN.set(mutant);
    }

    /// Whether this rule is broken now.
    #[must_use]
    pub fn is(mutant: Mutant) -> bool {
        CHOSEN.get() == Some(mutant)
    }
}
