//! Those who remove pods: each with its own manners of asking, waiting and giving up.

use xtrinode::api::keys;
use xtrinode::core::guard::ask::{Ask, Caller as Who, Request};
use xtrinode::core::guard::edit::Edit;
use xtrinode::core::guard::facts::place::Announced;
use xtrinode::core::guard::facts::pod::Role;

use crate::agenda::Event;
use crate::kube::store::{Pix, Wix};
use crate::review::{Answer, Origin};
use crate::sim::Sim;

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// `kubectl drain`: cordons, evicts, waits 5 s on 429.
    Drain,
    /// The cluster autoscaler: taints, evicts for 2 minutes, gives up.
    Autoscaler,
    /// The descheduler: evicts once and looks elsewhere.
    Descheduler,
    /// A person who deletes a pod and walks away.
    WalksAway,
    /// A person who deletes a pod again and again.
    Insists,
    /// A person who deletes with no grace, again and again.
    Force,
    /// Taint-based eviction: 5 tries within 50 ms, then never again.
    Taint,
    /// The scheduler, for a pod of higher priority.
    Preemption,
    /// Break-glass, then an eviction.
    BreakGlass,
    /// The HPA: every 15 s.
    Hpa,
    /// KEDA, from any number to 0: every 30 s until there is demand.
    Keda,
    /// `kubectl scale`, by a person who tries three times.
    Scale,
    /// A new template for the workers.
    Rollout,
    /// The operator, which waits without bound.
    Operator,
    /// The operator, which suspends a runtime.
    Suspend,
    /// An eviction of the coordinator.
    Coordinator,
    /// A new template for the coordinator.
    CoordinatorTemplate,
    /// Deletion of both workloads, as `helm uninstall` does it.
    Uninstall,
    /// Deletion of the namespace.
    Namespace,
}

/// Somebody who wants something.
pub struct Caller {
    /// What.
    pub what: What,
    /// Of which pods.
    pub targets: Vec<Target>,
    scale: Option<(Wix, u32)>,
    node: Option<usize>,
    began: u64,
    until: Option<u64>,
    every: u64,
    tries: u32,
    done: bool,
}

/// A pod that somebody wants gone.
pub struct Target {
    pix: Pix,
    open: bool,
    done: bool,
}

impl Caller {
    fn new(what: What, now: u64, every: u64) -> Self {
        Self {
            what,
            targets: Vec::new(),
            scale: None,
            node: None,
            began: now,
            until: None,
            every,
            tries: u32::MAX,
            done: false,
        }
    }

    const fn wants_pods(&self) -> bool {
        let ends = matches!(self.what, What::Uninstall | What::Namespace);
        self.scale.is_none() && !ends
    }

    /// Whether it has what it wants, or has given up.
    pub const fn is_done(&self) -> bool {
        self.done
    }
}

impl Sim {
    /// Somebody begins to want some pods gone.
    pub fn want_gone(&mut self, what: What, pods: &[Pix]) -> usize {
        let (every, until, tries) = match what {
            What::Drain | What::Coordinator => (5000, None, u32::MAX),
            What::Autoscaler => (10_000, Some(120_000), u32::MAX),
            What::Descheduler | What::WalksAway => (1000, None, 1),
            What::Taint => (10, None, 5),
            What::Preemption => (5000, Some(600_000), u32::MAX),
            What::Operator => (10_000, Some(3_600_000), u32::MAX),
            _ => (30_000, None, u32::MAX),
        };
        let mut caller = Caller::new(what, self.now, every);
        caller.until = until.map(|until| self.now + until);
        caller.tries = tries;
        let target = |pix: &Pix| Target {
            pix: *pix,
            open: false,
            done: false,
        };
        caller.targets = pods.iter().map(target).collect();
        self.tally.asked(what, pods.len());
        self.begin_caller(caller)
    }

    /// Somebody begins to want a lower number.
    pub fn want_scale(&mut self, what: What, set: Wix, new: u32) -> usize {
        let (every, tries) = match what {
            What::Hpa => (15_000, u32::MAX),
            What::Keda => (30_000, u32::MAX),
            What::Suspend => (20_000, u32::MAX),
            _ => (20_000, 3),
        };
        let mut caller = Caller::new(what, self.now, every);
        caller.scale = Some((set, new));
        caller.tries = tries;
        self.tally.asked(what, 1);
        self.begin_caller(caller)
    }

    fn begin_caller(&mut self, caller: Caller) -> usize {
        let at = self.callers.len();
        self.callers.push(caller);
        self.waiting += 1;
        self.enter(1, Event::Caller(at));
        at
    }

    /// `kubectl drain` of a node, or the autoscaler's removal of it.
    pub fn leave_node(&mut self, what: What, node: usize) {
        let name = crate::kube::store::node_name(node);
        let on = |pix: &Pix| self.store.cells[*pix].pod.node.as_ref() == Some(&name);
        let pods: Vec<_> = self.store.live.iter().copied().filter(on).collect();
        self.store.edit_node(self.now, node, |node| match what {
            What::Autoscaler => node.announced = Some(Announced::ClusterAutoscaler),
            _ => node.cordoned = true,
        });
        let at = self.want_gone(what, &pods);
        self.callers[at].node = Some(node);
        if what == What::Drain && self.dice.mille(200) {
            let patience = self.dice.between(60_000, 600_000);
            self.callers[at].until = Some(self.now + patience);
        }
    }

