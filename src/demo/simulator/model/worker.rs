//! A worker's own life: ACTIVE, DRAINING, DRAINED, SHUTTING_DOWN, gone. It decides the state
//! words and their timing as real workers do; what runs on it is told from outside.

use std::sync::Arc;
use std::time::Duration;

use super::task::Node;
use crate::trino::words::NodeState;

/// Where a drain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// Not draining.
    No,
    /// First grace period: the coordinator may still send tasks.
    Noticing { until: Duration },
    /// Waiting for the last task.
    Waiting,
    /// Second grace period.
    Settling { until: Duration },
    /// Drained.
    Done,
}

/// Why a state could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such transition; Trino answers 400.
    Transition,
}

/// One worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Name and address.
    pub node: Arc<Node>,
    /// What it says itself.
    pub state: NodeState,
    /// What the coordinator last heard.
    pub seen: NodeState,
    /// When it started.
    pub started: Duration,
    /// When it vanished; its sockets are closed then.
    pub lost: Option<Duration>,
    /// Tasks that never end and that no query knows, as Trino's bugs leave behind: it drains as long as it has any.
    pub leaked: u64,
    drain: Drain,
    next_poll: Duration,
}

impl Worker {
    /// A worker that joins at `now`. The coordinator knows it at once, as after start-up.
    pub(super) const fn new(node: Arc<Node>, now: Duration, first_poll: Duration) -> Self {
        Self {
            node,
            state: NodeState::Active,
            seen: NodeState::Active,
            started: now,
            lost: None,
            leaked: 0,
            drain: Drain::No,
            next_poll: first_poll,
        }
    }

    /// Whether the process runs.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.lost.is_none()
    }

    /// Whether the coordinator would place a task here: it goes by what it last heard.
    #[must_use]
    pub const fn is_schedulable(&self) -> bool {
        matches!(self.seen, NodeState::Active)
    }

    /// Sets the state as `PUT /v1/info/state` does.
    ///
    /// # Errors
    /// [`Refused::Transition`] where Trino has none: out of SHUTTING_DOWN, or from ACTIVE to DRAINED.
    pub(super) fn set_state(
        &mut self,
        to: NodeState,
        now: Duration,
        grace: Duration,
    ) -> Result<(), Refused> {
        let until = now + grace;
        match (self.state, to) {
            (from, to) if from == to => return Ok(()),
            (NodeState::Active, NodeState::Draining) => self.drain = Drain::Noticing { until },
            (NodeState::Draining | NodeState::Drained, NodeState::Active) => self.drain = Drain::No,
            (NodeState::Drained, NodeState::ShuttingDown) => self.lost = Some(now),
            (NodeState::Active | NodeState::Draining, NodeState::ShuttingDown) => {
                self.drain = Drain::Noticing { until };
            }
            _ => return Err(Refused::Transition),
        }
        self.state = to;
        Ok(())
    }

    /// Moves the drain on. `busy` = some query's task here is not done.
    pub(super) fn step(&mut self, now: Duration, grace: Duration, busy: bool) {
        if !self.is_alive() {
            return;
        }
        let busy = busy || self.leaked > 0;
        self.drain = match self.drain {
            Drain::Noticing { until } if now >= until => Drain::Waiting,
            Drain::Waiting if !busy => Drain::Settling { until: now + grace },
            Drain::Settling { until } if now >= until => {
                self.drained(now);
                Drain::Done
            }
            other => other,
        };
    }

    /// The drain is over: DRAINED, or the process ends.
    const fn drained(&mut self, now: Duration) {
        if matches!(self.state, NodeState::ShuttingDown) {
            self.lost = Some(now);
        } else {
            self.state = NodeState::Drained;
        }
    }

    /// A new coordinator finds it.
    pub(super) const fn be_met(&mut self, first_poll: Duration) {
        self.seen = NodeState::Active;
        self.next_poll = first_poll;
    }

    /// The coordinator asks when it is due.
    pub(super) fn be_polled(&mut self, now: Duration, interval: Duration) {
        if now < self.next_poll {
            return;
        }
        self.next_poll = now + interval;
        self.seen = if self.is_alive() {
            self.state
        } else {
            NodeState::Gone
        };
    }
}
