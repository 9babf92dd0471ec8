//! Each class of a worker, and each boundary between two.

use std::time::Duration;

use crate::core::guard::class::Class;
use crate::core::guard::evidence::{Said, Supplier};
use crate::core::guard::facts::pod::Phase;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::plan::scene::{Scene, cluster};
use crate::trino::words::NodeState::{Active, Drained, Draining};

const STARTING: Said = Said::State {
    state: crate::trino::words::NodeState::Unknown,
    starting: true,
};

fn class(scene: &Scene) -> Class {
    let pod = scene.pod("w-0");
    scene.view().class(&pod)
}

fn word(scene: &Scene) -> &'static str {
    class(scene).word()
}

fn scene() -> Scene {
    Scene::deployment(2)
}

#[test]
fn nothing_known_is_unknown_and_not_idle() {
    assert_eq!(class(&scene()), Class::Unknown, "never observed");
    let mut scene = scene();
    scene.says("w-0", Active);
    assert_eq!(
        class(&scene),
        Class::Unknown,
        "its own word says nothing about tasks"
    );
}

#[test]
fn idle_needs_a_quiet_time_and_a_fresh_cycle() {
    let mut scene = scene();
    scene.calm(9);
    assert_eq!(class(&scene), Class::Unknown, "9 s of quiet");
    scene.calm(1);
    assert_eq!(class(&scene), Class::Idle, "10 s");
    scene.pass(10);
    assert_eq!(class(&scene), Class::Idle, "10 s old");
    scene.pass(1);
    assert_eq!(class(&scene), Class::Unknown, "11 s old");
}

#[test]
fn what_is_at_risk_never_ages() {
    let mut scene = scene();
    scene.cycle(&[("w-0", 3)]);
    assert_eq!(word(&scene), "busy");
    scene.pass(3600);
    assert_eq!(word(&scene), "busy", "an hour of silence");
    scene.hear(Supplier::Own, None, &[]);
    assert_eq!(word(&scene), "busy", "a supplier that has read nothing");
    scene.cycle(&[]);
    assert_eq!(word(&scene), "unknown", "one complete cycle without it");
}

#[test]
fn an_incomplete_cycle_shows_risk_but_no_idleness() {
    let mut scene = scene();
    for _ in 0..30 {
        scene.pass(1);
        scene.hear(Supplier::Own, None, &[]);
    }
    assert_eq!(word(&scene), "unknown");
    scene.hear(Supplier::Own, None, &[("w-0", 1)]);
    assert_eq!(word(&scene), "busy");
}

#[test]
fn of_two_suppliers_the_one_that_says_more_counts() {
    let mut scene = scene();
    scene.hear(Supplier::Exporter, Some(scene.now), &[("w-0", 2)]);
    scene.cycle(&[("w-0", 5)]);
    let most = |scene: &Scene| match class(scene) {
        Class::Busy(risk) => risk.held.fatal,
        other => panic!("{other:?}"),
    };
    assert_eq!(most(&scene), 5);
    scene.calm(20);
    assert_eq!(most(&scene), 2, "the other one has not taken it back");
}

/// The exporter's cycle is long but its stream speaks: its word stands. Once the stream is silent for `lost`, a later cycle
/// of our own replaces it.
#[test]
fn a_long_cycle_is_not_silence() {
    let mut scene = scene();
    let began = Some(scene.now);
    for _ in 0..9 {
        scene.hear(Supplier::Exporter, began, &[("w-0", 2)]);
        scene.calm(10);
        assert_eq!(word(&scene), "busy");
    }
    scene.calm(61);
    assert_eq!(word(&scene), "idle", "the stream is silent");
}

#[test]
fn a_task_without_a_pod_makes_nobody_idle() {
    let mut scene = scene();
    scene.calm(20);
    scene.unmapped();
    assert_eq!(word(&scene), "unknown");
    scene.drained("w-0");
    scene.unmapped();
    assert_eq!(word(&scene), "drained", "drained still counts");
}

#[test]
fn nothing_carries_over_to_another_container() {
    let mut scene = scene();
    scene.drained("w-0");
    assert_eq!(word(&scene), "drained");
    scene.restart("w-0");
    assert_eq!(class(&scene), Class::Unknown, "drain, proof and note");
    scene.cycle(&[("w-1", 1)]);
    scene.says("w-0", Drained);
    assert_ne!(
        word(&scene),
        "drained",
        "the note is about another container"
    );
}

#[test]
fn a_cycle_begun_before_the_container_tells_nothing_about_it() {
    let mut scene = scene();
    let before = scene.now;
    scene.pass(5);
    scene.restart("w-0");
    scene.hear(Supplier::Exporter, Some(before), &[("w-0", 4)]);
    assert_eq!(class(&scene), Class::Unknown, "the old container's tasks");
    scene.look("w-0", STARTING);
    assert_eq!(
        class(&scene),
        Class::Starting,
        "and they are not held against the new one"
    );
    scene.pass(1);
    scene.cycle(&[("w-0", 4)]);
    assert_eq!(word(&scene), "busy", "a later cycle counts");
}

