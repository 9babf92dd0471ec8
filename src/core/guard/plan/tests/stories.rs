//! The stories of planning, from the first refusal to the end.

use super::*;
use crate::core::guard::gate::{Gate, Patience};

/// Runs until each of these pods was allowed to go, answering evictions as the webhook would: refused pods that are free
/// go, and a replacement comes for each. Answers how many were draining at once at the most.
fn drain_node(stage: &mut Stage, names: &[&str]) -> usize {
    let mut left: Vec<_> = names.to_vec();
    let mut most = 0;
    for round in 0..200 {
        left.retain(|name| {
            let pod = stage.pod(name);
            let gate = stage.view().gate(&pod, Patience::Ordinary);
            let free = matches!(gate, Gate::Open(_) | Gate::Look);
            if free {
                stage.remove(name);
                stage.replace(&format!("x-{round}-{name}"));
            } else {
                stage.refuse(name, Cause::Evict);
            }
            !free
        });
        if left.is_empty() {
            return most;
        }
        stage.run(5);
        let draining = left
            .iter()
            .filter(|name| stage.pod(name).notes.drain.is_some());
        most = most.max(draining.count());
    }
    panic!("still waiting for {left:?}");
}

#[test]
fn a_the_node_of_all_three_workers_is_drained_one_by_one() {
    let mut stage = Stage::deployment(3);
    let names = ["w-0", "w-1", "w-2"];
    for name in names {
        stage.edit(name, |pod| pod.node = Some("node-0".to_owned()));
    }
    stage.cordon("node-0", true);
    assert_eq!(drain_node(&mut stage, &names), 1);
    assert_eq!(stage.only("begin"), names);
    assert_eq!(stage.workers().len(), 3);
}

/// `kubectl drain` of two nodes cordons both, and asks for the second one's pods when the first one is empty.
#[test]
fn a_a_worker_drained_for_a_cordon_alone_makes_way_for_one_that_is_asked_for() {
    let mut stage = Stage::deployment(4);
    stage.cordon("node-1", true);
    stage.run(30);
    assert_eq!(stage.done()[0], "begin w-1");
    stage.cordon("node-0", true);
    drain_node(&mut stage, &["w-0"]);
    let done = stage.done();
    assert_eq!(
        done[..4],
        ["return w-1", "active w-1", "forget w-1", "begin w-0"]
    );
    drain_node(&mut stage, &["w-1"]);
}

#[test]
fn a_a_worker_that_nobody_asks_for_any_more_makes_way_on_a_cordoned_node() {
    let mut stage = Stage::deployment(4);
    stage.cordon("node-1", true);
    for _ in 0..3 {
        stage.refuse("w-1", Cause::Evict);
        stage.run(30);
    }
    stage.run(200);
    assert_eq!(stage.state("w-1"), Some(NodeState::Drained));
    drain_node(&mut stage, &["w-0"]);
}

#[test]
fn d_a_worker_whose_caller_walked_away_makes_way_for_a_drain() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Delete);
    stage.run(60);
    assert_eq!(stage.state("w-1"), Some(NodeState::Drained));
    drain_node(&mut stage, &["w-0"]);
    let done = stage.only("return");
    assert_eq!(done, ["w-1"]);
}

#[test]
fn a_whoever_is_asked_for_right_after_the_cordon_goes_first() {
    let mut stage = Stage::deployment(4);
    stage.cordon("node-0", true);
    stage.cordon("node-1", true);
    stage.run(2);
    drain_node(&mut stage, &["w-1"]);
    assert_eq!(stage.only("begin")[0], "w-1");
}

#[test]
fn d_a_human_deletes_one_pod_and_walks_away() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Delete);
    stage.run(20 * 60 - 10);
    let begun = stage.done();
    assert_eq!(begun[..2], ["begin w-1", "prove w-1"]);
    assert_eq!(stage.state("w-1"), Some(NodeState::Drained));
    stage.run(30);
    assert_eq!(stage.done(), ["return w-1", "active w-1", "forget w-1"]);
    assert_eq!(stage.state("w-1"), Some(NodeState::Active));
    assert_eq!(stage.pod("w-1").notes, Notes::default());
    assert_eq!(stage.pod("w-1").cost, 0);
    stage.run(600);
    assert_eq!(stage.done(), [""; 0]);
}

#[test]
fn h_a_leader_lost_between_record_and_put_is_continued_by_the_next() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Delete);
    stage.puts = false;
    stage.run(2);
    assert_eq!(stage.done(), ["begin w-1"]);
    assert_eq!(stage.state("w-1"), Some(NodeState::Active));
    stage.change_leader();
    stage.puts = true;
    stage.run(60);
    let done = stage.done();
    assert_eq!(done[..3], ["begin w-1", "prove w-1", "kick w-1"]);
}