    /// Replaces every pod of a workload.
    pub fn want_rollout(&mut self, what: What, role: Role) {
        let top = self.top(role);
        let old: Vec<_> = self.store.members(role).collect();
        let mut caller = Caller::new(what, self.now, 5000);
        let target = |pix: &Pix| Target {
            pix: *pix,
            open: true,
            done: false,
        };
        caller.targets = old.iter().map(target).collect();
        self.tally.asked(what, old.len());
        self.begin_caller(caller);
        self.new_template(top);
    }

    /// Deletes both workloads, or the namespace.
    pub fn want_end(&mut self, what: What) {
        self.loaded = false;
        let caller = Caller::new(what, self.now, 10_000);
        self.tally.asked(what, 1);
        self.begin_caller(caller);
    }

    /// A caller goes on.
    pub fn caller_on(&mut self, at: usize) {
        if self.callers[at].done {
            return;
        }
        self.tick_off(at);
        let caller = &self.callers[at];
        if caller.wants_pods() && caller.targets.iter().all(|target| target.done) {
            self.finish(at, true);
            return;
        }
        if caller.until.is_some_and(|until| self.now >= until) || self.is_revoked(at) {
            self.finish(at, false);
            return;
        }
        if caller.tries > 0 {
            self.callers[at].tries -= 1;
            self.ask_again(at);
        } else if caller.what != What::Taint || !self.is_written_down(at) {
            self.finish(at, false);
            return;
        }
        let spent = self.callers[at].tries == 0;
        let pause = if spent { 5000 } else { self.callers[at].every };
        self.enter(pause, Event::Caller(at));
    }

    /// Whether anybody knows what was asked five times and never again: the tries may have met no replica, or one that died
    /// between its answer and its writing that down.
    fn is_written_down(&self, at: usize) -> bool {
        let mut targets = self.callers[at].targets.iter();
        targets.any(|target| {
            let cell = &self.store.cells[target.pix];
            cell.gone || cell.pod.deleting.is_some() || cell.pod.notes.want.is_some()
        })
    }

    fn tick_off(&mut self, at: usize) {
        for target in &mut self.callers[at].targets {
            target.done |= self.store.cells[target.pix].gone;
        }
    }

    /// Whether nobody wants it any more: there is demand, or another number.
    fn is_revoked(&self, at: usize) -> bool {
        let caller = &self.callers[at];
        caller.what == What::Keda && self.trino.unfinished() > 0
    }

    fn ask_again(&mut self, at: usize) {
        let caller = &self.callers[at];
        match caller.what {
            What::Hpa | What::Keda | What::Scale | What::Suspend => self.ask_scale(at),
            What::Rollout | What::CoordinatorTemplate => {}
            What::Uninstall | What::Namespace => self.ask_end(at),
            _ => {
                for target in 0..caller.targets.len() {
                    self.ask_pod(at, target);
                }
            }
        }
    }

    fn ask_pod(&mut self, at: usize, target: usize) {
        let what = self.callers[at].what;
        let target = &mut self.callers[at].targets[target];
        let pix = target.pix;
        let cell = &self.store.cells[pix];
        if target.done || target.open || cell.gone || cell.pod.deleting.is_some() {
            return;
        }
        target.open = true;
        let evicts = matches!(
            what,
            What::Drain
                | What::Autoscaler
                | What::Descheduler
                | What::BreakGlass
                | What::Operator
                | What::Coordinator
        );
        let request = if evicts {
            Request::Evict {
                pod: cell.pod.name.clone(),
                precondition: None,
            }
        } else {
            self.delete_request(pix, (what == What::Force).then_some(0))
        };
        let caller = match what {
            What::Taint => Who::TaintController,
            What::Preemption => Who::Scheduler,
            What::Operator => Who::Operator,
            _ => Who::Other,
        };
        self.submit(asks(request, caller), Origin::Caller(at), Some(pix));
    }

    fn ask_scale(&mut self, at: usize) {
        let Some((set, new)) = self.callers[at].scale else {
            return;
        };
        let workload = &self.store.sets[set].workload;
        let (old, gone) = (workload.replicas, self.store.sets[set].gone);
        if old <= new || gone {
            self.finish(at, true);
            return;
        }
        let request = Request::Scale {
            kind: workload.kind,
            workload: workload.name.clone(),
            old,
            new,
            whole: false,
        };
        let who = match self.callers[at].what {
            What::Suspend => Who::Operator,
            _ => Who::Other,
        };
        self.submit(asks(request, who), Origin::Caller(at), None);
    }

    fn ask_end(&mut self, at: usize) {
        if self.callers[at].what == What::Namespace {
            let name = crate::kube::store::NAMESPACE.to_owned();
            let request = Request::DeleteNamespace { name };
            self.submit(asks(request, Who::Other), Origin::Caller(at), None);
        } else {
            self.ask_workloads(at);
        }
    }

