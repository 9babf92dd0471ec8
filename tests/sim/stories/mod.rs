//! The stories that must come out right, as fixed scripts: each begins with a settled cluster, does what it tells at its
//! times, and ends when nothing is left to wait for.

use xtrinode::core::guard::facts::pod::Role;

use crate::agenda::Event;
use crate::callers::What;
use crate::dice::Dice;
use crate::invariant::{Invariant, Violation};
use crate::kube::store::{Pix, node_name};
use crate::params::Params;
use crate::sim::Sim;

mod all;

pub use all::ALL;

/// A story.
pub struct Story {
    /// Its letter.
    pub letter: char,
    /// What it tells.
    pub title: &'static str,
    params: fn() -> Params,
    /// What happens at which second.
    script: &'static [(u64, fn(&mut Sim))],
    /// What must have come out.
    end: fn(&Sim) -> Result<(), String>,
}

impl Story {
    /// Tells it.
    pub fn tell(&'static self, seed: u64, traced: bool) -> Sim {
        let mut sim = Sim::new((self.params)(), Dice::new(seed));
        sim.traced = traced;
        sim.story = Some(self);
        sim.remaining = 1;
        for (step, (second, _)) in self.script.iter().enumerate() {
            let step = u32::try_from(step).expect("few steps");
            sim.enter(second * 1000, Event::Script(step));
        }
        sim.enter(6 * 3_600_000, Event::Script(u32::MAX));
        sim.run(7 * 3_600_000);
        if let Err(why) = (self.end)(&sim) {
            sim.violations.push(Violation::of(Invariant::Story, why));
        }
        sim
    }
}

impl Sim {
    /// The next step of a story.
    pub fn story_on(&mut self, step: u32) {
        let Some(story) = self.story else {
            return;
        };
        (story.script[step as usize].1)(self);
        if step as usize + 1 == story.script.len() {
            self.remaining = 0;
        }
    }
}

/// Slow queries.
fn slow(workers: u32) -> Params {
    let mut params = Params::plain(workers);
    params.query_long = 60_000;
    params.query_limit = 4;
    params
}

/// Workers that are DRAINED soon, and a coordinator that notices late.
fn hasty() -> Params {
    let mut params = Params::plain(16);
    params.trino_grace = 500;
    params.notice = 14_000;
    params.query_every = 700;
    params.cycle_every = 2000;
    params.cycle_takes = 400;
    params
}

/// No replica reaches Trino for a while.
fn cut_off(sim: &mut Sim) {
    let until = sim.now + 200_000;
    for replica in &mut sim.guard.replicas {
        replica.cut_until = until;
    }
}

/// A replica that does not lead is replaced by another at once.
fn begin_another(sim: &mut Sim) {
    let leader = sim.guard.lease.map(|(holder, _)| holder);
    let other = (0..sim.guard.replicas.len()).find(|at| Some(*at) != leader);
    let other = other.expect("somebody who does not lead");
    sim.guard.replicas[other].epoch += 1;
    sim.revive(other);
}

fn evict_four(sim: &mut Sim) {
    sim.want_gone(What::Drain, &[0, 1, 2, 3]);
}

/// The same without any query yet, and many workers.
fn late() -> Params {
    let mut params = hasty();
    params.workers = 40;
    params.query_limit = 0;
    params.query_long = 240_000;
    params
}

