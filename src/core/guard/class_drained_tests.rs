//! Drained and leaked workers, missing coordinators, and who serves: each boundary.

use std::time::Duration;

use super::tests::{class, scene, word};
use crate::core::guard::class::Class;
use crate::core::guard::evidence::{Said, Supplier};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::plan::scene::{Scene, cluster};
use crate::trino::words::NodeState::{Active, Drained, Draining};

#[test]
fn drained_counts_for_two_seconds_after_it_was_said() {
    let mut scene = scene();
    scene.drained("w-0");
    scene.now = scene.now + Duration::from_millis(1900);
    assert_eq!(class(&scene), Class::Drained { looked: true }, "1.9 s");
    scene.now = scene.now + Duration::from_millis(200);
    assert_eq!(class(&scene), Class::Drained { looked: false }, "2.1 s");
}

#[test]
fn drained_before_notice_time_is_not_drained() {
    let mut scene = scene();
    scene.recorded("w-0", 0);
    scene.says("w-0", Draining);
    scene.pass(3);
    scene.says("w-0", Drained);
    scene.cycle(&[]);
    assert_ne!(word(&scene), "drained", "3 s");
    scene.keeps_saying("w-0", Drained, 11);
    scene.cycle(&[]);
    assert_ne!(word(&scene), "drained", "14 s");
    scene.keeps_saying("w-0", Drained, 1);
    assert_ne!(
        word(&scene),
        "drained",
        "15 s, but nobody has looked since then"
    );
    scene.cycle(&[]);
    assert_eq!(
        word(&scene),
        "drained",
        "15 s, and a cycle begun after them"
    );
}

/// A coordinator that had not noticed the drain gave it a task after the first clean cycle.
#[test]
fn a_proof_does_not_outlive_what_a_later_cycle_shows() {
    let mut scene = scene();
    scene.drain("w-0");
    scene.cycle(&[]);
    assert_eq!(word(&scene), "drained");
    scene.pass(1);
    scene.says("w-0", Drained);
    scene.cycle(&[("w-0", 1)]);
    assert_eq!(word(&scene), "busy");
}

/// A supplier with a long cycle says again what it read before the worker was drained.
#[test]
fn an_older_cycle_does_not_undo_a_proof() {
    let mut scene = scene();
    let began = Some(scene.now);
    scene.drain("w-0");
    scene.cycle(&[]);
    scene.hear(Supplier::Exporter, began, &[("w-0", 1)]);
    assert_eq!(word(&scene), "drained");
}

#[test]
fn drained_without_a_proof_is_unknown() {
    let mut scene = scene();
    scene.drain("w-0");
    assert_eq!(class(&scene), Class::Unknown);
    let early = scene.now.before(Duration::from_secs(1));
    scene.hear(Supplier::Own, Some(early), &[]);
    assert_eq!(
        class(&scene),
        Class::Unknown,
        "a cycle begun before DRAINED"
    );
    scene.evidence.prove("uid-w-0", "container-w-0", early);
    assert_eq!(class(&scene), Class::Unknown, "a list asked for before");
    scene.evidence.prove("uid-w-0", "container-w-0", scene.now);
    assert_eq!(word(&scene), "drained", "the leader's own questions");
}

#[test]
fn another_replica_proves_by_annotation_for_the_same_container_and_drain() {
    let mut scene = scene();
    scene.drain("w-0");
    scene.announced("w-0");
    assert_eq!(word(&scene), "drained");
    scene.edit("w-0", |pod| {
        pod.notes.drained.as_mut().expect("a note").container = "another".to_owned();
    });
    assert_eq!(class(&scene), Class::Unknown, "of another container");
    scene.announced("w-0");
    let before = scene.pod("w-0").notes.drain.expect("a record").at;
    scene.edit("w-0", |pod| {
        let note = pod.notes.drained.as_mut().expect("a note");
        note.at = before.before(Duration::from_secs(4));
    });
    assert_eq!(class(&scene), Class::Unknown, "of an earlier drain");
}

