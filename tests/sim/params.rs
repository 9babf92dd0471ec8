//! What an episode is made of: sizes, speeds, chances.

use std::time::Duration;

use xtrinode::core::guard::facts::workload::Kind;
use xtrinode::core::guard::policy::Policy;

use crate::dice::Dice;
use crate::kube::store::PodSpec;

/// The choices of one episode. Times in milliseconds, chances per mille.
#[derive(Clone)]
pub struct Params {
    /// Whether there is a guard.
    pub guarded: bool,
    /// How many replicas it has.
    pub replicas: usize,
    /// Workers at first.
    pub workers: u32,
    /// What makes them: a Deployment or a StatefulSet.
    pub kind: Kind,
    /// Nodes.
    pub nodes: usize,
    /// What pods have in common.
    pub pods: PodSpec,
    /// Trino's `shutdown.grace-period`.
    pub trino_grace: u64,
    /// The coordinator notices a node's new state after so long at the latest.
    pub notice: u64,
    /// Whether workers let themselves be drained.
    pub drainable: bool,
    /// From one query to the next, on average about half of it.
    pub query_every: u64,
    /// How long a stage runs at most.
    pub query_long: u64,
    /// How many queries are open at most.
    pub query_limit: usize,
    /// The chance that a query is the first of a transaction.
    pub transactions: u64,
    /// Whether there is an exporter.
    pub exporter: bool,
    /// Whether each replica reads for itself.
    pub own: bool,
    /// From one cycle of a supplier to the next.
    pub cycle_every: u64,
    /// How long a cycle takes.
    pub cycle_takes: u64,
    /// The chance that a cycle misses an answer.
    pub partial: u64,
    /// Whether young pods can't be mapped to tasks.
    pub unmapped: bool,
    /// The chance that something else refuses what we allowed.
    pub vetoes: u64,
    /// Whether things break.
    pub faults: bool,
    /// Whether the machines' clocks jump.
    pub jumps: bool,
    /// How far the coordinator's clock is ahead of the other machines', in milliseconds.
    pub trino_ahead: i64,
    /// How far clocks differ at most.
    pub skew: u64,
    /// Disruptions of this episode.
    pub disruptions: u32,
    /// How many at once.
    pub at_once: usize,
    /// What the administrator chose.
    pub policy: Policy,
}

impl Params {
    /// A plain cluster: what stories begin with.
    pub fn plain(workers: u32) -> Self {
        Self {
            guarded: true,
            replicas: 2,
            workers,
            kind: Kind::Deployment,
            nodes: 6,
            pods: PodSpec {
                grace: Duration::from_secs(30),
                pre_stop: false,
            },
            trino_grace: 10_000,
            notice: 8000,
            drainable: true,
            query_every: 8000,
            query_long: 20_000,
            query_limit: 12,
            transactions: 0,
            exporter: true,
            own: false,
            cycle_every: 5000,
            cycle_takes: 1000,
            partial: 0,
            unmapped: false,
            vetoes: 0,
            faults: false,
            jumps: false,
            trino_ahead: 0,
            skew: 500,
            disruptions: 0,
            at_once: 3,
            policy: Policy::default(),
        }
    }

    /// A cluster by chance.
    pub fn draw(dice: &mut Dice, guarded: bool) -> Self {
        let workers = dice.pick(&[1, 2, 3, 3, 3, 4, 4, 5, 6, 10]);
        let mut params = Self::plain(workers);
        params.guarded = guarded;
        params.replicas = dice.pick(&[1, 2, 2, 3]);
        if dice.mille(250) {
            params.kind = Kind::StatefulSet;
        }
        params.nodes = dice.pick(&[3, 4, 6, 10]);
        params.trino_grace = dice.pick(&[500, 500, 2000, 5000, 10_000, 15_000]);
        params.notice = dice.pick(&[5000, 8000, 10_000]);
        params.query_every = dice.pick(&[2000, 6000, 15_000, 60_000]);
        params.query_long = dice.pick(&[3000, 15_000, 40_000]);
        // Few queries, and the coordinator is free now and then: between two statements for one.
        params.transactions = if params.query_every > 10_000 { 400 } else { 20 };
        params.draw_guard(dice);
        if params.unmapped {
            // Tasks come late to what is DRAINED soon, and stay.
            params.trino_grace = dice.pick(&[500, 2000]);
            params.query_long = 40_000;
            params.query_every = dice.pick(&[2000, 6000]);
        }
        params.disruptions = 1000;
        params.at_once = 4 + 2 * workers as usize;
        params
    }

    fn draw_guard(&mut self, dice: &mut Dice) {
        self.exporter = dice.mille(700);
        self.own = !self.exporter || dice.mille(300);
        self.cycle_every = dice.pick(&[5000, 5000, 10_000, 30_000, 90_000]);
        self.cycle_takes = self.cycle_every / dice.pick(&[2, 5, 20]);
        self.partial = dice.pick(&[0, 0, 50, 300]);
        self.unmapped = dice.mille(250);
        self.vetoes = dice.pick(&[0, 0, 20, 200]);
        self.faults = dice.mille(300);
        self.skew = dice.pick(&[0, 500, 2000]);
        self.jumps = dice.mille(200);
        self.trino_ahead = dice.pick(&[0, 0, 0, 0, 100_000, -100_000, 3_600_000, -3_600_000]);
        self.drainable = !dice.mille(40);
        self.pods.pre_stop = dice.mille(300);
        if self.pods.pre_stop {
            self.pods.grace = Duration::from_secs(300);
        }
        self.policy.clamp = dice.mille(300);
    }
}
