//! Which drains begin, and how many at once.

use super::*;
use crate::core::guard::evidence::{DrainPower, Said, Sight};
use crate::core::guard::facts::workload::Workload;
use crate::core::guard::plan::scene::workload;

impl Stage {
    fn refuse_all(&mut self, count: u32) {
        for index in 0..count {
            self.refuse(&format!("w-{index}"), Cause::Evict);
        }
    }

    /// Every worker keeps a task, so that drains last.
    fn busy(&mut self, count: u32) {
        self.tasks
            .extend((0..count).map(|n| (format!("uid-w-{n}"), 1)));
    }
}

#[test]
fn at_most_a_quarter_but_at_least_one_drains_at_once() {
    for (count, at_once) in [(1, 0), (2, 1), (3, 1), (4, 1), (8, 2), (10, 2)] {
        let mut stage = Stage::deployment(count);
        stage.busy(count);
        stage.refuse_all(count);
        stage.run(60);
        assert_eq!(stage.only("begin").len(), at_once, "of {count}");
    }
}

#[test]
fn the_floor_counts_from_the_lower_number_that_was_asked_for() {
    let mut stage = Stage::deployment(5);
    stage.busy(5);
    for name in ["w-0", "w-1", "w-2"] {
        stage.refuse_scale(name, Cause::Scale, Some(2));
    }
    stage.run(2);
    assert_eq!(stage.only("begin"), ["w-0", "w-1", "w-2"]);
}

#[test]
fn the_queue_is_in_the_order_of_time() {
    let mut stage = Stage::deployment(4);
    stage.busy(4);
    stage.pass(1);
    stage.refuse("w-3", Cause::Evict);
    stage.pass(1);
    stage.refuse("w-1", Cause::Delete);
    stage.cordon("node-0", true);
    stage.run(1);
    assert_eq!(stage.only("begin"), ["w-3"]);
    stage.remove("w-3");
    stage.replace("x-3");
    stage.run(20);
    assert_eq!(stage.only("begin"), ["w-1"]);
    stage.remove("w-1");
    stage.replace("x-1");
    stage.run(20);
    assert_eq!(
        stage.only("begin"),
        ["w-0"],
        "who was not refused comes last"
    );
}

#[test]
fn the_share_is_waived_after_max_block_in_the_queue_and_min_active_is_not() {
    let mut stage = Stage::deployment(3);
    stage.policy.bounds.drain_expected = std::time::Duration::ZERO;
    stage.busy(3);
    for _ in 0..62 {
        stage.refuse_all(3);
        stage.run(30);
    }
    assert_eq!(stage.only("begin"), ["w-0", "w-1"]);
}

#[test]
fn the_last_workers_drain_only_without_queries_or_in_the_last_stretch() {
    let mut stage = Stage::deployment(1);
    stage.busy(1);
    for _ in 0..111 {
        stage.refuse_all(1);
        stage.run(30);
    }
    assert_eq!(stage.only("begin"), [""; 0], "56 min less a moment");
    stage.run(30);
    assert_eq!(stage.only("begin"), ["w-0"]);
    stage.run(120);
    assert_eq!(stage.only("return"), [""; 0], "demand does not undo it");
}

#[test]
fn an_unknown_number_of_queries_is_not_none() {
    let mut stage = Stage::deployment(1);
    stage.queries = Some(0);
    stage.run(2);
    stage.queries = None;
    stage.run(12);
    stage.refuse("w-0", Cause::Evict);
    stage.run(60);
    assert_eq!(stage.only("begin"), [""; 0]);
    stage.queries = Some(0);
    stage.run(1);
    assert_eq!(stage.only("begin"), ["w-0"]);
}

#[test]
fn without_a_running_coordinator_there_are_no_queries() {
    let mut stage = Stage::deployment(1);
    stage.edit("c-0", |pod| pod.container.as_mut().unwrap().running = false);
    stage.refuse("w-0", Cause::Evict);
    stage.run(30);
    assert_eq!(
        stage.done()[..2],
        ["begin w-0", "kick w-0"],
        "and nothing to prove"
    );
}

#[test]
fn a_worker_of_which_nothing_is_known_does_not_count_as_serving() {
    let mut stage = Stage::deployment(4);
    stage.busy(4);
    stage.says("w-3", None);
    stage.run(15);
    stage.refuse("w-0", Cause::Evict);
    stage.run(10);
    assert_eq!(stage.only("begin"), [""; 0]);
    stage.says("w-3", Some(NodeState::Active));
    stage.run(25);
    assert_eq!(stage.only("begin"), ["w-0"]);
}

#[test]
fn a_silent_worker_that_is_ready_is_told_once() {
    let mut stage = Stage::deployment(4);
    stage.replace("x-0");
    stage.says("x-0", None);
    stage.refuse("x-0", Cause::Evict);
    stage.run(60);
    assert_eq!(stage.only("begin"), ["x-0"]);
    stage.replace("x-1");
    stage.says("x-1", None);
    stage.edit("x-1", |pod| pod.ready = false);
    stage.refuse("x-1", Cause::Evict);
    stage.run(60);
    assert_eq!(stage.only("begin"), [""; 0]);
}