/// Idle workers are told to drain, and queries come before their coordinator notices.
const LATE: &[(u64, fn(&mut Sim))] = &[
    (20, |sim| {
        sim.want_gone(What::Drain, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }),
    (23, submit_four),
    (25, submit_four),
    (27, submit_four),
    (29, submit_four),
    (31, submit_four),
    (33, submit_four),
];

fn submit_four(sim: &mut Sim) {
    (0..4).for_each(|_| sim.submit_query());
}

/// Waits until a coordinator has found its first worker; then queries come, and somebody wants that worker gone.
fn evict_who_is_found(sim: &mut Sim) {
    let found = sim.trino.active();
    let Some((first, _)) = found.first().filter(|_| sim.now < sim.trino.came + 20_000) else {
        sim.enter(200, Event::Script(1));
        return;
    };
    (0..3).for_each(|_| submit_four(sim));
    sim.want_gone(What::Drain, &[*first]);
}

/// Puts every worker on the first node.
fn gather(sim: &mut Sim) {
    for pix in sim.store.members(Role::Worker).collect::<Vec<_>>() {
        sim.edit(pix, |pod| pod.node = Some(node_name(0)));
    }
    for pix in sim.store.members(Role::Coordinator).collect::<Vec<_>>() {
        sim.edit(pix, |pod| pod.node = Some(node_name(1)));
    }
}

fn drain_gathered(sim: &mut Sim) {
    sim.leave_node(What::Drain, 0);
}

/// `kubectl drain` of a node with a worker and without the coordinator.
fn drain_a_worker(sim: &mut Sim) {
    let on = |role| {
        sim.store
            .members(role)
            .map(|pix| sim.store.cells[pix].pod.node.clone())
    };
    let taken: Vec<_> = on(Role::Coordinator).collect();
    let free = on(Role::Worker).find(|node| !taken.contains(node));
    let node = (0..sim.store.nodes.len()).find(|node| free == Some(Some(node_name(*node))));
    sim.leave_node(What::Drain, node.unwrap_or(0));
}

fn scale(sim: &mut Sim, what: What, to: u32) {
    sim.want_scale(what, 0, to);
}

fn on_first(sim: &mut Sim, what: What) {
    let first: Vec<Pix> = sim.store.members(Role::Worker).take(1).collect();
    sim.want_gone(what, &first);
}

fn evict_coordinator(sim: &mut Sim) {
    let coordinators: Vec<Pix> = sim.store.members(Role::Coordinator).collect();
    sim.want_gone(What::Coordinator, &coordinators);
}

fn kill_leader(sim: &mut Sim) {
    if let Some((leader, _)) = sim.guard.lease {
        sim.kill_replica(leader);
    }
}

/// Nothing was lost but what came after the list that a coordinator's verdict rests on.
fn none_killed(sim: &Sim) -> Result<(), String> {
    match sim.tally.killed + sim.tally.rerun {
        0 => Ok(()),
        lost => Err(format!("{lost} queries were lost")),
    }
}

fn nothing_killed(sim: &Sim) -> Result<(), String> {
    let lost = sim.tally.killed + sim.tally.rerun + sim.tally.late + sim.tally.late_drain;
    if lost == 0 {
        Ok(())
    } else {
        Err(format!("{lost} queries were lost"))
    }
}

fn nothing_lost(sim: &Sim) -> Result<(), String> {
    nothing_killed(sim)?;
    if sim.tally.forced == 0 {
        Ok(())
    } else {
        Err(format!("{} queries were lost to force", sim.tally.forced))
    }
}

/// Drains were begun and all taken back, and whoever came meanwhile was served.
fn came_back(sim: &Sim, workers: usize) -> Result<(), String> {
    workers_are(sim, workers)?;
    let (drains, returned) = (sim.tally.drains, sim.tally.returned);
    if returned == 0 || drains != returned {
        return Err(format!("{returned} of {drains} drains were taken back"));
    }
    match sim.tally.finished {
        0 => Err("no query was served".to_owned()),
        _ => removed(sim, 0),
    }
}

fn removed(sim: &Sim, count: u64) -> Result<(), String> {
    match sim.tally.removed {
        removed if removed == count => Ok(()),
        removed => Err(format!("{removed} pods were removed and not {count}")),
    }
}

fn workers_are(sim: &Sim, count: usize) -> Result<(), String> {
    nothing_lost(sim)?;
    let there = sim.store.members(Role::Worker).count();
    if there == count {
        Ok(())
    } else {
        Err(format!("there are {there} workers and not {count}"))
    }
}

fn nothing_removed(sim: &Sim) -> Result<(), String> {
    nothing_lost(sim)?;
    if sim.tally.removed == 0 {
        Ok(())
    } else {
        Err("a pod was removed".to_owned())
    }
}

fn everything_gone(sim: &Sim) -> Result<(), String> {
    nothing_lost(sim)?;
    let left = sim.store.live.len();
    if left == 0 {
        Ok(())
    } else {
        Err(format!("{left} pods are left"))
    }
}
