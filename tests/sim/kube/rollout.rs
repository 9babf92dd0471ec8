//! The deployment controller: moves replicas from old ReplicaSets to the one of the present template, with maxSurge and
//! maxUnavailable of 25 %.

use xtrinode::core::guard::facts::pod::Role;
use xtrinode::core::guard::facts::workload::Kind;

use crate::sim::Sim;

use super::store::{NewSet, Wix};

impl Sim {
    /// The deployment controller looks at a Deployment.
    pub fn roll(&mut self, top: Wix) {
        let sets = self.store.replica_sets(top);
        let revision = self.store.sets[top].revision;
        let new = sets
            .iter()
            .copied()
            .find(|set| self.store.sets[*set].revision == revision);
        let new = new.unwrap_or_else(|| self.new_replica_set(top));
        let old: Vec<_> = sets.into_iter().filter(|set| *set != new).collect();
        let want = self.store.sets[top].workload.replicas;
        if self.store.sets[top].workload.recreate {
            self.recreate(new, &old, want);
        } else {
            self.grow(new, &old, want);
            self.shrink(new, &old, want);
        }
        self.forget_empty(&old);
    }

    /// `revisionHistoryLimit` is 1: of the old ReplicaSets without pods the last one stays.
    fn forget_empty(&mut self, old: &[Wix]) {
        let empty =
            |set: &Wix| self.replicas(*set) == 0 && self.store.pods_of(*set).next().is_none();
        let mut empty: Vec<_> = old.iter().copied().filter(empty).collect();
        empty.pop();
        for set in empty {
            self.store.remove_set(self.now, set);
        }
    }

    /// Makes the ReplicaSet of a Deployment's present template.
    pub fn new_replica_set(&mut self, top: Wix) -> Wix {
        let managed = &self.store.sets[top];
        let (role, revision) = (managed.workload.role, managed.revision);
        let called = format!("{}-{revision}", managed.workload.name.name);
        let new = NewSet {
            kind: Kind::ReplicaSet,
            name: &called,
            role,
            replicas: 0,
            owner: Some(top),
            revision,
        };
        self.store.add_set(self.now, new)
    }

    fn recreate(&mut self, new: Wix, old: &[Wix], want: u32) {
        for set in old {
            self.set_replicas(*set, 0);
        }
        if old
            .iter()
            .all(|set| self.store.pods_of(*set).next().is_none())
        {
            self.set_replicas(new, want);
        }
    }

    fn grow(&mut self, new: Wix, old: &[Wix], want: u32) {
        let now = self.replicas(new);
        if now > want || old.iter().all(|set| self.replicas(*set) == 0) {
            self.set_replicas(new, want);
            return;
        }
        let total: u32 = now + old.iter().map(|set| self.replicas(*set)).sum::<u32>();
        let room = (want + want.div_ceil(4)).saturating_sub(total);
        self.set_replicas(new, want.min(now + room));
    }

    fn shrink(&mut self, new: Wix, old: &[Wix], want: u32) {
        let least = want - want / 4;
        let available = |set: Wix| {
            let ready = self
                .store
                .active_of(set)
                .filter(|pix| self.store.cells[*pix].pod.ready);
            u32::try_from(ready.count()).expect("few pods")
        };
        let all = available(new) + old.iter().map(|set| available(*set)).sum::<u32>();
        let mut spare = all.saturating_sub(least);
        let mut plan = Vec::new();
        for set in old {
            let now = self.replicas(*set);
            // What is not available may always go.
            let dead = now.saturating_sub(available(*set));
            let less = spare.min(now - dead);
            spare -= less;
            plan.push((*set, now - dead - less));
        }
        for (set, replicas) in plan {
            self.set_replicas(set, replicas);
        }
    }

    fn replicas(&self, set: Wix) -> u32 {
        self.store.sets[set].workload.replicas
    }

    /// Writes a ReplicaSet's number. Such writes of the deployment controller are always allowed.
    fn set_replicas(&mut self, set: Wix, replicas: u32) {
        if self.replicas(set) != replicas {
            self.store
                .edit_set(self.now, set, |workload| workload.replicas = replicas);
            self.kick(set);
        }
    }

    /// A new template: everything is replaced.
    pub fn new_template(&mut self, top: Wix) {
        self.store.sets[top].revision += 1;
        let revision = self.store.sets[top].revision.to_string();
        self.store.edit_set(self.now, top, |workload| {
            if workload.kind == Kind::StatefulSet {
                workload.update_revision = Some(revision);
            }
        });
        self.kick(top);
    }

    /// The workload of a role that people know.
    pub fn top(&self, role: Role) -> Wix {
        match role {
            Role::Worker => 0,
            Role::Coordinator => 1,
        }
    }
}