/// Given back, and begun again by somebody else: neither record nor note is about the new drain.
#[test]
fn a_drain_given_back_and_begun_by_somebody_else_starts_anew() {
    let mut scene = scene();
    scene.drained("w-0");
    scene.pass(1);
    scene.says("w-0", Active);
    scene.pass(1);
    scene.keeps_saying("w-0", Draining, 3);
    scene.says("w-0", Drained);
    scene.cycle(&[]);
    assert_eq!(class(&scene), Class::Unknown, "noticeTime from first seen");
    scene.keeps_saying("w-0", Drained, 12);
    scene.cycle(&[]);
    assert_eq!(word(&scene), "drained");
}

/// A replica that looked at DRAINED long ago and looks again can't know that it was so all the time.
#[test]
fn two_looks_far_apart_are_not_one_stay() {
    let mut scene = scene();
    scene.keeps_saying("w-0", Draining, 20);
    scene.says("w-0", Drained);
    scene.cycle(&[]);
    assert_eq!(word(&scene), "drained", "a foreign drain");
    scene.pass(21);
    scene.says("w-0", Drained);
    assert_ne!(word(&scene), "drained", "it may have worked in between");
    scene.keeps_saying("w-0", Drained, 15);
    scene.cycle(&[]);
    assert_eq!(word(&scene), "drained");
}

#[test]
fn a_foreign_drain_counts_from_when_it_was_first_seen() {
    let mut scene = scene();
    scene.keeps_saying("w-0", Drained, 14);
    scene.cycle(&[]);
    assert_eq!(class(&scene), Class::Unknown, "14 s");
    scene.keeps_saying("w-0", Drained, 1);
    scene.cycle(&[]);
    assert_eq!(word(&scene), "drained", "15 s");
}

#[test]
fn without_a_running_coordinator_nothing_is_at_risk() {
    let mut scene = scene();
    scene.cycle(&[("w-0", 3)]);
    scene.crash("c-0");
    assert_eq!(class(&scene), Class::Idle, "but it may come back");
    scene.drain("w-0");
    assert_eq!(word(&scene), "drained", "and nothing is left to prove");
    scene.remove("c-0");
    assert_eq!(word(&scene), "drained", "its Deployment is known");
}

#[test]
fn a_coordinator_that_kubernetes_does_not_know_is_not_gone() {
    let mut scene = scene();
    scene.cycle(&[("w-0", 3)]);
    scene.remove("c-0");
    let name = super::super::facts::Name::new("trino", "c");
    scene.world.drop_workload(Kind::Deployment, &name);
    assert_eq!(word(&scene), "busy", "unknown");
    scene.world.put_external_coordinator(cluster());
    assert_eq!(word(&scene), "busy", "outside");
    scene.put(super::super::facts::workload::Workload {
        role: super::super::facts::pod::Role::Coordinator,
        ..super::super::plan::scene::workload(Kind::Deployment, "old", 0)
    });
    assert_eq!(
        word(&scene),
        "busy",
        "outside, with an old one at zero here"
    );
}

#[test]
fn leaked_needs_ten_minutes_of_draining_and_of_clean_cycles() {
    let mut scene = scene();
    scene.calm(60);
    scene.recorded("w-0", 0);
    let clean = |scene: &mut Scene, seconds: u64| {
        for _ in 0..seconds {
            scene.pass(1);
            scene.says("w-0", Draining);
            scene.cycle(&[]);
        }
    };
    clean(&mut scene, 599);
    assert_eq!(class(&scene), Class::Idle, "the clock is the drain's");
    clean(&mut scene, 1);
    assert_eq!(class(&scene), Class::Leaked);
    scene.cycle(&[("w-0", 1)]);
    assert_eq!(word(&scene), "busy");
    clean(&mut scene, 599);
    assert_eq!(class(&scene), Class::Idle, "the run of clean cycles is new");
    clean(&mut scene, 2);
    assert_eq!(class(&scene), Class::Leaked);
    scene.pass(11);
    assert_ne!(class(&scene), Class::Leaked, "not asked lately");
}

