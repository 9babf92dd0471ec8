//! What looks and suppliers tell: plain data on its way into the evidence. Decides nothing.

use std::collections::HashMap;

use crate::trino::words::NodeState;

use super::facts::pod::ClusterId;
use super::time::Time;

/// Who told us what workers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Supplier {
    /// The exporter's snapshot stream.
    Exporter,
    /// The guard's own collector.
    Own,
}

impl Supplier {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Exporter, Self::Own];

    /// For people and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exporter => "exporter",
            Self::Own => "own",
        }
    }
}

/// What a worker holds that a query would miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Tasks at risk of queries without retries.
    pub fatal: u64,
    /// Tasks at risk of queries that Trino would run again from the start.
    pub recoverable: u64,
    /// Bytes in their buffers.
    pub bytes: u64,
    /// Queries with such tasks.
    pub queries: u64,
}

impl Held {
    /// Whether nothing is at risk.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.fatal == 0 && self.recoverable == 0
    }

    /// All tasks at risk.
    #[must_use]
    pub const fn tasks(&self) -> u64 {
        self.fatal.saturating_add(self.recoverable)
    }
}

/// One look at a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The container that ran when it was asked.
    pub container: String,
    /// When it was asked.
    pub at: Time,
    /// What came of it.
    pub said: Said,
}

/// What came of asking a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It answered.
    State {
        /// `/v1/info/state`.
        state: NodeState,
        /// `/v1/info`: not yet part of its cluster.
        starting: bool,
    },
    /// Its port refused the connection.
    Refused,
    /// Anything else: no route, no answer in time, an answer that says nothing.
    Silent,
}

/// What one supplier says about one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Who says so.
    pub supplier: Supplier,
    /// About which cluster.
    pub cluster: ClusterId,
    /// When it was said.
    pub heard: Time,
    /// The last cycle that listed and read everything and whose list is trusted; `None` once that is too long ago for
    /// the supplier to call anything known.
    pub complete: Option<Cycle>,
    /// Whether the pod of every task is known.
    pub mapped: bool,
    /// Workers with something at risk, by pod UID.
    pub held: HashMap<String, Held>,
}

/// A complete cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// When its oldest fact was asked for.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
}

/// A query list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// When it was asked for.
    pub at: Time,
    /// Queries that are not finished, QUEUED and FINISHING ones included.
    pub unfinished: u64,
}

/// Whether the workers of a cluster let themselves be drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DrainPower {
    /// Not asked yet.
    #[default]
    Unasked,
    /// Yes.
    Yes,
    /// They answer 403.
    Forbidden,
    /// Trino before 476.
    TooOld,
}
