//! The proof, the kick, our own evictions, costs.

use super::super::bands;
use super::*;
use crate::core::guard::notes::Override;
use crate::core::guard::time::Time;

impl Stage {
    /// Seconds from now at which actions of a kind came, for so long.
    fn times(&mut self, kind: &str, seconds: u64) -> Vec<u64> {
        let mut times = Vec::new();
        for second in 1..=seconds {
            self.log.clear();
            self.run(1);
            if !self.only(kind).is_empty() {
                times.push(second);
            }
        }
        times
    }

    fn break_glass(&mut self, name: &str) {
        let end = self.now + std::time::Duration::from_secs(3600);
        let reason = "the node is on fire".to_owned();
        self.edit(name, |pod| {
            pod.notes.break_glass = Some(Override::Until { end, reason });
        });
    }
}

#[test]
fn a_refused_pod_that_may_go_is_kicked_at_once_and_after_10_20_and_40_seconds() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    stage.refuse("w-1", Cause::Delete);
    stage.run(5);
    stage.break_glass("w-1");
    assert_eq!(stage.times("kick", 300), [1, 11, 31, 71]);
    stage.refuse("w-1", Cause::Delete);
    assert_eq!(stage.times("kick", 30), [1, 11], "refused once more");
}

#[test]
fn a_proof_that_could_not_be_written_is_written_later_however_long_that_takes() {
    let mut stage = Stage::deployment(3);
    stage.kicks = false;
    stage.refuse("w-1", Cause::Evict);
    stage.run(300);
    let tries = stage.only("kick").len();
    assert!(tries > 8, "{tries}: an API server that is away for minutes");
    stage.kicks = true;
    stage.run(50);
    assert!(stage.pod("w-1").notes.drained.is_some());
    stage.run(71);
    assert_eq!(stage.times("kick", 300), [0; 0], "written and repeated");
}

#[test]
fn each_kick_differs_from_the_one_before() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Controller);
    stage.break_glass("w-1");
    let mut costs = Vec::new();
    for _ in 0..3 {
        stage.run(20);
        costs.push(stage.pod("w-1").cost);
    }
    assert!(
        costs.iter().all(|cost| bands::is_drained(*cost)),
        "{costs:?}"
    );
    let first = stage.only("kick").len();
    assert!(first >= 3, "{first}");
    let pod = stage.pod("w-1");
    assert_ne!(bands::kick(pod.cost), pod.cost);
}

#[test]
fn a_drained_pod_is_kicked_with_its_proof_and_any_other_without() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Evict);
    stage.refuse("w-2", Cause::Evict);
    stage.break_glass("w-2");
    stage.run(30);
    let drained = stage.pod("w-1").notes.drained.expect("a proof");
    assert_eq!(drained.container, "container-w-1");
    assert!(stage.pod("w-2").notes.drained.is_none());
    assert!(bands::is_drained(stage.pod("w-2").cost));
}

/// A replica that began after the proof may not take it for one.
#[test]
fn who_was_refused_after_the_proof_makes_the_leader_prove_once_more() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Evict);
    stage.run(40);
    assert_eq!(stage.only("prove"), ["w-1"]);
    let before = stage.pod("w-1").notes.drained.expect("a proof").at;
    // Cycles that end would be proofs, too.
    stage.queries = None;
    stage.run(1);
    stage.refuse("w-1", Cause::Evict);
    stage.run(90);
    assert_eq!(stage.only("prove"), ["w-1"], "and not again and again");
    assert!(stage.pod("w-1").notes.drained.expect("a proof").at > before);
}

#[test]
fn a_pod_that_was_refused_for_max_block_is_kicked() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    let mut kicks = 0;
    for _ in 0..62 {
        stage.refuse("w-1", Cause::Evict);
        stage.run(30);
        kicks += stage.only("kick").len();
    }
    assert!(kicks > 0);
}

#[test]
fn a_busy_pod_is_never_kicked() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    stage.refuse("w-1", Cause::Evict);
    stage.run(300);
    assert_eq!(stage.only("kick"), [""; 0]);
}

#[test]
fn the_proof_is_asked_for_after_notice_time_at_once_and_then_with_pauses() {
    let mut stage = Stage::deployment(3);
    stage.proves = false;
    stage.refuse("w-1", Cause::Evict);
    let times = stage.times("prove", 40);
    let begun = stage.pod("w-1").notes.drain.unwrap().at;
    let notice = stage.policy.bounds.notice;
    let start = Time::before(stage.now, std::time::Duration::from_secs(40));
    let first = (begun + notice).since(start).as_secs();
    let expected: Vec<_> = (first..=40).step_by(5).collect();
    assert_eq!(times, expected);
}

