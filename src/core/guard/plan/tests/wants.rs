//! Which pods are wanted, in which order, and for how long.

use super::super::crew::Crew;
use super::*;
use crate::core::guard::facts::place::Announced;
use crate::core::guard::facts::workload::Workload;
use crate::core::guard::plan::scene::workload;

impl Stage {
    /// The names of the wanted pods.
    fn wanted(&mut self) -> Vec<String> {
        let cluster = cluster();
        self.memory.observe(&self.scene.view());
        let crew = Crew::muster(self.scene.view(), &cluster, &self.memory);
        let mut names: Vec<_> = crew
            .wanted
            .keys()
            .map(|uid| uid.trim_start_matches("uid-").to_owned())
            .collect();
        names.sort();
        names
    }

    fn announce(&mut self, node: &str, announced: Option<Announced>) {
        let mut facts = self.world.node(node).expect("a node").clone();
        facts.announced = announced;
        self.world.put_node(node.to_owned(), facts);
    }
}

#[test]
fn the_first_pods_of_the_ranking_that_are_too_many_are_wanted() {
    let mut stage = Stage::deployment(5);
    assert_eq!(stage.wanted(), [""; 0]);
    stage.replicas(3);
    stage.run(1);
    assert_eq!(stage.wanted(), ["w-0", "w-1"]);
    stage.tasks.insert("uid-w-0".to_owned(), 1);
    stage.run(1);
    assert_eq!(
        stage.wanted(),
        ["w-0", "w-1"],
        "those that drain stay the victims"
    );
}

#[test]
fn idle_workers_are_chosen_before_busy_ones_as_our_costs_will_have_it() {
    let mut stage = Stage::deployment(5);
    for busy in ["uid-w-0", "uid-w-1", "uid-w-3"] {
        stage.tasks.insert(busy.to_owned(), 1);
    }
    stage.run(1);
    stage.replicas(3);
    assert_eq!(stage.wanted(), ["w-2", "w-4"]);
}

#[test]
fn a_refused_scale_counts_until_a_later_one_or_until_replicas_are_raised() {
    let mut stage = Stage::deployment(5);
    stage.refuse_scale("w-0", Cause::Scale, Some(2));
    assert_eq!(stage.wanted(), ["w-0", "w-1", "w-2"]);
    stage.pass(40);
    stage.refuse_scale("w-0", Cause::Scale, Some(4));
    assert_eq!(stage.wanted(), ["w-0"]);
    stage.pass(40);
    stage.replicas(6);
    assert_eq!(stage.wanted(), [""; 0]);
}

#[test]
fn pods_named_by_an_eviction_or_a_person_are_wanted_whatever_the_surplus() {
    for cause in [
        Cause::Evict,
        Cause::Delete,
        Cause::Taint,
        Cause::Collector,
        Cause::Preemption,
    ] {
        let mut stage = Stage::deployment(3);
        stage.refuse("w-2", cause);
        assert_eq!(stage.wanted(), ["w-2"], "{cause}");
    }
    let mut stage = Stage::deployment(3);
    stage.refuse("w-2", Cause::Controller);
    assert_eq!(stage.wanted(), [""; 0], "a ReplicaSet's try names nobody");
}

#[test]
fn a_controller_that_tries_another_victim_starts_no_other_drain() {
    let mut stage = Stage::deployment(4);
    stage.tasks.insert("uid-w-0".to_owned(), 1);
    stage.refuse("w-0", Cause::Controller);
    stage.replicas(3);
    stage.run(1);
    assert_eq!(stage.only("begin"), ["w-1"], "the idle one");
    stage.refuse("w-3", Cause::Controller);
    stage.edit("w-3", |pod| pod.ready = false);
    stage.run(60);
    assert_eq!(stage.only("begin"), [""; 0]);
    // It may go and was kicked in vain: the controller takes whoever is not Ready first.
    stage.run(60);
    assert_eq!(stage.only("begin"), ["w-3"]);
}

#[test]
fn a_victim_is_replaced_by_a_pod_that_may_go() {
    let mut stage = Stage::deployment(4);
    stage
        .tasks
        .extend((0..4).map(|n| (format!("uid-w-{n}"), 1)));
    stage.replicas(3);
    stage.run(1);
    assert_eq!(stage.wanted(), ["w-0"]);
    stage.edit("w-2", |pod| {
        pod.ready = false;
        pod.container.as_mut().unwrap().running = false;
    });
    assert_eq!(stage.wanted(), ["w-2"]);
}

#[test]
fn an_eviction_counts_as_one_of_those_that_are_too_many() {
    let mut stage = Stage::deployment(4);
    stage.tasks.insert("uid-w-3".to_owned(), 1);
    stage.run(1);
    stage.refuse("w-3", Cause::Evict);
    stage.replicas(3);
    assert_eq!(stage.wanted(), ["w-3"]);
}

#[test]
fn a_stateful_sets_highest_ordinals_are_wanted_whatever_is_missing_below() {
    let mut stage = Stage::stateful_set(5);
    stage.remove("w-1");
    stage.refuse_scale("w-4", Cause::Scale, Some(3));
    assert_eq!(stage.wanted(), ["w-3", "w-4"]);
}

