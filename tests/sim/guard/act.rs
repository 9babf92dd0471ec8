//! Performs a leader's actions on the model: compare-and-swap on the pod, and a worker is told anything only while the
//! Lease outlives the request.

use xtrinode::core::guard::ask::{Ask, Caller, Request};
use xtrinode::core::guard::edit;
use xtrinode::core::guard::evidence::DrainPower;
use xtrinode::core::guard::mutant::{self, Mutant};
use xtrinode::core::guard::plan::Action;
use xtrinode::core::guard::time::Time;
use xtrinode::trino::words::{NodeState, RetryPolicy};

use crate::agenda::Event;
use crate::kube::store::{Pix, cluster, container_id, pix};
use crate::review::Origin;
use crate::sim::{Ambush, Sim};
use crate::trino::query::Phase;

/// A PUT is given up after so long, in milliseconds.
const PUT: u64 = 2000;

impl Sim {
    /// An action of a leader reaches what it is about.
    pub fn act(&mut self, at: usize, epoch: u32, action: Action) {
        let replica = &self.guard.replicas[at];
        if !replica.alive || replica.epoch != epoch || replica.paused_until > self.now {
            return;
        }
        if !matches!(action, Action::Event { .. } | Action::Cost { .. }) {
            self.trace(|| format!("r{at} {action:?}"));
        }
        let uid = action.pod().map(str::to_owned);
        if let Action::BeginDrain { uid, last, .. } = &action
            && !self.may_begin(at, pix(uid), *last)
        {
            return;
        }
        let written = self.write_action(at, uid.as_deref(), &action);
        match action {
            Action::BeginDrain { .. } if written && self.is_ambushed(Ambush::BeforePut) => {
                self.kill_replica(at);
            }
            Action::BeginDrain { uid, drain, .. } if written => {
                self.send_put(at, epoch, pix(&uid), &drain.container, true);
            }
            Action::PutActive { uid } => {
                let pod = &self.store.cells[pix(&uid)].pod;
                let container = pod.running().unwrap_or_default().to_owned();
                self.send_put(at, epoch, pix(&uid), &container, false);
            }
            Action::Return { uid, .. } if written => self.check_return(pix(&uid)),
            Action::Prove { uid, .. } => self.prove(at, pix(&uid)),
            Action::Evict { uid } => self.evict_ourselves(pix(&uid)),
            Action::ProbePower { .. } => self.probe(at),
            Action::Event { reason, .. } => self.tally.event(reason),
            Action::Kick { .. } => self.tally.kicks += 1,
            _ => {}
        }
    }

    /// Whether the leader is to be lost now, once.
    fn is_ambushed(&mut self, now: Ambush) -> bool {
        let lost = self.ambush.take_if(|when| *when == now).is_some();
        self.ambushes += u32::from(lost);
        lost
    }

    /// The last serving workers are drained only while no query is unfinished: the leader reads the list once more.
    fn may_begin(&mut self, at: usize, pod: Pix, last: bool) -> bool {
        let (now, uid) = (self.now, self.store.cells[pod].pod.uid.clone());
        let view = self.guard.replicas[at].view(&self.params.policy, now);
        let known = view.world.pod_by_uid(&uid);
        let is_last = known.is_some_and(|pod| view.is_last(pod));
        let asked = view.now;
        if !last && !is_last {
            return true;
        }
        if mutant::is(Mutant::NoMinActive) {
            return true;
        }
        self.list_now(at);
        let replica = &self.guard.replicas[at];
        self.last_list = Some(replica.listed);
        let view = replica.view(&self.params.policy, now);
        let pod = view.world.pod_by_uid(&uid);
        pod.is_some_and(|pod| view.may_drain_last(pod, asked))
    }

    /// Writes what an action says, if nobody has changed the pod since the leader's copy of it.
    fn write_action(&mut self, at: usize, uid: Option<&str>, action: &Action) -> bool {
        let Some(uid) = uid else {
            return false;
        };
        let Some(seen) = self.guard.replicas[at].cache.world.pod_by_uid(uid) else {
            return false;
        };
        let Some(edit) = edit::of_action(action, seen) else {
            return false;
        };
        let version = match action {
            Action::Return { version, .. }
            | Action::Forget { version, .. }
            | Action::Clean { version, .. } => version,
            _ => &seen.resource_version,
        };
        let cell = &self.store.cells[pix(uid)];
        if cell.gone || cell.pod.resource_version != *version {
            self.tally.races += 1;
            return false;
        }
        self.annotate(pix(uid), &edit);
        true
    }

