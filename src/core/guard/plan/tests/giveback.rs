//! How and when drains are taken back.

use super::*;
use crate::core::guard::bounds::LOOK;

impl Stage {
    /// A drain that was asked for once and has ended.
    fn drained(count: u32) -> Self {
        let mut stage = Self::deployment(count);
        stage.refuse("w-1", Cause::Delete);
        stage.run(30);
        stage.log.clear();
        stage
    }

    fn unwant(&mut self) {
        self.edit("w-1", |pod| pod.notes.want = None);
    }
}

#[test]
fn a_drain_is_taken_back_a_minute_after_its_want_ended_visibly() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    stage.run(60);
    assert_eq!(stage.only("return"), [""; 0]);
    stage.run(10);
    assert_eq!(stage.done(), ["return w-1", "active w-1", "forget w-1"]);
}

#[test]
fn a_want_that_returns_within_the_minute_keeps_the_drain() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    stage.run(50);
    stage.refuse("w-1", Cause::Evict);
    stage.run(1);
    stage.unwant();
    stage.run(50);
    assert_eq!(stage.only("return"), [""; 0]);
}

#[test]
fn nothing_is_taken_back_for_60_seconds_after_an_allow() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    stage.run(50);
    stage.grant("w-1");
    stage.run(59);
    assert_eq!(stage.only("return"), [""; 0]);
    stage.run(2);
    assert_eq!(stage.only("return"), ["w-1"]);
    assert!(stage.pod("w-1").notes.grant.is_none());
}

#[test]
fn nothing_is_taken_back_from_a_pod_that_is_being_deleted() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    let now = stage.now;
    stage.edit("w-1", |pod| pod.deleting = Some(now));
    stage.run(300);
    assert_eq!(stage.done(), [""; 0]);
}

#[test]
fn the_last_step_waits_for_the_worker_to_say_active() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    stage.puts = false;
    stage.run(80);
    let done = stage.done();
    assert_eq!(done[0], "return w-1");
    assert!(
        done[1..].iter().all(|line| line == "active w-1") && done.len() > 2,
        "{done:?}"
    );
    stage.puts = true;
    stage.run(6);
    assert_eq!(stage.done(), ["active w-1", "forget w-1"]);
}

/// Another replica may have heard DRAINED just before: until that is too old, the record of the drain has to stay.
#[test]
fn the_last_step_waits_until_nobody_can_take_the_worker_for_drained() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    let mut when = |what: &str| {
        let mut seconds = 0..300;
        while stage.only(what).is_empty() {
            assert!(seconds.next().is_some(), "no {what}");
            stage.run(1);
        }
        stage.now
    };
    let (told, forgotten) = (when("active"), when("forget"));
    assert!(forgotten.since(told) > LOOK);
    assert!(forgotten.since(told) < LOOK * 3);
}

#[test]
fn silence_of_the_worker_is_not_active() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    stage.run(61);
    assert_eq!(stage.only("return"), ["w-1"]);
    stage.says("w-1", None);
    stage.run(30);
    assert_eq!(stage.only("forget"), [""; 0]);
}

#[test]
fn a_container_that_restarted_has_nothing_to_take_back() {
    let mut stage = Stage::drained(3);
    stage.unwant();
    stage.run(61);
    stage.log.clear();
    stage.edit("w-1", |pod| {
        pod.container.as_mut().unwrap().id = "second".to_owned();
    });
    stage.says("w-1", Some(NodeState::Active));
    stage.run(1);
    assert_eq!(stage.done(), ["forget w-1"]);
}

#[test]
fn a_pod_that_carries_a_refused_number_keeps_it_while_it_counts() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-0".to_owned(), 1);
    stage.run(1);
    stage.refuse_scale("w-0", Cause::Scale, Some(2));
    stage.run(300);
    assert_eq!(
        stage.only("begin"),
        ["w-1"],
        "an idle one goes in its place"
    );
    assert!(stage.pod("w-0").notes.want.is_some());
    stage.run(1100);
    let notes = [stage.pod("w-0").notes, stage.pod("w-1").notes];
    assert_eq!(notes, [Notes::default(), Notes::default()]);
}

/// Whoever was refused first would otherwise count as refused for 20 min more, and be let go by a bound.
#[test]
fn a_number_that_was_reached_leaves_nothing_behind() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-0".to_owned(), 1);
    stage.run(1);
    stage.refuse_scale("w-0", Cause::Scale, Some(2));
    stage.run(60);
    assert_eq!(stage.only("begin"), ["w-1"]);
    stage.remove("w-1");
    stage.replicas(2);
    stage.run(70);
    assert_eq!(stage.pod("w-0").notes, Notes::default());
}

#[test]
fn demand_takes_back_the_newest_drain_wanted_or_not() {
    let mut stage = Stage::deployment(2);
    stage.queries = Some(0);
    stage.refuse("w-1", Cause::Evict);
    stage.run(40);
    stage.refuse("w-1", Cause::Evict);
    stage.edit("w-0", |pod| pod.notes.want = None);
    stage.refuse("w-0", Cause::Evict);
    // The share holds it; whoever deletes the drained one makes it the last.
    stage.run(5);
    stage.says("w-0", Some(NodeState::Draining));
    let now = stage.now;
    stage.edit("w-0", |pod| {
        let container = pod.running().unwrap().to_owned();
        pod.notes.drain = Some(crate::core::guard::notes::Drain { container, at: now });
    });
    stage.run(2);
    stage.log.clear();
    stage.queries = Some(1);
    stage.run(5);
    assert_eq!(stage.only("return"), ["w-0"]);
    assert_eq!(stage.state("w-1"), Some(NodeState::Drained));
}

#[test]
fn demand_spares_a_drain_with_an_allow_in_the_last_minute() {
    let mut stage = Stage::deployment(1);
    stage.queries = Some(0);
    stage.refuse("w-0", Cause::Evict);
    stage.run(30);
    stage.grant("w-0");
    stage.queries = Some(1);
    stage.run(59);
    assert_eq!(stage.only("return"), [""; 0]);
    stage.run(2);
    assert_eq!(stage.only("return"), ["w-0"]);
}

#[test]
fn no_demand_without_unfinished_queries_or_while_another_worker_comes() {
    let mut stage = Stage::deployment(1);
    stage.queries = Some(0);
    stage.refuse("w-0", Cause::Evict);
    stage.run(60);
    assert_eq!(stage.only("return"), [""; 0]);
    stage.replace("x-0");
    stage.queries = Some(1);
    stage.run(60);
    assert_eq!(stage.only("return"), [""; 0]);
}

#[test]
fn an_unknown_number_of_queries_is_no_demand() {
    let mut stage = Stage::deployment(1);
    stage.queries = Some(0);
    stage.refuse("w-0", Cause::Evict);
    stage.run(30);
    stage.queries = None;
    stage.run(120);
    assert_eq!(stage.only("return"), [""; 0]);
}

/// The leader may have died, or been refused, between the record and the order; or a person told it first.
#[test]
fn a_drain_that_never_began_is_taken_back_too() {
    let mut stage = Stage::drained(3);
    stage.says("w-1", Some(NodeState::Active));
    stage.unwant();
    stage.run(75);
    assert_eq!(stage.only("return"), ["w-1"]);
    assert!(stage.pod("w-1").notes.returning.is_none());
    assert!(stage.pod("w-1").notes.drain.is_none());
}
