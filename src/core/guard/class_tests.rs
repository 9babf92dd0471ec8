//! Each class of a worker, and each boundary between two.

use std::time::Duration;

use crate::core::guard::class::Class;
use crate::core::guard::dates::Arrival;
use crate::core::guard::evidence::{Said, Supplier};
use crate::core::guard::facts::pod::Phase;
use crate::core::guard::plan::scene::Scene;
use crate::trino::words::NodeState::{Active, Drained};

const STARTING: Said = Said::State {
    state: crate::trino::words::NodeState::Unknown,
    starting: true,
};

pub(super) fn class(scene: &Scene) -> Class {
    let pod = scene.pod("w-0");
    scene.view().class(&pod)
}

pub(super) fn word(scene: &Scene) -> &'static str {
    class(scene).word()
}

pub(super) fn scene() -> Scene {
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
fn a_container_that_ran_before_us_does_not_start_because_its_port_refuses() {
    let mut scene = scene();
    scene.restart("w-0");
    scene.unready("w-0");
    let (pod, first) = (scene.pod("w-0"), Arrival::First(scene.now));
    scene.world.meet_pod(pod, first);
    scene.look("w-0", Said::Refused);
    assert_ne!(class(&scene), Class::Starting, "who knows what it did");
    scene.restart("w-0");
    scene.pass(1);
    scene.edit("w-0", |pod| {
        let container = pod.container.as_mut().expect("a container");
        container.started = container.started.map(|at| at + Duration::from_secs(1));
    });
    scene.look("w-0", Said::Refused);
    assert_eq!(
        class(&scene),
        Class::Starting,
        "the next one was seen to start"
    );
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
    scene.pass(61);
    assert_eq!(class(&scene), Class::Unknown, "not asked lately");
    scene.look("w-0", Said::Refused);
    assert_eq!(class(&scene), Class::Dead, "asked again");
    let mut ready = Scene::deployment(1);
    ready.keeps_failing("w-0", &Said::Refused, 70);
    assert_eq!(class(&ready), Class::Unknown, "the kubelet calls it Ready");
    scene.cycle(&[("w-0", 1)]);
    assert_eq!(word(&scene), "busy", "a snapshot says that it lives");
}