    fn send_put(&mut self, at: usize, epoch: u32, pod: Pix, container: &str, drain: bool) {
        let outlives = self
            .guard
            .lease
            .is_some_and(|(holder, until)| holder == at && until > self.now + PUT);
        let inc = self.store.cells[pod].inc;
        if outlives && container_id(pod, inc) == container {
            let way = self.dice.skewed(1, PUT);
            self.enter(way, Event::Put(at, epoch, pod, inc, drain));
        }
    }

    /// A PUT reaches a worker; one whose sender died meanwhile may still arrive.
    pub fn put_arrives(&mut self, at: usize, epoch: u32, pod: Pix, inc: u32, drain: bool) {
        let replica = &self.guard.replicas[at];
        let dead = !replica.alive || replica.epoch != epoch;
        if replica.cut_until > self.now || (dead && self.dice.mille(500)) {
            return;
        }
        if !self.params.drainable {
            return;
        }
        let wanted = self.jvm(pod, inc).map(|jvm| jvm.state);
        let right = match wanted {
            Some(NodeState::Active) => drain,
            Some(NodeState::Draining | NodeState::Drained) => !drain,
            _ => false,
        };
        if right || mutant::is(Mutant::PutUnasked) {
            self.put_state(pod, inc, drain);
        }
        if drain && self.is_ambushed(Ambush::AfterPut) {
            self.kill_replica(at);
        }
    }

    /// Asks the coordinator whether anything is left on a DRAINED worker.
    fn prove(&mut self, at: usize, pod: Pix) {
        let (now, policy) = (self.now, &self.params.policy);
        let replica = &self.guard.replicas[at];
        let uid = self.store.cells[pod].pod.uid.clone();
        let view = replica.view(policy, now);
        let Some(known) = view.world.pod_by_uid(&uid) else {
            return;
        };
        let (Some(container), Some(began)) =
            (known.running().map(str::to_owned), view.drain_began(known))
        else {
            return;
        };
        let asked = view.now;
        let before = view.noticed(known, began);
        let reachable = self.trino.coordinator.is_some() && replica.cut_until <= now;
        let ids = view.evidence.cluster(&cluster()).query_ids;
        let clean = self.is_clear_of(pod, |named| ids.is_after(Some(named), before));
        let evidence = &mut self.guard.replicas[at].evidence;
        if !reachable {
            evidence.cannot_prove(&uid, &container, asked);
        } else if clean {
            evidence.prove(&uid, &container, asked);
        } else {
            evidence.left(&uid, &container, asked);
        }
    }

    /// Whether no query that is not `late` has anything at risk on a worker, as its QueryInfo says.
    fn is_clear_of(&self, pod: Pix, late: impl Fn(Time) -> bool) -> bool {
        let open = self.trino.open.iter().map(|qix| &self.trino.queries[*qix]);
        let mut asked = open.filter(|query| {
            let state = matches!(query.phase, Phase::Running | Phase::Finishing);
            state && query.retry != RetryPolicy::Task && !late(query.named)
        });
        asked.all(|query| query.held().all(|(on, _)| on != pod))
    }

    fn probe(&mut self, at: usize) {
        let power = if self.params.drainable {
            DrainPower::Yes
        } else {
            DrainPower::Forbidden
        };
        if self.guard.replicas[at].cut_until <= self.now {
            // The answer is told to all replicas.
            for replica in &mut self.guard.replicas {
                replica.evidence.power(&cluster(), power);
            }
        }
    }

    fn evict_ourselves(&mut self, pod: Pix) {
        let cell = &self.store.cells[pod];
        let ask = Ask {
            request: Request::Evict {
                pod: cell.pod.name.clone(),
                precondition: Some(cell.pod.uid.clone()),
            },
            caller: Caller::Guard,
            user: "guard".to_owned(),
            dry_run: false,
        };
        self.tally.own_evictions += 1;
        self.submit(ask, Origin::Leader, Some(pod));
    }
}