#[test]
fn a_stateful_sets_refused_pod_of_an_old_revision_stays_wanted() {
    let mut stage = Stage::stateful_set(3);
    let revised = |revision: &str| Workload {
        update_revision: Some(revision.to_owned()),
        ..workload(Kind::StatefulSet, "w", 3)
    };
    stage.put(revised("b"));
    stage.edit("w-2", |pod| pod.revision = Some("a".to_owned()));
    stage.edit("w-1", |pod| pod.revision = Some("a".to_owned()));
    stage.refuse("w-2", Cause::Controller);
    stage.pass(3600);
    assert_eq!(stage.wanted(), ["w-2"]);
    stage.put(revised("a"));
    assert_eq!(stage.wanted(), [""; 0]);
    stage.edit("w-2", |pod| pod.revision = None);
    assert_eq!(stage.wanted(), [""; 0], "unknown: while the refusal counts");
    stage.refuse("w-2", Cause::Controller);
    assert_eq!(stage.wanted(), ["w-2"]);
}

#[test]
fn in_a_rollout_each_replica_set_knows_its_own_number_alone() {
    let mut stage = Stage::deployment(4);
    let sets = |stage: &mut Stage, old: u32, new: u32| {
        for (name, count) in [("rs", old), ("rs2", new)] {
            stage.put(Workload {
                owner: Some("uid-w".to_owned()),
                ..workload(Kind::ReplicaSet, name, count)
            });
        }
    };
    sets(&mut stage, 4, 1);
    let mut young = stage.pod_of(Kind::ReplicaSet, "rs2", "y-0");
    young.ready_changed = Some(stage.now);
    stage.world.put_pod(young);
    assert_eq!(stage.wanted(), [""; 0], "the surge pod is not too many");
    sets(&mut stage, 3, 2);
    assert_eq!(stage.wanted(), ["w-0"]);
    stage.refuse_scale("w-0", Cause::Scale, Some(1));
    assert_eq!(
        stage.wanted(),
        ["w-0"],
        "a scale-down waits for the rollout"
    );
}

#[test]
fn a_pod_whose_controller_is_going_or_gone_is_wanted_until_gone() {
    let mut stage = Stage::deployment(2);
    let going = |deleting| Workload {
        deleting,
        owner: Some("uid-w".to_owned()),
        ..workload(Kind::ReplicaSet, "rs", 2)
    };
    stage.put(going(true));
    assert_eq!(stage.wanted(), ["w-0", "w-1"]);
    stage.put(going(false));
    assert_eq!(stage.wanted(), [""; 0]);
    let name = Name::new(SPACE, "rs");
    stage.world.drop_workload(Kind::ReplicaSet, &name);
    assert_eq!(stage.wanted(), [""; 0], "not known is not gone");
    stage.refuse("w-0", Cause::Collector);
    stage.pass(24 * 3600);
    assert_eq!(stage.wanted(), ["w-0"]);
}

#[test]
fn an_autoscalers_taint_wants_the_pods_of_its_node_and_a_candidate_only_by_choice() {
    let mut stage = Stage::deployment(3);
    for taint in [Announced::ClusterAutoscaler, Announced::Karpenter] {
        stage.announce("node-1", Some(taint));
        assert_eq!(stage.wanted(), ["w-1"]);
    }
    stage.announce("node-1", Some(Announced::Candidate));
    assert_eq!(stage.wanted(), [""; 0]);
    stage.policy.deletion_candidate = true;
    assert_eq!(stage.wanted(), ["w-1"]);
    stage.announce("node-1", None);
    assert_eq!(stage.wanted(), [""; 0]);
}

#[test]
fn a_cordon_wants_early_by_choice_and_prolongs_for_at_most_max_block() {
    let mut stage = Stage::deployment(3);
    stage.cordon("node-1", true);
    assert_eq!(stage.wanted(), [""; 0], "those that are asked for go first");
    stage.pass(5);
    assert_eq!(stage.wanted(), ["w-1"]);
    stage.pass(30 * 60);
    assert_eq!(stage.wanted(), [""; 0], "a node may stay cordoned for days");
    stage.policy.drain_on_cordon = false;
    stage.refuse("w-1", Cause::Delete);
    stage.pass(29 * 60);
    assert_eq!(stage.wanted(), ["w-1"], "longer than abandonAfter");
    stage.pass(60);
    assert_eq!(stage.wanted(), [""; 0]);
}

#[test]
fn an_unknown_node_is_neither_cordoned_nor_announced() {
    let mut stage = Stage::deployment(3);
    stage.cordon("node-1", true);
    stage.world.drop_node("node-1");
    assert_eq!(stage.wanted(), [""; 0]);
}

#[test]
fn a_single_refusal_is_forgotten_after_abandon_after() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Evict);
    stage.pass(20 * 60 - 1);
    assert_eq!(stage.wanted(), ["w-1"]);
    stage.pass(1);
    assert_eq!(stage.wanted(), [""; 0]);
}