#[test]
fn clean_cycles_begun_before_the_container_make_nobody_idle() {
    let mut scene = scene();
    let before = scene.now;
    scene.pass(60);
    scene.restart("w-0");
    for second in 0..30 {
        let began = before + Duration::from_secs(second);
        scene.hear(Supplier::Own, Some(began), &[]);
    }
    assert_eq!(class(&scene), Class::Unknown);
    assert_eq!(
        scene.view().class(&scene.pod("w-1")).word(),
        "unknown",
        "its neighbour's are too old"
    );
    scene.calm(11);
    assert_eq!(class(&scene), Class::Idle);
}

#[test]
fn starting_is_what_says_so_now_and_never_had_a_task() {
    let mut scene = scene();
    scene.restart("w-0");
    scene.look("w-0", STARTING);
    assert_eq!(class(&scene), Class::Starting);
    scene.pass(11);
    assert_eq!(
        class(&scene),
        Class::Unknown,
        "it may have started since it was asked"
    );
    scene.look("w-0", STARTING);
    scene.cycle(&[("w-0", 1)]);
    assert_eq!(word(&scene), "busy", "it was given a task");
    scene.pass(1);
    scene.cycle(&[]);
    scene.look("w-0", STARTING);
    assert_eq!(
        class(&scene),
        Class::Unknown,
        "it had one and may have another"
    );
}

#[test]
fn a_port_that_refuses_belongs_to_a_start_only_in_the_first_minute() {
    let mut scene = scene();
    scene.look("w-0", Said::Refused);
    assert_eq!(
        class(&scene),
        Class::Unknown,
        "an old container, called Ready"
    );
    scene.restart("w-0");
    scene.look("w-0", Said::Refused);
    assert_eq!(class(&scene), Class::Unknown, "called Ready");
    scene.unready("w-0");
    assert_eq!(class(&scene), Class::Starting);
    scene.pass(11);
    assert_eq!(class(&scene), Class::Unknown, "not asked lately");
    scene.keeps_failing("w-0", &Said::Refused, 48);
    assert_eq!(class(&scene), Class::Starting, "59 s");
    scene.keeps_failing("w-0", &Said::Refused, 1);
    assert_ne!(class(&scene), Class::Starting, "60 s");
}

#[test]
fn dead_is_ended_unscheduled_or_without_a_container() {
    let after = |change: fn(&mut Scene)| {
        let mut scene = scene();
        scene.cycle(&[("w-0", 1)]);
        change(&mut scene);
        class(&scene)
    };
    assert_eq!(
        after(|scene| scene.edit("w-0", |pod| pod.phase = Phase::Failed)),
        Class::Dead
    );
    assert_eq!(
        after(|scene| scene.edit("w-0", |pod| pod.phase = Phase::Succeeded)),
        Class::Dead
    );
    assert_eq!(
        after(|scene| scene.edit("w-0", |pod| pod.node = None)),
        Class::Dead
    );
    assert_eq!(after(|scene| scene.crash("w-0")), Class::Dead);
    assert!(matches!(
        after(|scene| scene.unready("w-0")),
        Class::Busy(_)
    ));
    let lost = after(|scene| scene.edit("w-0", |pod| pod.phase = Phase::Unknown));
    assert!(
        matches!(lost, Class::Busy(_)),
        "a node that does not answer"
    );
}

#[test]
fn a_port_refusing_for_a_minute_is_dead_only_if_looked_at_and_not_ready() {
    let mut scene = scene();
    scene.unready("w-0");
    scene.look("w-0", Said::Refused);
    scene.pass(60);
    assert_eq!(
        class(&scene),
        Class::Unknown,
        "it refused once, a minute ago"
    );
    scene.keeps_failing("w-0", &Said::Refused, 59);
    scene.look("w-0", Said::Silent);
    scene.look("w-0", Said::Refused);
    assert_eq!(
        class(&scene),
        Class::Unknown,
        "something listened in between"
    );
    scene.keeps_failing("w-0", &Said::Refused, 59);
    assert_eq!(class(&scene), Class::Unknown, "59 s");
    scene.keeps_failing("w-0", &Said::Refused, 1);
    assert_eq!(class(&scene), Class::Dead, "60 s");
    let mut ready = Scene::deployment(1);
    ready.keeps_failing("w-0", &Said::Refused, 70);
    assert_eq!(class(&ready), Class::Unknown, "the kubelet calls it Ready");
    scene.cycle(&[("w-0", 1)]);
    assert_eq!(word(&scene), "busy", "a snapshot says that it lives");
}

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
        note.at = before.before(Duration::from_secs(1));
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
