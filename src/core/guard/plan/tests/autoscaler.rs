//! An autoscaler asks for a lower number again and again: who is drained for it, and who goes.

use super::*;
use crate::core::guard::ask::{Effect, Outcome};
use crate::core::guard::edit;
use crate::core::guard::rank::ranked;
use crate::core::guard::staging::{by_person, scale};
use crate::core::guard::verdict::{clamp, judge};

/// How often it asks.
const SYNC: u64 = 15;

impl Stage {
    /// Five workers with so many tasks each, as it was a moment ago: for too short a time to call anybody idle.
    fn holding(tasks: [u64; 5]) -> Self {
        let mut stage = Self::deployment(5);
        stage.hold([1; 5]);
        stage.run(1);
        stage.hold(tasks);
        stage.run(3);
        stage.log.clear();
        stage
    }

    fn hold(&mut self, tasks: [u64; 5]) {
        let uids = (0..).map(|index| format!("uid-w-{index}"));
        self.tasks = uids.zip(tasks).collect();
    }

    fn count(&self) -> u32 {
        u32::try_from(self.workers().len()).expect("few workers")
    }

    /// The autoscaler's request, as the webhooks answer it and write it down, and as the controller carries it out.
    fn ask_for(&mut self, new: u32) {
        let name = Name::new(SPACE, "w");
        let of = (Kind::Deployment, &name);
        let old = self.count();
        let asked = by_person(scale(Kind::Deployment, old, new));
        let clamped = clamp(&self.scene.view(), &asked, of, old, new);
        let given = clamped.map_or(new, |clamped| clamped.given);
        let ask = by_person(scale(Kind::Deployment, old, given));
        let verdict = judge(&self.scene.view(), &ask);
        if verdict.outcome == Outcome::Allow {
            return self.carry_out(given);
        }
        for effect in &verdict.effects {
            let Effect::Want {
                uid, cause, target, ..
            } = effect
            else {
                continue;
            };
            let pod = self.pod(uid.trim_start_matches("uid-"));
            if edit::want(&self.scene.view(), &ask, &pod, effect).is_some() {
                self.refuse_scale(&pod.name.name, *cause, *target);
            }
        }
    }

    fn carry_out(&mut self, given: u32) {
        let workload = self.world.workload_by_uid("uid-w").expect("a workload");
        let view = self.scene.view();
        let surplus = (self.count() - given) as usize;
        let gone: Vec<_> = ranked(&view, workload).into_iter().take(surplus).collect();
        let gone: Vec<_> = gone.iter().map(|pod| pod.name.name.clone()).collect();
        self.replicas(given);
        for name in gone {
            self.remove(&name);
        }
    }

    /// It asks for two workers until so many are left. Answers who they are, and after how many seconds.
    fn scale_down_to(&mut self, left: u32) -> (Vec<String>, u64) {
        for round in 0..80 {
            if self.count() <= left {
                let pods = self.workers().into_iter();
                return (pods.map(|pod| pod.name.name).collect(), round * SYNC);
            }
            self.ask_for(2);
            self.run(SYNC);
        }
        panic!("{} workers are left after 20 min", self.count());
    }
}

/// Who is drained, in which order, for the first request: that names w-0, w-1 and w-2, since they are the first of the
/// controller's own order.
#[test]
fn whoever_holds_least_is_drained_for_a_lower_number() {
    let cases = [
        ([1, 1, 1, 0, 0], ["w-3", "w-4", "w-0"], "empty ones first"),
        ([3, 1, 3, 0, 2], ["w-3", "w-1", "w-4"], "then by their load"),
        ([2, 2, 2, 2, 2], ["w-0", "w-1", "w-2"], "else as it ranks"),
    ];
    for (tasks, begun, why) in cases {
        let mut stage = Stage::holding(tasks);
        stage.ask_for(2);
        stage.run(1);
        assert_eq!(stage.only("begin"), begun, "{why}");
    }
}

