//! Suppliers of what Trino holds: cycles that list the queries, read them one after the other while the world goes on,
//! and tell what they found when they are done.

use std::collections::HashMap;
use std::time::Duration;

use xtrinode::core::guard::evidence::{Cycle, Held, Reading, Supplier};
use xtrinode::core::guard::facts::pod::Role;

use crate::agenda::Event;
use crate::kube::store::{Pix, cluster};
use crate::sim::Sim;

/// A supplier.
pub struct Supply {
    /// Whom it tells: one replica, or all.
    pub of: Option<usize>,
    /// Until when it says nothing.
    pub silent_until: u64,
    /// From the begin of one cycle to that of the next.
    pub every: u64,
    /// How long one takes.
    pub takes: u64,
    began: u64,
    coordinator: Option<(Pix, u32)>,
    to_read: Vec<usize>,
    found: HashMap<usize, Vec<(Pix, Held)>>,
    complete: Option<(u64, u64)>,
}

impl Supply {
    /// A supplier that has not spoken yet.
    pub fn new(of: Option<usize>, every: u64, takes: u64) -> Self {
        Self {
            of,
            silent_until: 0,
            every,
            takes,
            began: 0,
            coordinator: None,
            to_read: Vec::new(),
            found: HashMap::new(),
            complete: None,
        }
    }
}

impl Sim {
    /// A supplier begins a cycle: it lists the queries.
    pub fn cycle(&mut self, at: usize) {
        let now = self.now;
        let supply = &mut self.guard.supplies[at];
        let (every, takes) = (supply.every, supply.takes);
        self.enter(every, Event::Cycle(at));
        let supply = &mut self.guard.supplies[at];
        if supply.silent_until > now || self.trino.coordinator.is_none() {
            return;
        }
        supply.began = now;
        supply.coordinator = self.trino.coordinator;
        supply.to_read.clone_from(&self.trino.open);
        let open = &self.trino.open;
        supply.found.retain(|query, _| open.contains(query));
        self.enter(takes / 2, Event::CycleHalf(at));
        self.enter(takes, Event::CycleEnd(at));
    }

    /// It has read half of them.
    pub fn cycle_half(&mut self, at: usize) {
        let half = self.guard.supplies[at].to_read.len() / 2;
        for _ in 0..half {
            self.read_one(at);
        }
    }

    fn read_one(&mut self, at: usize) {
        let Some(query) = self.guard.supplies[at].to_read.pop() else {
            return;
        };
        let held: Vec<_> = self.trino.queries[query].held().collect();
        self.guard.supplies[at].found.insert(query, held);
    }

    /// It has read everything, unless one answer was missing.
    pub fn cycle_end(&mut self, at: usize) {
        let now = self.now;
        let gone = self.guard.supplies[at].coordinator != self.trino.coordinator;
        if gone || self.guard.supplies[at].silent_until > now {
            return;
        }
        let whole = !self.dice.mille(self.params.partial);
        while !self.guard.supplies[at].to_read.is_empty() {
            if !whole && self.guard.supplies[at].to_read.len() == 1 {
                self.guard.supplies[at].to_read.clear();
            }
            self.read_one(at);
        }
        if whole {
            let supply = &mut self.guard.supplies[at];
            supply.complete = Some((supply.began, now));
        }
        self.tell(at);
    }

    fn tell(&mut self, at: usize) {
        let (held, mapped) = self.sum(at);
        let of = self.guard.supplies[at].of;
        for replica in 0..self.guard.replicas.len() {
            let meant = of.is_none_or(|of| of == replica);
            let own_cut = of.is_some() && self.guard.replicas[replica].cut_until > self.now;
            if meant && !own_cut && self.guard.replicas[replica].alive {
                self.tell_replica(at, replica, held.clone(), mapped);
            }
        }
    }

    /// What was found, by pod; and whether the pod of each task is known.
    fn sum(&self, at: usize) -> (HashMap<String, Held>, bool) {
        let mut sum: HashMap<String, Held> = HashMap::new();
        let mut mapped = true;
        for (pod, held) in self.guard.supplies[at].found.values().flatten() {
            let cell = &self.store.cells[*pod];
            let young = cell
                .jvm
                .as_ref()
                .is_some_and(|jvm| self.now < jvm.since + 20_000);
            if self.params.unmapped && young {
                mapped = false;
                continue;
            }
            let sum = sum.entry(cell.pod.uid.clone()).or_default();
            sum.fatal += held.fatal;
            sum.recoverable += held.recoverable;
            sum.bytes += held.bytes;
            sum.queries += held.queries;
        }
        (sum, mapped)
    }

    fn tell_replica(&mut self, at: usize, to: usize, held: HashMap<String, Held>, mapped: bool) {
        let now = self.now;
        let supply = &self.guard.supplies[at];
        let lost = u64::try_from(self.params.policy.bounds.lost.as_millis()).unwrap_or(u64::MAX);
        let fresh = supply
            .complete
            .filter(|(_, ended)| now - ended <= lost.max(supply.every * 2));
        let supplier = if supply.of.is_none() {
            Supplier::Exporter
        } else {
            Supplier::Own
        };
        let replica = &mut self.guard.replicas[to];
        let heard = replica.time(now);
        // Streams carry ages: nobody's clock but the replica's own counts.
        let ago = |then: u64| heard.before(Duration::from_millis(now - then));
        let reading = Reading {
            supplier,
            cluster: cluster(),
            heard,
            complete: fresh.map(|(began, ended)| Cycle {
                began: ago(began),
                ended: ago(ended),
            }),
            mapped,
            held,
        };
        let members = replica.cache.world.members(&reading.cluster, Role::Worker);
        replica.evidence.read(&reading, members);
    }
}