#[test]
fn a_drain_that_is_not_ours_and_a_worker_that_shuts_down_are_left_alone() {
    for state in [
        NodeState::Draining,
        NodeState::Drained,
        NodeState::ShuttingDown,
    ] {
        let mut stage = Stage::deployment(3);
        stage.busy(3);
        stage.says("w-1", Some(state));
        stage.run(2);
        stage.refuse("w-1", Cause::Evict);
        stage.run(1300);
        assert_eq!(stage.only("begin"), [""; 0], "{state:?}");
        assert_eq!(stage.state("w-1"), Some(state));
    }
}

#[test]
fn a_foreign_drain_is_proven_and_kicked_but_never_taken_back() {
    let mut stage = Stage::deployment(3);
    stage.says("w-1", Some(NodeState::Drained));
    stage.run(2);
    stage.refuse("w-1", Cause::Evict);
    stage.run(30);
    assert_eq!(stage.done()[..2], ["prove w-1", "kick w-1"]);
    stage.run(1300);
    assert_eq!(stage.state("w-1"), Some(NodeState::Drained));
    assert_eq!(stage.pod("w-1").notes, Notes::default());
}

#[test]
fn a_container_that_is_starting_is_told_when_it_has_started() {
    let mut stage = Stage::deployment(3);
    stage.busy(3);
    stage.edit("w-1", |pod| {
        pod.container.as_mut().unwrap().id = "second".to_owned();
    });
    stage.says.remove("uid-w-1");
    stage.refuse("w-1", Cause::Evict);
    for _ in 0..20 {
        let sight = Sight {
            container: "second".to_owned(),
            at: stage.now,
            said: Said::State {
                state: NodeState::Active,
                starting: true,
            },
        };
        stage.evidence.look("uid-w-1", &sight);
        stage.pass(1);
        stage.act();
    }
    assert_eq!(stage.only("begin"), [""; 0]);
    stage.says("w-1", Some(NodeState::Active));
    stage.run(25);
    assert_eq!(stage.only("begin"), ["w-1"]);
}

#[test]
fn dead_pods_and_pods_that_may_go_anyway_need_no_drain() {
    let mut stage = Stage::deployment(3);
    stage.edit("w-1", |pod| pod.container.as_mut().unwrap().running = false);
    stage.refuse("w-1", Cause::Evict);
    stage.run(60);
    assert_eq!(stage.only("begin"), [""; 0]);
}

#[test]
fn nobody_is_drained_where_workers_cannot_be_and_the_probe_goes_first_where_nobody_knows() {
    for power in [DrainPower::Forbidden, DrainPower::TooOld] {
        let mut stage = Stage::deployment(3);
        stage.evidence.power(&cluster(), power);
        stage.refuse("w-1", Cause::Evict);
        stage.run(60);
        assert_eq!(stage.only("begin"), [""; 0]);
    }
    let mut stage = Stage::deployment(3);
    stage.evidence.power(&cluster(), DrainPower::Unasked);
    stage.change_leader();
    stage.refuse("w-1", Cause::Evict);
    stage.run(9);
    assert_eq!(stage.log.iter().filter(|line| *line == "probe").count(), 1);
    assert_eq!(stage.only("begin"), [""; 0]);
    stage.run(9);
    assert_eq!(
        stage.only("begin"),
        ["w-1"],
        "no answer: the drain itself finds out"
    );
}

#[test]
fn drain_permission_is_asked_for_again_when_it_is_old() {
    let mut stage = Stage::deployment(3);
    stage.run(1210);
    assert_eq!(stage.only("probe").len(), 2);
}

#[test]
fn a_deployment_that_recreates_its_pods_waits_for_no_replacement() {
    let mut stage = Stage::deployment(4);
    stage.busy(4);
    stage.put(Workload {
        recreate: true,
        ..workload(Kind::Deployment, "w", 4)
    });
    stage.put(Workload {
        owner: Some("uid-w".to_owned()),
        ..workload(Kind::ReplicaSet, "rs", 0)
    });
    stage.run(5);
    assert_eq!(
        stage.only("begin"),
        ["w-0", "w-1", "w-2"],
        "all but minActive"
    );
}

/// A query may come before the coordinator has noticed: real Trino lost one so. Which worker goes is nobody's wish here.
#[test]
fn an_idle_worker_beside_a_busy_one_is_not_drained_if_it_is_the_last() {
    let mut stage = Stage::deployment(2);
    stage.refuse_scale("w-0", Cause::Scale, Some(1));
    stage.run(5);
    let begun = stage.only("begin");
    assert_eq!(begun.len(), 1, "{begun:?}");
    let other = if begun[0] == "w-0" { "w-1" } else { "w-0" };
    stage.tasks.insert(format!("uid-{}", begun[0]), 1);
    stage.queries = Some(0);
    for _ in 0..10 {
        stage.refuse_scale(&begun[0], Cause::Scale, Some(1));
        stage.run(10);
    }
    assert_eq!(stage.only("begin"), [""; 0]);
    assert!(stage.pod(other).notes.drain.is_none());
}