#[test]
fn h_a_leader_lost_after_the_put_leaves_a_drain_that_is_ours() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-1".to_owned(), 2);
    stage.refuse("w-1", Cause::Delete);
    stage.run(2);
    assert_eq!(stage.done(), ["begin w-1"]);
    stage.change_leader();
    stage.run(30);
    assert_eq!(stage.done(), [""; 0], "DRAINING is never told twice");
    stage.tasks.clear();
    stage.run(5);
    assert_eq!(stage.done(), ["prove w-1", "kick w-1"]);
}

#[test]
fn h_a_drain_that_nobody_wants_any_more_is_taken_back_by_the_next_leader() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Delete);
    stage.run(30);
    stage.edit("w-1", |pod| pod.notes.want = None);
    stage.change_leader();
    stage.log.clear();
    stage.run(70);
    assert_eq!(stage.done(), ["return w-1", "active w-1", "forget w-1"]);
}

#[test]
fn h_a_give_back_is_continued_by_the_next_leader() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Delete);
    stage.run(30);
    stage.log.clear();
    let now = stage.now;
    stage.edit("w-1", |pod| {
        pod.notes.want = None;
        pod.notes.returning = Some(now);
    });
    stage.change_leader();
    stage.run(20);
    assert_eq!(stage.done(), ["active w-1", "forget w-1"]);
}

#[test]
fn h_a_leader_cut_off_from_trino_undoes_nothing() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Delete);
    stage.run(30);
    stage.log.clear();
    for name in ["w-0", "w-1", "w-2"] {
        stage.says(name, None);
    }
    stage.queries = None;
    stage.refuse("w-2", Cause::Delete);
    stage.run(120);
    let done = stage.done();
    let begun = done.iter().filter(|line| !line.starts_with("kick"));
    assert_eq!(begun.count(), 0, "{done:?}");
}

#[test]
fn i_a_container_that_restarts_while_draining_is_drained_again() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    stage.refuse("w-1", Cause::Delete);
    stage.run(10);
    stage.log.clear();
    stage.edit("w-1", |pod| {
        let container = pod.container.as_mut().unwrap();
        container.id = "second".to_owned();
        pod.ready = false;
    });
    stage.says("w-1", None);
    stage.tasks.clear();
    stage.run(5);
    assert_eq!(stage.done(), [""; 0], "nothing is known of it yet");
    stage.says("w-1", Some(NodeState::Active));
    stage.edit("w-1", |pod| pod.ready = true);
    // Its coordinator has to find it again, and then to notice that it drains.
    stage.run(2 * 15 + 15);
    assert_eq!(stage.done()[..2], ["begin w-1", "prove w-1"]);
    let drain = stage.pod("w-1").notes.drain.unwrap();
    assert_eq!(drain.container, "second");
}

#[test]
fn m_the_only_worker_is_drained_when_no_query_runs_and_comes_back_on_demand() {
    let mut stage = Stage::deployment(1);
    stage.refuse("w-0", Cause::Evict);
    stage.run(20);
    assert_eq!(stage.done(), [""; 0], "a query runs");
    stage.queries = Some(0);
    stage.refuse("w-0", Cause::Evict);
    stage.run(30);
    assert_eq!(stage.done()[..3], ["begin w-0", "prove w-0", "kick w-0"]);
    let blocked = stage.pod("w-0").notes.blocked_since;
    stage.queries = Some(1);
    stage.run(10);
    assert_eq!(stage.done(), ["return w-0", "active w-0", "forget w-0"]);
    assert_eq!(stage.state("w-0"), Some(NodeState::Active));
    let notes = stage.pod("w-0").notes;
    assert_eq!(notes.blocked_since, blocked, "its clock goes on");
    assert!(notes.want.is_some());
    stage.run(60);
    assert_eq!(stage.done(), [""; 0], "while the query runs");
}

#[test]
fn n_a_scale_to_zero_is_revoked_by_new_demand() {
    let mut stage = Stage::deployment(3);
    stage.queries = Some(0);
    let poll = |stage: &mut Stage| {
        for name in ["w-0", "w-1", "w-2"] {
            stage.refuse_scale(name, Cause::Scale, Some(0));
        }
        stage.run(30);
    };
    poll(&mut stage);
    assert_eq!(stage.only("begin"), ["w-0", "w-1", "w-2"]);
    poll(&mut stage);
    poll(&mut stage);
    stage.log.clear();
    stage.queries = Some(1);
    stage.run(10);
    assert_eq!(stage.only("return").len(), 1, "one serves at once");
    // The poller is silent from now on; five of its intervals and a minute later the others come back too.
    stage.run(5 * 30 + 60);
    assert_eq!(stage.only("return").len(), 2);
    stage.run(10);
    for name in ["w-0", "w-1", "w-2"] {
        assert_eq!(stage.state(name), Some(NodeState::Active));
        assert_eq!(stage.pod(name).notes, Notes::default());
    }
}