#[test]
fn who_does_not_come_back_is_evicted_by_us_after_the_proof_is_written() {
    for cause in [Cause::Taint, Cause::Collector] {
        let mut stage = Stage::deployment(3);
        stage.refuse("w-1", cause);
        stage.run(30);
        let done = stage.done();
        assert_eq!(
            done[..4],
            ["begin w-1", "prove w-1", "kick w-1", "evict w-1"]
        );
    }
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Evict);
    stage.run(100);
    assert_eq!(stage.only("evict"), [""; 0]);
}

#[test]
fn our_own_eviction_waits_for_the_gate_and_is_repeated() {
    let mut stage = Stage::deployment(3);
    stage.tasks.insert("uid-w-1".to_owned(), 1);
    stage.refuse("w-1", Cause::Taint);
    stage.run(100);
    assert_eq!(stage.only("evict"), [""; 0]);
    stage.tasks.clear();
    stage.run(60);
    assert!(stage.only("evict").len() >= 3);
}

#[test]
fn the_pods_of_a_deleted_controller_are_drained_and_evicted() {
    let mut stage = Stage::deployment(2);
    for (kind, name) in [(Kind::Deployment, "w"), (Kind::ReplicaSet, "rs")] {
        let name = Name::new(SPACE, name);
        stage.world.drop_workload(kind, &name);
    }
    stage.queries = Some(0);
    stage.refuse("w-0", Cause::Collector);
    stage.refuse("w-1", Cause::Collector);
    stage.run(30);
    let mut evicted = stage.only("evict");
    evicted.dedup();
    evicted.truncate(2);
    assert_eq!(evicted, ["w-0", "w-1"]);
}

#[test]
fn a_refused_coordinator_is_kicked_when_its_queries_are_over() {
    let mut stage = Stage::deployment(3);
    stage.refuse("c-0", Cause::Controller);
    stage.run(60);
    assert_eq!(stage.done(), [""; 0]);
    stage.queries = Some(0);
    stage.run(10);
    assert_eq!(stage.done(), ["kick c-0"]);
    assert!(stage.pod("c-0").notes.drained.is_none());
}

#[test]
fn costs_are_written_where_there_are_too_many_and_removed_afterwards() {
    let mut stage = Stage::deployment(4);
    stage.tasks.insert("uid-w-2".to_owned(), 1);
    stage.run(1);
    assert_eq!(stage.only("cost"), [""; 0]);
    stage.replicas(3);
    stage.run(2);
    assert_eq!(stage.only("cost"), ["w-1 -17", "w-2 17", "w-3 -17"]);
    assert_eq!(stage.pod("w-0").cost, bands::DRAINING);
    stage.remove("w-0");
    stage.run(120);
    assert_eq!(stage.only("cost"), ["w-1 none", "w-2 none", "w-3 none"]);
}

#[test]
fn a_cost_changes_at_most_once_a_minute() {
    let mut stage = Stage::deployment(4);
    stage.replicas(3);
    let mut writes = 0;
    for second in 0..240 {
        if second % 15 == 0 {
            let tasks = stage.tasks.entry("uid-w-3".to_owned()).or_default();
            *tasks = 1 - *tasks;
        }
        stage.run(1);
        let costs = stage.only("cost");
        writes += costs.iter().filter(|line| line.starts_with("w-3")).count();
    }
    assert!((2..=5).contains(&writes), "{writes}");
}

#[test]
fn a_cost_that_a_person_chose_is_left_alone_until_the_kick() {
    let mut stage = Stage::deployment(3);
    stage.edit("w-0", |pod| pod.cost = -1000);
    stage.edit("w-1", |pod| pod.cost = 5);
    stage.replicas(2);
    stage.run(10);
    assert_eq!((stage.pod("w-0").cost, stage.pod("w-1").cost), (-1000, 5));
    assert_eq!(stage.only("begin"), ["w-0"]);
    stage.run(30);
    assert!(bands::is_drained(stage.pod("w-0").cost));
}

#[test]
fn a_stateful_sets_pods_get_no_costs_but_the_kick() {
    let mut stage = Stage::stateful_set(3);
    stage.refuse_scale("w-2", Cause::Scale, Some(2));
    stage.run(60);
    let writes: Vec<_> = stage
        .log
        .iter()
        .filter(|line| line.starts_with("cost"))
        .collect();
    assert_eq!(writes, [""; 0]);
    assert!(stage.only("kick").len() >= 3);
    assert!(bands::is_drained(stage.pod("w-2").cost));
}

/// Its lists come every few seconds and age in between: that is no reason to begin again.
#[test]
fn a_free_coordinator_is_kicked_as_often_as_a_worker() {
    let mut stage = Stage::deployment(3);
    stage.refuse("c-0", Cause::Controller);
    stage.queries = Some(0);
    for _ in 0..40 {
        stage.run(5);
        stage.queries = None;
        stage.run(3);
        stage.queries = Some(0);
    }
    assert_eq!(
        stage.only("kick").len(),
        1 + super::super::kick::REPEATS.len()
    );
}
