//! What passes the API server: a request is judged by one guard replica with what that one knows, its workers are asked,
//! its grants are written by compare-and-swap, and only then it happens. Time passes between all of these.

use xtrinode::core::guard::ask::{Ask, Effect, Outcome, Request, Verdict};
use xtrinode::core::guard::edit;
use xtrinode::core::guard::facts::pod::Role;
use xtrinode::core::guard::notes::GrantKey;
use xtrinode::core::guard::rows::Row;
use xtrinode::core::guard::verdict::{clamp, judge, outrun, unseen};

use crate::agenda::Event;
use crate::invariant::{Invariant, Violation};
use crate::kube::store::{Pix, Wix, pix};
use crate::sim::Sim;

mod queue;

pub use queue::Reviews;

/// Who waits for the answer.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// A workload's controller.
    Controller(Wix),
    /// A caller, about one of its targets.
    Caller(usize),
    /// The garbage collector, at its so-many-eth try.
    Collector(Pix, u32),
    /// The guard's leader.
    Leader,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Allowed,
    /// 429.
    Wait,
    /// 403.
    Forbidden,
    /// No guard answered.
    Error,
    /// 404.
    Gone,
}

impl Answer {
    /// Whether the caller has to come back.
    pub const fn is_refusal(self) -> bool {
        !matches!(self, Self::Allowed | Self::Gone)
    }
}

/// A request on its way.
pub struct Review {
    /// What is asked.
    pub ask: Ask,
    origin: Origin,
    /// The pod that it is about, if about one.
    pub pod: Option<Pix>,
    /// The replica that judges it.
    pub replica: usize,
    epoch: u32,
    verdict: Option<Verdict>,
    granted: bool,
    /// When the query list was read that the verdict rests on; at most 2 s before it.
    listed: u64,
    /// Until when the replica's watch had told it everything.
    heard: u64,
    races: u32,
}

/// Rows by which time lets go.
const TIMED: [Row; 3] = [Row::MaxBlock, Row::CoordinatorMaxBlock, Row::UnknownMax];

/// A cache is behind if it lags so long, in milliseconds.
const BEHIND: u64 = 1000;

/// A list counts for so long, in milliseconds.
const LOOK: u64 = 2000;

/// Judged again so often after a lost race, and so much later, in milliseconds.
const RACES: u32 = 3;
const CATCH_UP: u64 = 150;

impl Sim {
    /// Sends a request to the API server.
    pub fn submit(&mut self, ask: Ask, origin: Origin, pod: Option<Pix>) {
        let review = Review {
            ask,
            origin,
            pod,
            replica: 0,
            epoch: 0,
            verdict: None,
            granted: false,
            listed: 0,
            heard: 0,
            races: 0,
        };
        let rix = self.reviews.insert(review);
        let way = self.dice.between(1, 20);
        self.enter(way, Event::Admit(rix));
    }

    /// A review reaches the guard.
    pub fn admit(&mut self, rix: usize) {
        if self.is_moot(rix) {
            self.answer(rix, Answer::Gone);
            return;
        }
        if !self.params.guarded {
            self.reviews.get(rix).verdict = None;
            self.commit(rix);
            return;
        }
        let ready = self.guard.ready(self.now);
        if ready.is_empty() {
            self.answer(rix, Answer::Error);
            return;
        }
        let replica = self.dice.pick(&ready);
        let epoch = self.guard.replicas[replica].epoch;
        let review = self.reviews.get(rix);
        (review.replica, review.epoch) = (replica, epoch);
        self.clamp(rix);
        self.consider(rix);
    }

    /// Another replica wrote first: everything is judged again.
    pub fn again(&mut self, rix: usize) {
        if !self.is_orphaned(rix) {
            self.consider(rix);
        }
    }

    fn consider(&mut self, rix: usize) {
        let verdict = self.judge(rix);
        if let Outcome::Look(_) = verdict.outcome {
            self.reviews.get(rix).verdict = Some(verdict);
            let wait = self.dice.skewed(1, 400);
            self.enter(wait, Event::Looked(rix));
        } else {
            self.decided(rix, verdict);
        }
    }

    /// The workers and the coordinator were asked: the verdict is made again.
    pub fn looked(&mut self, rix: usize) {
        if self.is_orphaned(rix) {
            return;
        }
        let review = self.reviews.get(rix);
        let replica = review.replica;
        let Some(Outcome::Look(uids)) = review.verdict.take().map(|verdict| verdict.outcome) else {
            return;
        };
        for uid in uids {
            match self.store.cells[pix(&uid)].pod.role {
                Role::Worker => self.look_at(replica, pix(&uid)),
                Role::Coordinator => self.list_now(replica),
            }
        }
        let verdict = self.judge(rix);
        self.decided(rix, verdict);
    }

