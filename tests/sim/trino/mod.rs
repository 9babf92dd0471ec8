//! A model of Trino: a coordinator that places stages on the workers that it believes ACTIVE, workers that drain as
//! Trino 476 does, queries that die with what they lose.

pub mod query;
pub mod worker;

use xtrinode::core::guard::time::Time;
use xtrinode::trino::words::NodeState;

use crate::kube::store::Pix;
use query::Query;

/// What the coordinator believes of a node.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    /// Whose.
    pub pod: Pix,
    /// Which of its processes.
    pub inc: u32,
    /// What it said last.
    pub state: NodeState,
}

/// Trino, as the coordinator has it.
#[derive(Default)]
pub struct Trino {
    /// All queries so far.
    pub queries: Vec<Query>,
    /// Those that are not over.
    pub open: Vec<usize>,
    /// How many of these are transactions between two statements.
    pub between: u64,
    /// The coordinator's process, if one serves.
    pub coordinator: Option<(Pix, u32)>,
    /// The newest of its query ids.
    pub newest: Option<Time>,
    /// When it came.
    pub came: u64,
    /// When a worker was last told to drain.
    pub told: u64,
    /// What it believes of its workers.
    pub beliefs: Vec<Belief>,
    /// Losses up to then are owed to what broke by itself or was forced.
    pub excused: u64,
}

impl Trino {
    /// How many queries are not over.
    pub fn unfinished(&self) -> u64 {
        self.open.len() as u64 - self.between
    }

    /// Takes in what a node says of itself, or that it is gone.
    pub fn believe(&mut self, pod: Pix, inc: u32, state: Option<NodeState>) {
        self.beliefs
            .retain(|belief| (belief.pod, belief.inc) != (pod, inc));
        if let Some(state) = state {
            self.beliefs.push(Belief { pod, inc, state });
        }
    }

    /// Whether the coordinator has found a node.
    pub fn knows(&self, pod: Pix, inc: u32) -> bool {
        let mut known = self.beliefs.iter();
        known.any(|belief| (belief.pod, belief.inc) == (pod, inc))
    }

    /// Whether the coordinator would place tasks on a pod.
    pub fn is_believed_active(&self, pod: Pix) -> bool {
        let mut of_pod = self.beliefs.iter().filter(|belief| belief.pod == pod);
        of_pod.any(|belief| belief.state == NodeState::Active)
    }

    /// The workers on which the coordinator would place tasks.
    pub fn active(&self) -> Vec<(Pix, u32)> {
        let active = self
            .beliefs
            .iter()
            .filter(|belief| belief.state == NodeState::Active);
        active.map(|belief| (belief.pod, belief.inc)).collect()
    }
}
