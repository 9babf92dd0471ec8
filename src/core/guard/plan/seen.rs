//! Changes that can only be seen by looking twice: the rhythm of refusals, a node that stays after all, replicas that were
//! raised. Decides nothing.

use std::time::Duration;

use crate::core::guard::bounds::WANT_EVERY;
use crate::core::guard::facts::place::{Announced, Node};
use crate::core::guard::time::Time;

/// How refusals of one pod follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    at: Time,
    gap: Option<Duration>,
    before: Option<Duration>,
}

/// How a node stood.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeMemory {
    /// Since when it has been cordoned.
    pub cordoned: Option<Time>,
    leaving: bool,
    /// When it stopped leaving.
    pub stayed: Option<Time>,
}

/// A workload's number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replicas {
    count: u32,
    /// When it was raised last.
    pub raised: Option<Time>,
}

impl Rhythm {
    /// Takes in when a pod was refused last.
    pub fn hear(rhythm: &mut Option<Self>, at: Time) {
        match rhythm {
            Some(known) if at > known.at => {
                known.before = known.gap;
                known.gap = Some(at.since(known.at));
                known.at = at;
            }
            Some(_) => {}
            None => {
                *rhythm = Some(Self {
                    at,
                    gap: None,
                    before: None,
                });
            }
        }
    }

    /// The longer of the last two gaps, if they are alike. One caller is written down at most every [`WANT_EVERY`]: shorter
    /// gaps are those between several callers, each of which comes back as it did before.
    pub fn interval(&self) -> Option<Duration> {
        let (one, other) = (self.gap?, self.before?);
        let (short, long) = (one.min(other), one.max(other));
        (long <= short * 2).then_some(long.max(WANT_EVERY))
    }
}

impl NodeMemory {
    /// Takes in how a node stands now.
    pub fn observe(&mut self, node: &Node, now: Time) {
        let announced = matches!(
            node.announced,
            Some(Announced::ClusterAutoscaler | Announced::Karpenter)
        );
        self.cordoned = if node.cordoned {
            self.cordoned.or(Some(now))
        } else {
            None
        };
        let leaving = node.cordoned || announced;
        if self.leaving && !leaving {
            self.stayed = Some(now);
        }
        self.leaving = leaving;
    }
}

impl Replicas {
    /// A number that is seen for the first time.
    pub const fn of(count: u32) -> Self {
        Self {
            count,
            raised: None,
        }
    }

    /// Takes in the number now.
    pub fn observe(&mut self, count: u32, now: Time) {
        if count > self.count {
            self.raised = Some(now);
        }
        self.count = count;
    }
}
