//! Disruptions by chance, and whole episodes of them.

use xtrinode::core::guard::facts::pod::Role;

use crate::agenda::Event;
use crate::callers::What;
use crate::dice::Dice;
use crate::params::Params;
use crate::sim::{SETTLED, Sim};

/// Beyond the last disruption nothing may take longer, in milliseconds: twice maxBlock, the longest back-off,
/// abandonAfter, and some minutes.
const PATIENCE: u64 = 2 * 1_800_000 + 1_000_000 + 1_200_000 + 1_200_000;

/// Disruptions begin for at most so long, in milliseconds.
const LONG: u64 = 5_400_000;

/// Runs one episode to its end.
pub fn episode(seed: u64, guarded: bool, traced: bool) -> Sim {
    let mut dice = Dice::new(seed);
    let params = Params::draw(&mut dice, guarded);
    let mut sim = Sim::new(params, dice);
    sim.traced = traced;
    sim.enter(20_000, Event::Disrupt);
    sim.run(24 * 3_600_000);
    sim.tally.episodes = 1;
    sim
}

impl Sim {
    /// The next disruption begins.
    pub fn disrupt(&mut self) {
        if self.remaining == 0 {
            return;
        }
        // Where one bound after the other has to pass, the next cluster shows more.
        if self.now > SETTLED + LONG {
            self.remaining = 1;
        }
        if self.waiting < self.params.at_once {
            let before = self.tally.disruptions();
            self.draw_disruption();
            let made = u32::try_from(self.tally.disruptions() - before).unwrap_or(u32::MAX);
            self.remaining = self.remaining.saturating_sub(made);
        }
        if self.remaining > 0 {
            let next = self.dice.skewed(200, 6000);
            self.enter(next, Event::Disrupt);
            return;
        }
        match self.dice.below(20) {
            0 => self.want_end(What::Uninstall),
            1 => self.want_end(What::Namespace),
            _ => {}
        }
        self.enter(PATIENCE, Event::Script(u32::MAX));
    }

    fn draw_disruption(&mut self) {
        match self.dice.below(100) {
            0..=14 => self.on_a_node(What::Drain),
            15..=22 => self.on_a_node(What::Autoscaler),
            23..=34 => self.on_a_worker(What::Descheduler),
            35..=46 => self.on_a_worker(What::WalksAway),
            47..=54 => self.on_a_worker(What::Insists),
            55..=57 => self.on_a_worker(What::Force),
            58..=62 => self.on_a_worker(What::Taint),
            63..=65 => self.on_a_worker(What::Preemption),
            66 => self.with_break_glass(),
            67 => self.on_a_worker(What::Operator),
            68..=74 => self.lower(What::Hpa),
            75..=77 => self.lower(What::Keda),
            78..=83 => self.lower(What::Scale),
            84..=86 => self.roll_out(What::Rollout, Role::Worker),
            87..=88 => self.on_the_coordinator(),
            89 => self.roll_out(What::CoordinatorTemplate, Role::Coordinator),
            _ => self.raise(),
        }
    }

    fn on_a_node(&mut self, what: What) {
        let free = |node: &usize| {
            let node = &self.store.nodes[*node];
            !node.cordoned && node.announced.is_none()
        };
        let free: Vec<_> = (0..self.store.nodes.len()).filter(free).collect();
        // Pods need somewhere to go.
        if free.len() * 2 > self.store.nodes.len() {
            let node = self.dice.pick(&free);
            self.leave_node(what, node);
        }
    }

    fn on_a_worker(&mut self, what: What) {
        let workers: Vec<_> = self
            .store
            .members(Role::Worker)
            .filter(|pix| self.store.cells[*pix].pod.is_active())
            .collect();
        if !workers.is_empty() {
            let worker = self.dice.pick(&workers);
            self.want_gone(what, &[worker]);
        }
    }

    fn with_break_glass(&mut self) {
        let workers: Vec<_> = self.store.members(Role::Worker).collect();
        if !workers.is_empty() {
            let worker = self.dice.pick(&workers);
            self.break_glass(worker);
            self.want_gone(What::BreakGlass, &[worker]);
        }
    }

    fn on_the_coordinator(&mut self) {
        let coordinators: Vec<_> = self.store.members(Role::Coordinator).collect();
        if let Some(coordinator) = coordinators.first() {
            self.want_gone(What::Coordinator, &[*coordinator]);
        }
    }

    fn roll_out(&mut self, what: What, role: Role) {
        let rolling = self
            .callers
            .iter()
            .any(|caller| caller.what == what && !caller.is_done());
        if !rolling {
            self.want_rollout(what, role);
        }
    }

    fn lower(&mut self, what: What) {
        let scaling = |what: What| matches!(what, What::Hpa | What::Keda | What::Scale);
        let busy = self
            .callers
            .iter()
            .any(|caller| scaling(caller.what) && !caller.is_done());
        let now = self.store.sets[0].workload.replicas;
        if now == 0 || (busy && !self.dice.mille(300)) {
            return;
        }
        let new = match what {
            What::Keda => 0,
            _ => u32::try_from(self.dice.between(1, u64::from(now))).unwrap_or(1),
        };
        if new < now {
            self.want_scale(what, 0, new);
        }
    }

    /// Somebody adds workers again.
    fn raise(&mut self) {
        let now = self.store.sets[0].workload.replicas;
        if now < self.params.workers {
            let to = self
                .dice
                .between(u64::from(now) + 1, u64::from(self.params.workers) + 2);
            self.set_scale(0, u32::try_from(to).unwrap_or(1));
        }
    }

    /// A scripted step; the last one is the end of all patience.
    pub fn script(&mut self, step: u32) {
        if step == u32::MAX {
            self.leftovers();
            self.over = true;
        } else {
            self.story_on(step);
        }
    }
}
