//! The guard: replicas that each know what they have heard, one that leads, suppliers of what Trino holds. Every decision
//! is `core::guard`'s own.

pub mod act;
pub mod supply;
pub mod tick;

use std::collections::HashMap;
use std::time::Duration;

use xtrinode::core::guard::class::View;
use xtrinode::core::guard::dates::Gaps;
use xtrinode::core::guard::evidence::Evidence;
use xtrinode::core::guard::plan::Memory;
use xtrinode::core::guard::policy::Policy;
use xtrinode::core::guard::time::Time;

use crate::kube::cache::Cache;
use crate::kube::store::{Pix, Store, ahead, stamp};
use supply::Supply;

/// A Lease lasts so long, in milliseconds.
pub const LEASE: u64 = 15_000;

/// A watch usually lags so far, in milliseconds.
pub const LAG: u64 = 50;

/// One process of the guard.
pub struct Replica {
    /// Whether it runs.
    pub alive: bool,
    /// When its caches are ready.
    pub ready_at: u64,
    /// Which process this is.
    pub epoch: u32,
    /// Its copy of the store.
    pub cache: Cache,
    /// What it has seen of Trino.
    pub evidence: Evidence,
    /// What it remembers as leader.
    pub memory: Memory,
    /// When this process began.
    pub began: u64,
    /// How far its clock is ahead, in milliseconds.
    pub skew: i64,
    /// Until when its watch lags further than usual, if that ends by itself.
    pub behind_until: Option<u64>,
    /// Until when it can't reach Trino.
    pub cut_until: u64,
    /// Until when it does nothing at all.
    pub paused_until: u64,
    looked: HashMap<Pix, u64>,
    /// When it last read the query list.
    pub listed: u64,
}

impl Replica {
    /// A process that has just listed everything, when nobody guarded at these times.
    pub fn new(store: &Store, now: u64, epoch: u32, skew: i64, gaps: Gaps) -> Self {
        let time = ahead(stamp(now), skew);
        Self {
            began: now,
            alive: true,
            ready_at: now,
            epoch,
            cache: Cache::listed(store, LAG, gaps, time),
            evidence: Evidence::default(),
            memory: Memory::default(),
            skew,
            behind_until: None,
            cut_until: 0,
            paused_until: 0,
            looked: HashMap::new(),
            listed: 0,
        }
    }

    /// What its clock says.
    pub fn time(&self, now: u64) -> Time {
        ahead(stamp(now), self.skew)
    }

    /// Takes in what its watch has brought.
    pub fn catch_up(&mut self, store: &Store, now: u64) {
        if self.behind_until.take_if(|until| *until <= now).is_some() {
            self.cache.lag = LAG;
        }
        let time = self.time(now);
        if self.cache.catch_up(store, now, time) {
            let world = &self.cache.world;
            self.evidence
                .keep_only(|uid| world.pod_by_uid(uid).is_some());
        }
    }

    /// What it decides by.
    pub fn view<'a>(&'a self, policy: &'a Policy, now: u64) -> View<'a> {
        View {
            world: &self.cache.world,
            evidence: &self.evidence,
            policy,
            now: self.time(now),
        }
    }
}

/// Whoever leads says so more often.
const SILENT: Duration = Duration::from_secs(15);

/// All of them.
#[derive(Default)]
pub struct Guard {
    /// The processes.
    pub replicas: Vec<Replica>,
    /// Who leads, and until when unless it renews.
    pub lease: Option<(usize, u64)>,
    /// When it was renewed last, by the clock of whoever led, and in truth.
    pub renewed: Option<(Time, u64)>,
    /// When nobody guarded, as the Lease says.
    pub gaps: Gaps,
    /// For how long that was, in truth.
    pub unguarded: u64,
    /// Who tells what Trino holds: the exporter first, then each replica's own collector.
    pub supplies: Vec<Supply>,
}

impl Guard {
    /// A process begins, with a clock that is so far ahead.
    pub fn begin(&mut self, store: &Store, now: u64, epoch: u32, skew: i64) -> Replica {
        let time = ahead(stamp(now), skew);
        if let Some((renewed, then)) = self.renewed
            && self.gaps.begin(renewed, time, SILENT)
        {
            self.unguarded += now - then;
        }
        Replica::new(store, now, epoch, skew, self.gaps.clone())
    }

    /// The replicas that answer.
    pub fn ready(&self, now: u64) -> Vec<usize> {
        let all = self.replicas.iter().enumerate();
        let ready = all.filter(|(_, replica)| {
            replica.alive && replica.ready_at <= now && replica.paused_until <= now
        });
        ready.map(|(at, _)| at).collect()
    }
}
