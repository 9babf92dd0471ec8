//! The leader: asks `core::guard::plan` what to do and has it done, one action per pod at a time. Only while its Lease
//! lasts; what it must remember for its successors is in annotations.

mod acts;
mod perform;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::core::guard::plan::{self, Action, Memory, cleanup, plan};

use super::config::Settings;
use super::counters::Counters;
use super::pen::Pen;
use super::state::{Fresh, State};
use super::trino::lists::Lists;
use super::trino::power::Power;
use super::trino::workers::Workers;
use acts::Acts;

/// The plan is made at least this often.
const TICK: Duration = Duration::from_millis(500);

/// Says whether this replica leads for at least a while from now on.
pub trait Lead: Send + Sync + std::fmt::Debug {
    /// Whether nobody else can lead for `span`.
    fn lasts(&self, span: Duration) -> bool;
}

/// Leads while it may.
#[derive(Clone, Debug)]
pub struct Leader {
    /// Facts and rules.
    pub state: State,
    /// Whether it may.
    pub lead: Arc<dyn Lead>,
    /// Whether Kubernetes' facts can be believed: nothing is done on old ones.
    pub fresh: Arc<dyn Fresh>,
    /// Writes to Kubernetes.
    pub pen: Arc<dyn Pen>,
    /// Tells workers.
    pub workers: Arc<Workers>,
    /// Asks for query lists.
    pub lists: Lists,
    /// Asks whether workers drain.
    pub power: Power,
    /// How coordinators are asked for proofs.
    pub settings: Arc<Settings>,
    /// What is counted.
    pub counters: Counters,
    /// Whether it leads, for the gauge.
    pub leads: Arc<AtomicBool>,
}

/// What is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// To guard.
    Guard,
    /// To leave nothing behind.
    Clean,
}

impl Leader {
    /// Leads whenever it may, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on(Aim::Guard)).await;
    }

    /// Takes everything back, for as long as `patience`. Answers whether nothing is left.
    pub async fn clean(self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.go_on(Aim::Clean))
            .await
            .is_ok()
    }

    async fn go_on(&self, aim: Aim) {
        let mut memory = Memory::default();
        let mut acts = Acts::default();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                true = acts.ended() => continue,
            }
            let leads = self.lead.lasts(Duration::ZERO);
            self.leads.store(leads, Ordering::Relaxed);
            if !leads || self.fresh.stale().is_some() {
                // What an earlier term remembers may be long untrue.
                memory = Memory::default();
                continue;
            }
            let actions = self.state.view(|view| match aim {
                Aim::Guard => plan(view, &mut memory),
                Aim::Clean => cleanup(view, &mut memory),
            });
            if aim == Aim::Clean && actions.is_empty() && acts.is_empty() && self.is_clean() {
                return;
            }
            for action in actions {
                self.begin(action, &mut acts);
            }
        }
    }

    /// Has an action done, unless its pod is being acted on: the next plan has it again.
    fn begin(&self, action: Action, acts: &mut Acts) {
        if let Action::Event {
            about,
            reason,
            note,
        } = action
        {
            self.announce(&about, reason, note);
            return;
        }
        if acts.may_begin(&action) {
            let pod = action.pod().map(str::to_owned);
            let proof = matches!(action, Action::Prove { .. });
            let leader = self.clone();
            acts.begin(pod, proof, async move { leader.perform(action).await });
        }
    }

    /// Whether nothing of ours is left.
    fn is_clean(&self) -> bool {
        self.state
            .view(|view| !view.world.pods().any(plan::is_marked))
    }
}