#[test]
fn leaked_needs_two_cycles_in_the_time() {
    let mut scene = scene();
    scene.cycle(&[]);
    scene.recorded("w-0", 0);
    for _ in 0..605 {
        scene.pass(1);
        scene.says("w-0", Draining);
    }
    scene.cycle(&[]);
    assert_ne!(class(&scene), Class::Leaked, "one");
    scene.pass(1);
    scene.cycle(&[]);
    assert_eq!(class(&scene), Class::Leaked, "two");
}

#[test]
fn serving_is_ready_and_active_for_notice_time() {
    let mut scene = scene();
    let serves = |scene: &Scene| scene.view().is_serving(&scene.pod("w-0"));
    scene.keeps_saying("w-0", Active, 14);
    assert!(!serves(&scene), "14 s");
    scene.keeps_saying("w-0", Active, 1);
    assert!(serves(&scene), "15 s");
    let now = scene.now;
    scene.edit("w-0", |pod| pod.notes.returning = Some(now));
    assert!(!serves(&scene), "returning");
    scene.edit("w-0", |pod| pod.notes.returning = None);
    scene.edit("w-0", |pod| pod.ready = false);
    assert!(!serves(&scene), "not Ready");
    scene.edit("w-0", |pod| pod.ready = true);
    scene.edit("w-0", |pod| pod.deleting = Some(now));
    assert!(!serves(&scene), "terminating");
    scene.edit("w-0", |pod| pod.deleting = None);
    scene.pass(11);
    assert!(!serves(&scene), "not asked lately");
}

/// A query that comes meanwhile runs on the workers that were found: none of these is drained.
#[test]
fn nobody_serves_before_a_new_coordinator_has_had_time_to_find_its_workers() {
    let mut scene = scene();
    let serves = |scene: &Scene| scene.view().is_serving(&scene.pod("w-0"));
    scene.keeps_saying("w-0", Active, 60);
    let begun = scene.now;
    scene.edit("c-0", |pod| pod.ready_changed = Some(begun));
    scene.keeps_saying("w-0", Active, 14);
    assert!(!serves(&scene), "14 s");
    scene.keeps_saying("w-0", Active, 1);
    assert!(serves(&scene), "15 s");
    scene.unready("c-0");
    assert!(!serves(&scene), "it may begin at any moment");
    scene.crash("c-0");
    assert!(serves(&scene), "there is none");
}

/// It takes a worker that it does not know for ACTIVE, whatever was proven before it came.
#[test]
fn a_coordinator_that_has_just_begun_has_to_find_the_worker_first() {
    let mut scene = scene();
    scene.drained("w-0");
    assert_eq!(word(&scene), "drained");
    let begun = scene.now;
    scene.edit("c-0", |pod| pod.ready_changed = Some(begun));
    scene.keeps_saying("w-0", Drained, 29);
    scene.cycle(&[]);
    assert_ne!(word(&scene), "drained", "29 s");
    scene.keeps_saying("w-0", Drained, 1);
    scene.cycle(&[]);
    assert_eq!(
        word(&scene),
        "drained",
        "30 s, and a cycle begun after them"
    );
}

/// Whoever wrote a proof saw to it that the drain had been noticed, by the coordinator of then.
#[test]
fn a_coordinator_that_came_after_a_written_proof_has_to_find_the_worker() {
    let mut scene = scene();
    scene.drain("w-0");
    scene.announced("w-0");
    assert_eq!(
        word(&scene),
        "drained",
        "this process has proven nothing itself"
    );
    let begun = scene.now;
    scene.edit("c-0", |pod| pod.ready_changed = Some(begun));
    scene.keeps_saying("w-0", Drained, 60);
    assert_ne!(
        word(&scene),
        "drained",
        "the proof is about the coordinator before"
    );
    scene.announced("w-0");
    assert_eq!(
        word(&scene),
        "drained",
        "and this one about the present one"
    );
}

