//! What a replica does every second or two: catch up, look at workers, list queries, renew or take the Lease, plan.

use xtrinode::core::guard::evidence::{Listed, Said, Sight};
use xtrinode::core::guard::plan::plan;
use xtrinode::trino::words::NodeState;

use crate::agenda::Event;
use crate::kube::store::{Pix, cluster, container_id};
use crate::sim::Sim;

use super::LEASE;

impl Sim {
    /// A replica looks around, and plans if it leads.
    pub fn tick(&mut self, at: usize, epoch: u32) {
        let now = self.now;
        let replica = &mut self.guard.replicas[at];
        if !replica.alive || replica.epoch != epoch {
            return;
        }
        if replica.paused_until > now {
            let wait = replica.paused_until - now;
            self.enter(wait, Event::Tick(at, epoch));
            return;
        }
        replica.catch_up(&self.store, now);
        self.measure_busy();
        self.look_around(at);
        self.list(at);
        if self.leads(at) {
            self.lead(at);
        }
        let pause = match (self.busy, self.remaining > 0) {
            (true, true) => self.dice.between(800, 1600),
            (true, false) => self.dice.between(1500, 3000),
            (false, _) => 4000,
        };
        self.enter(pause, Event::Tick(at, epoch));
    }

    fn look_around(&mut self, at: usize) {
        let now = self.now;
        let often = if self.busy { 3000 } else { 6000 };
        for pix in self.store.live.clone() {
            let cell = &self.store.cells[pix];
            let leaving = cell
                .jvm
                .as_ref()
                .is_some_and(|jvm| jvm.state != NodeState::Active);
            let every = if leaving { 1000 } else { often };
            let last = self.guard.replicas[at]
                .looked
                .get(&pix)
                .copied()
                .unwrap_or(0);
            if now >= last + every {
                self.guard.replicas[at].looked.insert(pix, now);
                self.look_at(at, pix);
            }
        }
    }

    /// A replica asks a worker.
    pub fn look_at(&mut self, at: usize, pix: Pix) {
        let now = self.now;
        let replica = &mut self.guard.replicas[at];
        let cell = &self.store.cells[pix];
        let Some(container) = replica.cache.world.pod_by_uid(&cell.pod.uid) else {
            return;
        };
        let Some(container) = container.running().map(str::to_owned) else {
            return;
        };
        let said = match &cell.jvm {
            _ if replica.cut_until > now => Said::Silent,
            // The port opens a moment after the start.
            Some(jvm) if !jvm.listens(now) => Said::Refused,
            Some(jvm) => Said::State {
                state: jvm.state,
                starting: jvm.starting,
            },
            None => Said::Refused,
        };
        // Another process than the one that the watch told of says who it is: what it says counts for nothing.
        let current = cell
            .jvm
            .as_ref()
            .is_none_or(|jvm| container_id(pix, jvm.inc) == container);
        if current {
            let time = replica.time(now);
            let sight = Sight {
                container,
                at: time,
                said,
            };
            replica.evidence.look(&cell.pod.uid, &sight);
        }
    }

    fn list(&mut self, at: usize) {
        let often = if self.busy { 2000 } else { 4000 };
        if self.now >= self.guard.replicas[at].listed + often {
            self.list_now(at);
        }
    }

    /// A replica reads the query list.
    pub fn list_now(&mut self, at: usize) {
        let now = self.now;
        let unfinished = self.trino.unfinished();
        let replica = &mut self.guard.replicas[at];
        let reachable = self.trino.coordinator.is_some() && replica.cut_until <= now;
        if reachable {
            replica.listed = now;
            let list = Listed {
                at: replica.time(now),
                unfinished,
            };
            replica.evidence.list(&cluster(), list);
            replica
                .evidence
                .newest_query(&cluster(), list.at, self.trino.newest);
        }
    }

    /// Whether a replica has the Lease, which it renews or takes where it can.
    fn leads(&mut self, at: usize) -> bool {
        let free = self
            .guard
            .lease
            .is_none_or(|(holder, until)| holder == at || until <= self.now);
        if free {
            if self.guard.lease.is_none_or(|(holder, _)| holder != at) {
                self.guard.replicas[at].memory = xtrinode::core::guard::plan::Memory::default();
                self.tally.leaders += 1;
            }
            self.guard.lease = Some((at, self.now + LEASE));
            let time = self.guard.replicas[at].time(self.now);
            self.guard.renewed = Some((time, self.now));
        }
        free
    }

    fn lead(&mut self, at: usize) {
        let (now, policy) = (self.now, &self.params.policy);
        let replica = &mut self.guard.replicas[at];
        let mut memory = std::mem::take(&mut replica.memory);
        let actions = plan(&replica.view(policy, now), &mut memory);
        replica.memory = memory;
        let epoch = replica.epoch;
        self.tally.plans += 1;
        for action in actions {
            let wait = self.dice.skewed(2, 150);
            self.enter(wait, Event::Act(at, epoch, Box::new(action)));
        }
    }
}
