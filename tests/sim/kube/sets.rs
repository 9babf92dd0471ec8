//! The ReplicaSet and StatefulSet controllers: as many pods as asked for, victims in their own order, and after a refusal
//! an exponential back-off of 5 ms to 16 min 40 s that any update of one of their pods cuts short.

use std::cmp::Reverse;

use xtrinode::core::guard::ask::{Ask, Caller, Request};
use xtrinode::core::guard::facts::pod::{Phase, Pod, Role};
use xtrinode::core::guard::facts::workload::Kind;
use xtrinode::core::guard::time::Time;

use crate::agenda::Event;
use crate::review::{Answer, Origin};
use crate::sim::Sim;

use super::store::{Pix, Wix};

/// The longest back-off: 16 min 40 s.
const LONGEST: u64 = 1_000_000;

impl Sim {
    /// Makes a workload's controller look again soon.
    pub fn kick(&mut self, set: Wix) {
        let top = self.store.top_of(set);
        self.look_soon(set);
        if top != set {
            self.look_soon(top);
        }
    }

    fn look_soon(&mut self, set: Wix) {
        let wait = self.dice.between(5, 200);
        let due = self.now + wait;
        let managed = &mut self.store.sets[set];
        if managed.gone || managed.due.is_some_and(|sooner| sooner <= due) {
            return;
        }
        managed.due = Some(due);
        self.enter(wait, Event::Reconcile(set));
    }

    /// A controller looks at its workload.
    pub fn reconcile(&mut self, set: Wix) {
        let now = self.now;
        let managed = &mut self.store.sets[set];
        if managed.due != Some(now) && managed.slot != Some(now) {
            return;
        }
        managed.due = managed.due.filter(|due| *due != now);
        managed.slot = managed.slot.filter(|slot| *slot != now);
        if managed.gone || managed.workload.deleting {
            return;
        }
        if managed.open > 0 {
            managed.dirty = true;
            return;
        }
        match managed.workload.kind {
            Kind::Deployment => self.roll(set),
            Kind::ReplicaSet => self.replica_set(set),
            Kind::StatefulSet => self.stateful_set(set),
            Kind::Other => {}
        }
    }

    fn replica_set(&mut self, set: Wix) {
        let want = self.store.sets[set].workload.replicas as usize;
        let mut pods: Vec<_> = self.store.active_of(set).collect();
        for _ in pods.len()..want {
            let role = match self.store.sets[set].workload.role {
                Role::Worker => "w",
                Role::Coordinator => "c",
            };
            let called = format!("{role}-{}", self.store.cells.len());
            self.make_pod(set, called);
        }
        let surplus = pods.len().saturating_sub(want);
        if surplus > 0 && surplus < pods.len() {
            let top = self.store.top_of(set);
            let siblings: Vec<_> = self.store.replica_sets(top);
            let now = self.store.stamp(self.now);
            let crowd = |pod: &Pod| {
                let all = siblings.iter().flat_map(|set| self.store.active_of(*set));
                all.filter(|other| self.store.cells[*other].pod.node == pod.node)
                    .count()
            };
            pods.sort_by_cached_key(|pix| {
                let pod = &self.store.cells[*pix].pod;
                order(pod, crowd(pod), now)
            });
        }
        self.remove_pods(set, &pods[..surplus]);
    }

    /// OrderedReady: one at a time from the top; a rolling update likewise.
    fn stateful_set(&mut self, set: Wix) {
        let workload = &self.store.sets[set].workload;
        let want = workload.replicas;
        let revision = workload.update_revision.clone();
        let mut pods: Vec<_> = self.store.pods_of(set).collect();
        pods.sort_by_key(|pix| self.store.cells[*pix].pod.ordinal());
        let pod = |pix: Pix| &self.store.cells[pix].pod;
        for ordinal in 0..want {
            let found = pods
                .iter()
                .find(|pix| pod(**pix).ordinal() == Some(ordinal));
            match found {
                None => return self.make_pod(set, format!("w-{ordinal}")),
                Some(pix) if !pod(*pix).ready || !pod(*pix).is_active() => return,
                Some(_) => {}
            }
        }
        let Some(top) = pods.last().copied() else {
            return;
        };
        if pod(top).ordinal() >= Some(want) {
            if pod(top).is_active() {
                self.remove_pods(set, &[top]);
            }
            return;
        }
        let old = pods
            .iter()
            .rev()
            .find(|pix| pod(**pix).revision != revision);
        if let Some(old) = old.copied() {
            self.remove_pods(set, &[old]);
        }
    }

    fn make_pod(&mut self, set: Wix, called: String) {
        let spec = self.params.pods;
        let pix = self.store.add_pod(self.now, set, called, spec);
        let wait = self.dice.between(50, 1000);
        self.enter(wait, Event::Bind(pix));
    }

    fn remove_pods(&mut self, set: Wix, victims: &[Pix]) {
        if victims.is_empty() {
            self.store.sets[set].failures = 0;
        }
        for pix in victims {
            self.store.sets[set].open += 1;
            let request = self.delete_request(*pix, None);
            let user = "system:serviceaccount:kube-system:replicaset-controller";
            let ask = Ask {
                request,
                caller: Caller::WorkloadController,
                user: user.to_owned(),
                dry_run: false,
            };
            self.submit(ask, Origin::Controller(set), Some(*pix));
        }
    }

    /// A deletion of a pod.
    pub fn delete_request(&self, pix: Pix, grace: Option<u64>) -> Request {
        let pod = &self.store.cells[pix].pod;
        Request::Delete {
            pod: pod.name.clone(),
            uid: pod.uid.clone(),
            deleting: pod.deleting.is_some(),
            grace,
        }
    }

    /// A controller hears what came of a deletion.
    pub fn controller_answered(&mut self, set: Wix, answer: Answer) {
        let managed = &mut self.store.sets[set];
        managed.open -= 1;
        managed.failed |= answer.is_refusal();
        if managed.open > 0 {
            return;
        }
        let failed = std::mem::take(&mut managed.failed);
        if std::mem::take(&mut managed.dirty) || !failed {
            if !failed {
                managed.failures = 0;
            }
            self.look_soon(set);
        }
        if failed {
            self.back_off(set);
        }
    }

    fn back_off(&mut self, set: Wix) {
        let managed = &mut self.store.sets[set];
        let wait = (5_u64 << managed.failures.min(20)).min(LONGEST);
        managed.failures += 1;
        let due = self.now + wait;
        // The queue keeps the sooner of two.
        if managed.slot.is_none_or(|slot| due < slot) {
            managed.slot = Some(due);
            self.enter(wait, Event::Reconcile(set));
        }
    }
}

/// The ReplicaSet controller's order of victims, the first one first.
fn order(pod: &Pod, crowd: usize, now: Time) -> impl Ord + use<> {
    let phase = match pod.phase {
        Phase::Pending => 0,
        Phase::Unknown => 1,
        _ => 2,
    };
    let bucket = |at| now.since(at).as_nanos().checked_ilog2();
    let ready = pod.ready.then(|| pod.ready_changed.map(bucket));
    let restarts = pod
        .container
        .as_ref()
        .map_or(0, |container| container.restarts);
    let key = (
        pod.node.is_some(),
        phase,
        pod.ready,
        pod.cost,
        Reverse(crowd),
    );
    (
        key,
        ready,
        Reverse(restarts),
        bucket(pod.created),
        pod.uid.clone(),
    )
}