    fn judge(&mut self, rix: usize) -> Verdict {
        let review = self.reviews.get(rix);
        let replica = &mut self.guard.replicas[review.replica];
        replica.catch_up(&self.store, self.now);
        review.listed = replica.listed.max(self.now.saturating_sub(LOOK));
        review.heard = self.now.saturating_sub(replica.cache.lag);
        let view = replica.view(&self.params.policy, self.now);
        let verdict = judge(&view, &review.ask);
        let idle = verdict.row == Row::CoordinatorIdle && verdict.outcome == Outcome::Allow;
        let old = idle && replica.listed + LOOK < self.now;
        let told = "a coordinator's verdict rests on an old list";
        self.violations
            .extend(old.then(|| Violation::of(Invariant::FreshList, told)));
        match unseen::doubtful(&view, &review.ask, &verdict) {
            Some(name) => {
                let named = |pix: &&Pix| self.store.cells[**pix].pod.name == *name;
                let there = self.store.live.iter().find(named);
                let uid = there.map(|pix| self.store.cells[*pix].pod.uid.as_str());
                unseen::found(&view, &review.ask, verdict, uid)
            }
            None => verdict,
        }
    }

    /// The mutating webhook comes first, where it is on.
    fn clamp(&mut self, rix: usize) {
        let review = self.reviews.get(rix);
        let Request::Scale {
            kind,
            workload,
            old,
            new,
            ..
        } = &review.ask.request
        else {
            return;
        };
        let replica = &mut self.guard.replicas[review.replica];
        replica.catch_up(&self.store, self.now);
        let view = replica.view(&self.params.policy, self.now);
        let given = clamp(&view, &review.ask, (*kind, workload), *old, *new);
        if let (Some(clamp), Request::Scale { new, .. }) = (given, &mut review.ask.request) {
            *new = clamp.given;
            self.tally.clamped += 1;
        }
    }

    fn decided(&mut self, rix: usize, verdict: Verdict) {
        if self.traced {
            let review = self.reviews.get(rix);
            let told = format!(
                "r{} {:?} {:?} by {:?}: {:?} {:?}",
                review.replica,
                review.ask.request,
                review.pod,
                review.ask.caller,
                verdict.row,
                verdict.outcome
            );
            self.trace(|| told);
        }
        self.tally.verdict(&verdict);
        if verdict.outcome == Outcome::Allow {
            let grants = !verdict.effects.is_empty();
            self.reviews.get(rix).verdict = Some(verdict);
            let wait = if grants { self.dice.skewed(3, 60) } else { 0 };
            self.enter(wait, Event::Granted(rix));
            return;
        }
        self.check_refusal(rix, &verdict);
        let answer = match verdict.outcome {
            Outcome::Forbid => Answer::Forbidden,
            _ => Answer::Wait,
        };
        let wants = !verdict.effects.is_empty();
        let origin = self.reviews.get(rix).origin;
        self.reviews.get(rix).verdict = Some(verdict);
        self.deliver(rix, origin, answer);
        if wants {
            let wait = self.dice.skewed(2, 200);
            self.enter(wait, Event::Wanted(rix));
        } else {
            self.reviews.remove(rix);
        }
    }

    /// Grants are written; without a required one nothing is allowed.
    pub fn grants(&mut self, rix: usize) {
        if self.is_orphaned(rix) {
            return;
        }
        let review = self.reviews.get(rix);
        let effects = review
            .verdict
            .as_ref()
            .map_or(Vec::new(), |verdict| verdict.effects.clone());
        let replica = review.replica;
        for effect in effects {
            let Effect::Grant {
                uid,
                version,
                key,
                required,
            } = effect
            else {
                continue;
            };
            if !self.write_grant(replica, pix(&uid), key, &version) && required {
                self.race_lost(rix);
                return;
            }
        }
        self.reviews.get(rix).granted = true;
        let slow = self.dice.mille(10);
        let wait = if slow {
            self.dice.between(100, 4000)
        } else {
            self.dice.between(1, 40)
        };
        self.enter(wait, Event::Commit(rix));
    }

    fn race_lost(&mut self, rix: usize) {
        self.tally.races += 1;
        let review = self.reviews.get(rix);
        review.races += 1;
        if review.races > RACES {
            let allowed = review.verdict.take().expect("an allow without its grants");
            let replica = &self.guard.replicas[review.replica];
            let view = replica.view(&self.params.policy, self.now);
            let refused = outrun(&view, &review.ask, allowed);
            self.decided(rix, refused);
        } else {
            self.enter(CATCH_UP, Event::Again(rix));
        }
    }

    fn write_grant(&mut self, replica: usize, pod: Pix, key: GrantKey, version: &str) -> bool {
        let cell = &self.store.cells[pod];
        if cell.gone || cell.pod.resource_version != version {
            return false;
        }
        let view = self.guard.replicas[replica].view(&self.params.policy, self.now);
        let change = edit::grant(&view, &cell.pod, &key);
        self.store.cells[pod].granted = Some(self.now);
        self.annotate(pod, &change);
        true
    }

