//! How long anything may last: every bound of the guard with its default. Nothing here blocks for ever.

use std::time::Duration;

/// Every bound. Defaults are the chart's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A snapshot older than this proves no idleness. 10 s.
    pub fresh: Duration,
    /// Nothing is known of a coordinator that was silent for this long. 60 s.
    pub lost: Duration,
    /// A worker is idle after so long without a task at risk. 10 s.
    pub quiet: Duration,
    /// How long a coordinator may need to notice a worker's new state. 15 s.
    pub notice: Duration,
    /// How long a drain usually takes; for warnings and the floor. 4 min.
    pub drain_expected: Duration,
    /// A worker's removal is refused for at most so long after its drain began. 30 min.
    pub max_block: Duration,
    /// A coordinator's removal is refused for at most so long. 30 min.
    pub coordinator_max_block: Duration,
    /// A preemption by the scheduler is refused for at most so long. 2 min.
    pub preemption_max_block: Duration,
    /// A worker of which nothing can be known is kept for at most so long. 10 min.
    pub unknown_max: Duration,
    /// A grant that was not used ends after so long. 2 min.
    pub grant_ttl: Duration,
    /// A removal that was refused and not asked for again is forgotten after so long. 20 min: the ReplicaSet controller may
    /// be silent for 16 min 40 s.
    pub abandon_after: Duration,
    /// A draining worker whose tasks no query knows counts as drained after so long. 10 min.
    pub leak_after: Duration,
    /// How far ahead a break-glass may end. 24 h.
    pub override_max: Duration,
}

/// A port that refuses for so long, of a pod that is not Ready, belongs to nobody.
pub const DEAD_AFTER: Duration = Duration::from_secs(60);

/// DRAINED counts if the worker said so at most this long ago.
pub const LOOK: Duration = Duration::from_secs(2);

/// That a worker starts counts if its port refused so lately: it may serve within seconds.
pub const STARTS: Duration = Duration::from_millis(500);

/// What a worker said at two looks it said in between as well, if they were at most so far apart: from DRAINED through
/// ACTIVE back to DRAINED takes at least twice its `shutdown.grace-period`, 10 to 15 s where it was set for draining.
pub const UNBROKEN: Duration = Duration::from_secs(20);

/// Two looks at something that must be empty lie so far apart.
pub const TWICE: Duration = Duration::from_secs(5);

/// A want that ended visibly (uncordon, surplus gone) is forgotten after so long.
pub const CALM: Duration = Duration::from_secs(60);

/// A refusal is written on a pod at most once in this time.
pub const WANT_EVERY: Duration = Duration::from_secs(30);

/// A grant younger than this is not written again; the garbage collector's deletes name a resource version. Shorter than
/// the time for which nothing is given back after an allow, so that every allow is followed by such a time.
pub const GRANT_RENEWED: Duration = Duration::from_secs(30);

/// Nothing is given back for so long after an allow.
pub const ALLOWED: Duration = Duration::from_secs(60);

/// How far clocks of break-glass writers and ours may differ.
pub const SKEW: Duration = Duration::from_secs(10);

impl Default for Bounds {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            fresh: Duration::from_secs(10),
            lost: Duration::from_secs(60),
            quiet: Duration::from_secs(10),
            notice: Duration::from_secs(15),
            drain_expected: minutes(4),
            max_block: minutes(30),
            coordinator_max_block: minutes(30),
            preemption_max_block: minutes(2),
            unknown_max: minutes(10),
            grant_ttl: minutes(2),
            abandon_after: minutes(20),
            leak_after: minutes(10),
            override_max: minutes(24 * 60),
        }
    }
}