#[test]
fn a_worker_that_has_just_begun_has_to_be_found_first() {
    let mut scene = scene();
    let begun = scene.now;
    scene.edit("w-0", |pod| pod.ready_changed = Some(begun));
    scene.drain("w-0");
    scene.keeps_saying("w-0", Drained, 9);
    scene.cycle(&[]);
    assert_ne!(word(&scene), "drained", "29 s");
    scene.keeps_saying("w-0", Drained, 1);
    scene.cycle(&[]);
    assert_eq!(word(&scene), "drained", "30 s");
}

/// The kubelet's word is older than what we saw ourselves, or of a clock that is ahead.
#[test]
fn a_worker_that_we_saw_begin_has_begun_then() {
    let mut scene = scene();
    scene.look("w-0", Said::Refused);
    scene.pass(1);
    scene.says("w-0", Active);
    scene.drain("w-0");
    scene.cycle(&[]);
    assert_ne!(word(&scene), "drained", "20 s");
    scene.keeps_saying("w-0", Drained, 10);
    scene.cycle(&[]);
    assert_eq!(word(&scene), "drained");
}

#[test]
fn a_coordinator_that_is_not_ready_may_begin_at_any_moment() {
    let mut scene = scene();
    scene.drained("w-0");
    scene.unready("c-0");
    scene.keeps_saying("w-0", Drained, 100);
    scene.cycle(&[]);
    assert_ne!(word(&scene), "drained");
}

/// A replica that did not hear of the late task itself has the other's proof on the pod, and a supplier's word.
#[test]
fn a_written_proof_does_not_outlive_what_a_later_cycle_shows() {
    let mut scene = scene();
    scene.drained("w-0");
    scene.restart("c-0");
    scene.keeps_saying("w-0", Drained, 30);
    let before = scene.now;
    scene.pass(1);
    scene.says("w-0", Drained);
    scene.hear(Supplier::Own, Some(before), &[("w-0", 1)]);
    scene.evidence.prove("uid-w-0", "container-w-0", before);
    scene.announced("w-0");
    assert_eq!(word(&scene), "drained", "the cycle began before the proof");
    scene.pass(1);
    scene.says("w-0", Drained);
    scene.cycle(&[("w-0", 1)]);
    assert_eq!(word(&scene), "busy");
}

#[test]
fn leaked_ends_when_nobody_says_any_more_that_nothing_came() {
    let mut scene = scene();
    scene.recorded("w-0", 0);
    for _ in 0..620 {
        scene.pass(1);
        scene.says("w-0", Draining);
        scene.cycle(&[]);
    }
    assert_eq!(class(&scene), Class::Leaked);
    scene.keeps_saying("w-0", Draining, 60);
    assert_eq!(class(&scene), Class::Leaked);
    scene.keeps_saying("w-0", Draining, 1);
    assert_ne!(class(&scene), Class::Leaked, "61 s of silence");
}

/// Two clean cycles right after the order say nothing about what came until it was noticed.
#[test]
fn leaked_needs_a_cycle_begun_when_the_drain_was_noticed() {
    let mut scene = scene();
    scene.recorded("w-0", 0);
    scene.policy.bounds.lost = Duration::from_secs(3600);
    scene.policy.bounds.leak_after = Duration::from_secs(10);
    for _ in 0..4 {
        scene.pass(3);
        scene.says("w-0", Draining);
        scene.cycle(&[]);
    }
    scene.keeps_saying("w-0", Draining, 5);
    assert_ne!(class(&scene), Class::Leaked, "the last began at 12 s");
    scene.cycle(&[]);
    assert_eq!(class(&scene), Class::Leaked);
}