    fn ask_workloads(&mut self, at: usize) {
        for set in [0, 1] {
            let workload = &self.store.sets[set].workload;
            if self.store.sets[set].gone {
                continue;
            }
            let request = Request::DeleteWorkload {
                kind: workload.kind,
                workload: workload.name.clone(),
                orphan: false,
            };
            self.submit(asks(request, Who::Other), Origin::Caller(at), None);
        }
    }

    /// A caller hears what came of a request.
    pub fn caller_answered(&mut self, at: usize, pod: Option<Pix>, answer: Answer) {
        let what = self.callers[at].what;
        match pod {
            Some(pod) => self.pod_answered(at, pod, answer),
            None if answer == Answer::Allowed => self.number_answered(at, what),
            // Told to delete the workloads first.
            None if what == What::Namespace && answer == Answer::Forbidden => {
                self.ask_workloads(at)
            }
            None => {}
        }
    }

    fn pod_answered(&mut self, at: usize, pod: Pix, answer: Answer) {
        let caller = &mut self.callers[at];
        let Some(target) = caller.targets.iter_mut().find(|target| target.pix == pod) else {
            return;
        };
        target.open = false;
        // kubectl ends a pod's drain at any other error than 429.
        target.done |= caller.what == What::Drain && answer == Answer::Error;
    }

    fn number_answered(&mut self, at: usize, what: What) {
        if what == What::Namespace && !self.store.namespace.terminating {
            return;
        }
        if what == What::Uninstall {
            let both = self.store.sets[..2].iter().all(|set| set.gone);
            if both {
                self.finish(at, true);
            }
            return;
        }
        let low = self.callers[at]
            .scale
            .is_none_or(|(set, new)| self.store.sets[set].workload.replicas <= new);
        if low {
            self.finish(at, true);
        }
    }

    fn finish(&mut self, at: usize, reached: bool) {
        let caller = &mut self.callers[at];
        if std::mem::replace(&mut caller.done, true) {
            return;
        }
        self.waiting -= 1;
        let wait = self.now - caller.began;
        let (what, node) = (caller.what, caller.node);
        self.tally.ended(what, reached, wait);
        self.check_wait(what, wait);
        if let Some(node) = node {
            self.store.edit_node(self.now, node, |node| {
                node.cordoned = false;
                node.announced = None;
            });
        }
    }

    /// A workload's object is gone: its pods are the garbage collector's.
    pub fn delete_workload(&mut self, set: Wix) {
        let mut sets = self.store.replica_sets(set);
        sets.push(set);
        for set in sets {
            self.store.remove_set(self.now, set);
            for pix in self.store.pods_of(set).collect::<Vec<_>>() {
                let wait = self.dice.between(50, 2000);
                self.enter(wait, Event::Collect(pix, 0));
            }
        }
    }

    /// The garbage collector looks at an orphaned pod.
    pub fn collect(&mut self, pix: Pix, tries: u32) {
        if self.store.cells[pix].gone || self.store.cells[pix].pod.deleting.is_some() {
            return;
        }
        let request = self.delete_request(pix, None);
        let ask = asks(request, Who::GarbageCollector);
        self.submit(ask, Origin::Collector(pix, tries), Some(pix));
    }

    /// It hears what came of its deletion; pod updates do not make it look again.
    pub fn collector_answered(&mut self, pix: Pix, tries: u32, answer: Answer) {
        if answer.is_refusal() {
            let wait = (5_u64 << tries.min(20)).min(1_000_000);
            self.enter(wait, Event::Collect(pix, tries + 1));
        }
    }

    /// The namespace is being deleted: whatever is in it goes.
    pub fn delete_namespace(&mut self) {
        self.store
            .edit_namespace(self.now, |namespace| namespace.terminating = true);
        for set in 0..self.store.sets.len() {
            self.store.remove_set(self.now, set);
        }
        for pix in self.store.live.clone() {
            let request = self.delete_request(pix, None);
            let ask = asks(request, Who::NamespaceController);
            // What is refused is tried again, by the collector as well: its owner is gone.
            self.submit(ask, Origin::Collector(pix, 0), Some(pix));
        }
    }

    /// Somebody orders that a pod may go.
    pub fn break_glass(&mut self, pix: Pix) {
        let end = self.store.stamp(self.now + 3_600_000);
        let value = format!("{end};the simulation ordered it");
        let change = Edit::default().with(keys::OVERRIDE, value);
        self.annotate(pix, &change);
    }

    /// Autoscalers look: what was scaled to zero comes back with demand.
    pub fn autoscale(&mut self) {
        self.enter(10_000, Event::Autoscale);
        let managed = &self.store.sets[0];
        let demand = self.trino.unfinished() > 0;
        if !managed.gone && managed.workload.replicas == 0 && demand {
            let base = self.params.workers;
            self.set_scale(0, base);
        }
        if self.remaining == 0 && self.is_calm() {
            self.over = true;
        }
    }
}

fn asks(request: Request, caller: Who) -> Ask {
    Ask {
        request,
        caller,
        user: "somebody".to_owned(),
        dry_run: false,
    }
}