    /// A refusal is written on its pods, at most once per pod and 30 s.
    pub fn wanted(&mut self, rix: usize) {
        if self.is_orphaned(rix) {
            return;
        }
        let review = self.reviews.remove(rix);
        let effects = review.verdict.map_or(Vec::new(), |verdict| verdict.effects);
        for effect in effects {
            let Effect::Want { uid, target, .. } = &effect else {
                continue;
            };
            let replica = &mut self.guard.replicas[review.replica];
            replica.catch_up(&self.store, self.now);
            let view = replica.view(&self.params.policy, self.now);
            let known = view.world.pod_by_uid(uid);
            let change = known.and_then(|pod| edit::want(&view, &review.ask, pod, &effect));
            let (pod, target) = (pix(uid), *target);
            if let Some(change) = change.filter(|_| !self.store.cells[pod].gone) {
                self.note_target(target);
                self.annotate(pod, &change);
            }
        }
    }

    /// What was allowed happens.
    pub fn commit(&mut self, rix: usize) {
        if self.is_moot(rix) {
            self.answer(rix, Answer::Gone);
            return;
        }
        let review = self.reviews.get(rix);
        let row = review.verdict.as_ref().map(|verdict| verdict.row);
        let request = review.ask.request.clone();
        // Another webhook, or a disruption budget, says no after us.
        if row.is_some() && self.dice.mille(self.params.vetoes) {
            self.answer(rix, Answer::Wait);
            return;
        }
        self.judging = row;
        let pod = review
            .pod
            .filter(|_| row.is_some_and(|row| TIMED.contains(&row)));
        let patience = review.ask.caller.patience();
        if let Some(pod) = pod {
            self.check_force(pod, patience);
        }
        let answer = self.perform(rix, &request, row);
        self.answer(rix, answer);
    }

    fn perform(&mut self, rix: usize, request: &Request, row: Option<Row>) -> Answer {
        match request {
            Request::Evict { .. } | Request::Delete { .. } => {
                let review = self.reviews.get(rix);
                let pod = review.pod.expect("a request about a pod");
                let (listed, heard) = (review.listed, review.heard);
                let cell = &mut self.store.cells[pod];
                (cell.let_go_by, cell.let_go_heard) = (Some(listed), heard);
                self.delete_accepted(pod, row);
            }
            Request::Scale {
                workload, old, new, ..
            } => {
                let set = self.set_named(&workload.name);
                if self.store.sets[set].workload.replicas != *old {
                    return Answer::Wait;
                }
                // A cache that is behind may let a number through; each pod is judged again, with a compare-and-swap.
                let replica = self.reviews.get(rix).replica;
                if row.is_none() || self.guard.replicas[replica].cache.lag < BEHIND {
                    self.check_scale(set, *new);
                }
                self.set_scale(set, *new);
            }
            Request::Template { workload, .. } => {
                let set = self.set_named(&workload.name);
                self.new_template(set);
            }
            Request::DeleteWorkload { workload, .. } => {
                let set = self.set_named(&workload.name);
                self.delete_workload(set);
            }
            Request::DeleteNamespace { .. } => self.delete_namespace(),
        }
        Answer::Allowed
    }

    /// A workload's own number changes.
    pub fn set_scale(&mut self, set: Wix, replicas: u32) {
        self.trace(|| format!("workload {set} now asks for {replicas}"));
        let before = self.store.sets[set].workload.replicas;
        if set == 0 && replicas > before {
            self.raised = Some((before, self.now));
        }
        self.store
            .edit_set(self.now, set, |workload| workload.replicas = replicas);
        self.kick(set);
    }

    fn set_named(&self, name: &str) -> Wix {
        usize::from(name != "w")
    }

    /// Whether what it is about is gone.
    fn is_moot(&mut self, rix: usize) -> bool {
        let review = self.reviews.get(rix);
        review.pod.is_some_and(|pod| {
            let cell = &self.store.cells[pod];
            cell.gone || cell.pod.deleting.is_some()
        })
    }

    /// The replica that judged it is gone: the API server sees a broken connection.
    fn is_orphaned(&mut self, rix: usize) -> bool {
        let review = self.reviews.get(rix);
        let orphaned = self.guard.replicas[review.replica].epoch != review.epoch;
        if orphaned {
            let refused = review.verdict.as_ref();
            let refused = refused
                .is_some_and(|verdict| matches!(verdict.outcome, Outcome::Wait | Outcome::Forbid));
            // A refusal was answered before; only its note is lost.
            if refused {
                self.reviews.remove(rix);
            } else {
                self.answer(rix, Answer::Error);
            }
        }
        orphaned
    }

    fn answer(&mut self, rix: usize, answer: Answer) {
        let origin = self.reviews.get(rix).origin;
        self.deliver(rix, origin, answer);
        self.reviews.remove(rix);
    }

    fn deliver(&mut self, rix: usize, origin: Origin, answer: Answer) {
        match origin {
            Origin::Controller(set) => self.controller_answered(set, answer),
            Origin::Caller(caller) => {
                let pod = self.reviews.get(rix).pod;
                self.caller_answered(caller, pod, answer);
            }
            Origin::Collector(pod, tries) => self.collector_answered(pod, tries, answer),
            Origin::Leader => {}
        }
    }
}