#[test]
fn what_the_taint_eviction_controller_asked_for_once_is_wanted_until_its_bound() {
    let mut stage = Stage::deployment(3);
    stage.refuse("w-1", Cause::Taint);
    stage.pass(59 * 60);
    assert_eq!(stage.wanted(), ["w-1"]);
}

#[test]
fn a_poller_that_is_silent_for_five_of_its_intervals_wants_nothing_any_more() {
    let mut stage = Stage::deployment(3);
    for _ in 0..3 {
        stage.refuse("w-1", Cause::Evict);
        stage.wanted();
        stage.pass(30);
    }
    stage.pass(119);
    assert_eq!(stage.wanted(), ["w-1"]);
    stage.pass(1);
    assert_eq!(stage.wanted(), [""; 0]);
}

/// Whose refusals follow each other within a second are two, and each comes back as it did before.
#[test]
fn two_callers_are_no_fast_poller() {
    let mut stage = Stage::deployment(3);
    for cause in [Cause::Evict, Cause::Delete, Cause::Evict] {
        stage.refuse("w-1", cause);
        stage.wanted();
        stage.pass(1);
    }
    stage.pass(148);
    assert_eq!(stage.wanted(), ["w-1"]);
    stage.pass(1);
    assert_eq!(stage.wanted(), [""; 0]);
}

#[test]
fn an_irregular_caller_is_no_poller() {
    let mut stage = Stage::deployment(3);
    for gap in [40, 600, 40] {
        stage.refuse("w-1", Cause::Evict);
        stage.wanted();
        stage.pass(gap);
    }
    stage.pass(18 * 60);
    assert_eq!(stage.wanted(), ["w-1"]);
}

#[test]
fn an_uncordon_ends_an_eviction_but_not_a_later_one() {
    let mut stage = Stage::deployment(3);
    stage.policy.drain_on_cordon = false;
    stage.cordon("node-1", true);
    stage.refuse("w-1", Cause::Evict);
    assert_eq!(stage.wanted(), ["w-1"]);
    stage.pass(5);
    stage.cordon("node-1", false);
    assert_eq!(stage.wanted(), [""; 0]);
    stage.pass(5);
    stage.refuse("w-1", Cause::Evict);
    assert_eq!(stage.wanted(), ["w-1"]);
}

/// Whoever raises the partition again, or leaves the roll-out to people, waits for none of them any more.
#[test]
fn a_refused_pod_that_its_stateful_set_no_longer_replaces_is_wanted_while_the_refusal_counts() {
    let mut stage = Stage::stateful_set(3);
    let rolled = |from| Workload {
        update_revision: Some("b".to_owned()),
        rolls_from: from,
        ..workload(Kind::StatefulSet, "w", 3)
    };
    for name in ["w-1", "w-2"] {
        stage.edit(name, |pod| pod.revision = Some("a".to_owned()));
        stage.refuse(name, Cause::Controller);
    }
    stage.put(rolled(2));
    assert_eq!(stage.wanted(), ["w-1", "w-2"]);
    stage.pass(3600);
    assert_eq!(stage.wanted(), ["w-2"]);
    stage.put(rolled(u32::MAX));
    assert_eq!(stage.wanted(), [""; 0]);
}

/// Its caller never comes back, so that a cordon may not cut it short either.
#[test]
fn a_cordon_does_not_shorten_what_it_prolongs() {
    let mut stage = Stage::deployment(3);
    stage.policy.drain_on_cordon = false;
    stage.cordon("node-1", true);
    stage.refuse("w-1", Cause::Taint);
    stage.pass(59 * 60);
    assert_eq!(stage.wanted(), ["w-1"]);
}

/// It prolongs the removal of the pod, and no number that stands on it.
#[test]
fn a_cordon_does_not_prolong_a_refused_number() {
    let mut stage = Stage::deployment(4);
    stage.policy.drain_on_cordon = false;
    stage.cordon("node-1", true);
    stage.refuse_scale("w-1", Cause::Scale, Some(2));
    assert_eq!(stage.wanted().len(), 2);
    stage.pass(20 * 60);
    assert_eq!(stage.wanted(), [""; 0]);
}

/// A new leader has not seen that it was raised; the number itself says so.
#[test]
fn a_refused_number_is_over_once_more_are_asked_for_than_before() {
    let mut stage = Stage::deployment(3);
    stage.refuse_scale("w-1", Cause::Scale, Some(2));
    assert_eq!(stage.wanted().len(), 1);
    stage.change_leader();
    assert_eq!(stage.wanted().len(), 1);
    stage.replicas(4);
    stage.change_leader();
    assert_eq!(stage.wanted(), [""; 0]);
}

/// Whoever named the pod has not come back, while an autoscaler's number would take it as well.
#[test]
fn a_number_stands_beside_what_names_its_pod() {
    let mut stage = Stage::deployment(4);
    stage.refuse_scale("w-1", Cause::Evict, Some(2));
    assert_eq!(
        stage.wanted().len(),
        2,
        "the named one, and one more for the number"
    );
}
