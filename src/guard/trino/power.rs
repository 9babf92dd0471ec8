//! Asks workers whether they would let themselves be drained, by telling them a state that does not exist: 403 is no,
//! 400 is yes. Changes nothing on any worker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::guard::class::View;
use crate::core::guard::evidence::DrainPower;
use crate::core::guard::facts::pod::{ClusterId, Role};
use crate::guard::state::State;

use super::address::Address;
use super::workers::{PutError, Workers};

/// No state of Trino.
const NO_STATE: &str = "XTRINODE_PROBE";

/// A cluster whose workers are known to drain is asked again after this, since access control changes.
const CONTENT: Duration = Duration::from_secs(600);

/// Any other.
const ANXIOUS: Duration = Duration::from_secs(15);

/// How often clusters are gone through.
const TICK: Duration = Duration::from_secs(2);

/// Asks.
#[derive(Clone, Debug)]
pub struct Power {
    /// Where clusters are found and answers go.
    pub state: State,
    /// How workers are asked.
    pub workers: Arc<Workers>,
    /// The port of pods that name none.
    pub port: u16,
}

impl Power {
    /// Asks each cluster now and then until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on()).await;
    }

    async fn go_on(&self) {
        let mut asked: HashMap<ClusterId, Instant> = HashMap::new();
        loop {
            let due = self.state.view(|view| self.due(view, &asked));
            for id in due {
                self.ask(&id).await;
                asked.insert(id, Instant::now());
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn due(&self, view: &View, asked: &HashMap<ClusterId, Instant>) -> Vec<ClusterId> {
        let clusters = view.world.clusters();
        let guarded =
            clusters.filter(|id| view.mode(&id.namespace).is_some() && view.is_cluster(id));
        let due = guarded.filter(|id| {
            let rest = match view.evidence.cluster(id).power {
                DrainPower::Yes | DrainPower::TooOld => CONTENT,
                DrainPower::Unasked | DrainPower::Forbidden => ANXIOUS,
            };
            asked.get(id).is_none_or(|at| at.elapsed() >= rest)
        });
        due.filter(|id| self.worker_of(view, id).is_some())
            .cloned()
            .collect()
    }

    /// Asks one worker of a cluster.
    pub async fn ask(&self, id: &ClusterId) {
        let worker = self.state.view(|view| {
            let old = view.evidence.cluster(id).power == DrainPower::TooOld;
            self.worker_of(view, id).filter(|_| !old)
        });
        let Some(worker) = worker else {
            return;
        };
        let power = match self.workers.put(&worker, NO_STATE).await {
            Err(PutError::Refused(_)) => DrainPower::Yes,
            Err(PutError::Forbidden(status)) => {
                tracing::warn!(cluster = %id, %status, "Workers can't be drained: let the guard's user write system information on every worker");
                DrainPower::Forbidden
            }
            // 200 to a state that does not exist, or no answer: nothing is known.
            Ok(()) | Err(PutError::Failed(_) | PutError::Withheld(_)) => return,
        };
        self.state.learn(|evidence, _| evidence.power(id, power));
    }

    /// A worker that has started.
    fn worker_of(&self, view: &View, id: &ClusterId) -> Option<Address> {
        let mut members = view.world.members(id, Role::Worker);
        members.find_map(|pod| {
            let seen = view.evidence.worker(pod)?;
            let answers = seen.started && seen.failing.is_none();
            let owned = view.world.controller(pod).is_some();
            Address::of(pod, self.port, owned).filter(|_| answers)
        })
    }
}