#[test]
fn whoever_holds_least_is_drained_first_where_the_floor_keeps_some() {
    let mut stage = Stage::holding([1, 1, 1, 0, 0]);
    stage.policy.floor.min_active = 3;
    stage.ask_for(2);
    stage.run(30);
    assert_eq!(stage.only("begin"), ["w-3", "w-4"]);
}

#[test]
fn a_worker_of_which_nothing_is_known_is_chosen_after_the_busiest() {
    let mut stage = Stage::holding([9, 9, 9, 0, 0]);
    stage.edit("w-3", |pod| {
        pod.container.as_mut().expect("a container").id = "second".to_owned();
    });
    stage.ask_for(2);
    stage.act();
    assert_eq!(stage.only("begin"), ["w-4", "w-0", "w-1"]);
}

/// All five were busy, three are drained, and those that serve on have ended their work before.
fn outlasted(clamp: bool) -> Stage {
    let mut stage = Stage::holding([1; 5]);
    stage.policy.clamp = clamp;
    stage.ask_for(2);
    stage.run(1);
    assert_eq!(stage.only("begin"), ["w-0", "w-1", "w-2"]);
    stage.hold([1, 1, 1, 0, 0]);
    stage
}

#[test]
fn b_idle_workers_go_while_those_that_were_begun_are_busy() {
    let mut stage = outlasted(true);
    let (left, seconds) = stage.scale_down_to(3);
    assert_eq!(left, ["w-0", "w-1", "w-2"]);
    assert!(seconds <= 240, "{seconds}: two drains and a give-back");
    stage.ask_for(2);
    stage.run(90);
    assert_eq!(stage.state("w-0"), Some(NodeState::Draining));
    for name in ["w-1", "w-2"] {
        assert_eq!(stage.state(name), Some(NodeState::Active));
        assert!(stage.pod(name).notes.drain.is_none());
    }
    stage.hold([0, 1, 1, 0, 0]);
    assert_eq!(stage.scale_down_to(2).0, ["w-1", "w-2"]);
}

#[test]
fn b_without_the_clamp_one_end_of_three_is_enough() {
    let mut stage = outlasted(false);
    for _ in 0..20 {
        stage.ask_for(2);
        stage.run(SYNC);
    }
    assert_eq!(stage.count(), 5, "all or none");
    stage.hold([0, 1, 1, 0, 0]);
    assert_eq!(stage.scale_down_to(2).0, ["w-1", "w-2"]);
}

/// Each idle one is begun once, each busy one in whose place it stands is taken back once, and that is all.
#[test]
fn what_was_chosen_stays_chosen() {
    let mut stage = outlasted(false);
    let mut done = Vec::new();
    for _ in 0..60 {
        stage.ask_for(2);
        stage.run(SYNC);
        done.extend(stage.done());
    }
    let of = |kind: &str| {
        let found = done.iter().filter(|line| line.starts_with(kind));
        found.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("begin"), ["begin w-3", "begin w-4"]);
    assert_eq!(of("return"), ["return w-2", "return w-1"]);
}

#[test]
fn no_idle_worker_is_drained_beside_a_busy_one_that_somebody_named() {
    let mut stage = Stage::holding([1, 1, 1, 0, 0]);
    stage.refuse("w-0", Cause::Evict);
    stage.refuse_scale("w-1", Cause::Scale, Some(4));
    stage.run(60);
    assert_eq!(stage.only("begin"), ["w-0"]);
}

#[test]
fn no_worker_is_drained_in_the_place_of_another_that_a_person_told_its_controller_to_keep() {
    let mut stage = outlasted(true);
    for name in ["w-3", "w-4"] {
        stage.edit(name, |pod| pod.cost = 100);
    }
    stage.run(120);
    assert_eq!(stage.only("begin"), [""; 0]);
}

/// It would be free, and its controller would go on preferring the other for a reason that no cost outweighs.
#[test]
fn no_worker_is_drained_in_the_place_of_one_that_its_controller_prefers() {
    let mut stage = outlasted(true);
    for name in ["w-0", "w-1", "w-2"] {
        stage.edit(name, |pod| pod.ready = false);
    }
    stage.run(120);
    assert_eq!(stage.only("begin"), [""; 0]);
}
