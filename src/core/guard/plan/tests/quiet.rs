//! Events, hints, and leaving nothing behind.

use super::super::{bands, cleanup};
use super::*;
use crate::core::guard::facts::place::{Mode, Namespace};
use std::time::Duration;

impl Stage {
    fn mode(&mut self, mode: Option<Mode>) {
        let namespace = Namespace {
            mode,
            ..Namespace::default()
        };
        self.world.put_namespace(SPACE.to_owned(), namespace);
    }

    fn full_of_marks() -> Self {
        let mut stage = Self::deployment(3);
        stage.refuse("w-1", Cause::Evict);
        stage.run(30);
        stage.grant("w-1");
        stage.refuse("w-2", Cause::Evict);
        stage.edit("w-2", |pod| pod.cost = bands::IDLE);
        let at = stage.now;
        stage.edit("w-0", |pod| {
            pod.notes.hints = Some(Hints {
                at,
                held: true,
                ours: Vec::new(),
            });
        });
        stage.refuse("c-0", Cause::Delete);
        stage.log.clear();
        stage
    }

    fn assert_clean(&self) {
        for name in ["w-0", "w-1", "w-2", "c-0"] {
            assert_eq!(self.pod(name).notes, Notes::default(), "{name}");
            assert!(!bands::is_ours(self.pod(name).cost), "{name}");
        }
        assert_eq!(self.state("w-1"), Some(NodeState::Active));
    }
}

#[test]
fn events_tell_of_beginnings_only() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Evict);
    stage.run(40);
    stage.grant("w-1");
    stage.run(40);
    let told = [
        "w-1 Blocked",
        "w-1 DrainStarted",
        "w-1 Drained",
        "w-1 Granted",
    ];
    assert_eq!(stage.only("event"), told);
    stage.refuse("w-1", Cause::Evict);
    stage.run(100);
    assert_eq!(stage.only("event"), [""; 0]);
}

#[test]
fn a_new_leader_does_not_tell_again() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Evict);
    stage.run(40);
    stage.log.clear();
    stage.change_leader();
    stage.run(10);
    assert_eq!(stage.only("event"), [""; 0]);
}

#[test]
fn events_tell_of_force_silence_and_give_back() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    for _ in 0..61 {
        stage.refuse("w-1", Cause::Evict);
        stage.run(30);
    }
    let told = stage.only("event");
    assert!(
        told.contains(&"w-1 ForcedAfterMaxBlock".to_owned()),
        "{told:?}"
    );
    stage.edit("w-1", |pod| pod.notes.want = None);
    stage.run(70);
    assert!(stage.only("event").contains(&"w-1 GaveBack".to_owned()));
}

#[test]
fn events_tell_of_clusters_that_cannot_be_drained_or_reached() {
    let mut stage = Stage::deployment(2);
    stage.evidence.power(&cluster(), DrainPower::Forbidden);
    stage.run(2);
    assert_eq!(stage.only("event"), ["w BestEffort"]);
    stage.says("w-0", None);
    stage.run(100);
    assert_eq!(stage.only("event"), [""; 0], "one still answers");
    stage.says("w-1", None);
    stage.run(100);
    assert_eq!(stage.only("event"), ["w WorkersUnreachable"]);
}

#[test]
fn events_tell_of_a_bound_that_is_shorter_than_the_last_drain() {
    let mut stage = Stage::deployment(2);
    let minutes = |n: u64| Duration::from_secs(n * 60);
    stage.evidence.drained_in(&cluster(), minutes(30));
    stage.run(2);
    assert_eq!(stage.only("event"), [""; 0], "as long as the bound");
    stage.evidence.drained_in(&cluster(), minutes(31));
    stage.run(2);
    assert_eq!(stage.only("event"), ["w BoundTooShort"]);
    stage.log.clear();
    stage.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.max_block = Some(minutes(60));
    });
    stage.run(2);
    let told = stage.scene.view().is_bound_short(&cluster());
    assert!(!told, "the workload's own bound counts");
}

#[test]
fn a_namespace_that_leaves_enforce_is_cleaned_within_a_minute() {
    for mode in [None, Some(Mode::Audit)] {
        let mut stage = Stage::full_of_marks();
        stage.mode(mode);
        stage.run(20);
        stage.assert_clean();
        stage.log.clear();
        stage.refuse("w-1", Cause::Evict);
        stage.run(30);
        let begun = stage.only("begin");
        assert_eq!(begun, [""; 0], "nothing is drained there");
    }
}

#[test]
fn cleanup_leaves_nothing_behind_and_ends() {
    let mut stage = Stage::full_of_marks();
    for _ in 0..20 {
        stage.pass(1);
        stage.read();
        let actions = cleanup(&stage.scene.view(), &mut stage.memory);
        for action in actions {
            stage.perform(action);
        }
    }
    stage.assert_clean();
    let rest = cleanup(&stage.scene.view(), &mut stage.memory);
    assert_eq!(rest, []);
}

#[test]
fn a_namespace_that_is_not_known_is_neither_cleaned_nor_worked_on() {
    let mut stage = Stage::full_of_marks();
    stage.world.drop_namespace(SPACE);
    stage.run(60);
    assert_eq!(stage.log, [""; 0]);
}

#[test]
fn hints_stand_on_busy_workers_for_max_hold_and_never_on_leaving_ones() {
    let mut stage = Stage::deployment(3);
    stage.policy.hints = Some(Duration::from_secs(300));
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    stage.run(290);
    assert_eq!(stage.only("hint"), ["w-1 hold"]);
    stage.run(300);
    assert_eq!(stage.only("hint"), ["w-1 drop"], "and not set again");
    stage.tasks.clear();
    stage.run(30);
    assert_eq!(stage.only("hint"), ["w-1 clear"]);
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    stage.run(90);
    assert_eq!(stage.only("hint"), ["w-1 hold"]);
    stage.refuse("w-1", Cause::Evict);
    stage.run(90);
    assert_eq!(stage.only("hint"), ["w-1 clear"]);
}

#[test]
fn hints_are_neither_set_nor_cleared_while_nothing_is_known() {
    let mut stage = Stage::deployment(3);
    stage.policy.hints = Some(Duration::from_secs(300));
    stage.replace("x-0");
    stage.says("x-0", None);
    stage.queries = None;
    stage.run(30);
    assert_eq!(stage.only("hint"), [""; 0]);
    let at = stage.now;
    stage.edit("x-0", |pod| {
        pod.notes.hints = Some(Hints {
            at,
            held: true,
            ours: Vec::new(),
        });
    });
    stage.run(250);
    assert_eq!(stage.only("hint"), [""; 0]);
    stage.run(60);
    assert_eq!(stage.only("hint"), ["x-0 drop"]);
}

#[test]
fn hints_are_cleared_where_nobody_wants_them() {
    let mut stage = Stage::deployment(3);
    let at = stage.now;
    stage.edit("w-0", |pod| {
        pod.notes.hints = Some(Hints {
            at,
            held: true,
            ours: Vec::new(),
        });
    });
    stage.run(2);
    assert_eq!(stage.only("hint"), ["w-0 clear"]);
}
