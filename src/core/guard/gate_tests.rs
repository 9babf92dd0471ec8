//! Each bound of the pod gate, break-glass, and what goes before what.

use std::time::Duration;

use crate::core::guard::evidence::{DrainPower, Said};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::gate::{Barrier, Gate, Patience, Why};
use crate::core::guard::plan::scene::{Scene, cluster};
use crate::trino::words::NodeState::{Active, Drained, Draining};

const MINUTE: u64 = 60;

fn gate_of(scene: &Scene, patience: Patience) -> Gate {
    scene.view().gate(&scene.pod("w-0"), patience)
}

pub(super) fn gate(scene: &Scene) -> Gate {
    gate_of(scene, Patience::Ordinary)
}

pub(super) fn opened(scene: &Scene) -> Option<Why> {
    match gate(scene) {
        Gate::Open(why) => Some(why),
        _ => None,
    }
}

/// Two workers that serve, `w-0` with three tasks.
pub(super) fn busy() -> Scene {
    let mut scene = Scene::deployment(2);
    scene.keeps_saying("w-1", Active, 20);
    scene.says("w-0", Active);
    scene.cycle(&[("w-0", 3)]);
    scene
}

/// The same after so many seconds, in which `w-1` has served all the time and `w-0` has said so.
fn later(scene: &mut Scene, seconds: u64, state: crate::trino::words::NodeState) {
    scene.pass(seconds.saturating_sub(20));
    for _ in 0..20 {
        scene.pass(1);
        scene.says("w-0", state);
        scene.says("w-1", Active);
    }
}

#[test]
fn max_block_counts_from_the_put() {
    let mut scene = busy();
    scene.refused("w-0", 10 * MINUTE);
    scene.recorded("w-0", 0);
    later(&mut scene, 30 * MINUTE - 1, Draining);
    assert_eq!(opened(&scene), None, "a second before");
    later(&mut scene, 21, Draining);
    assert_eq!(opened(&scene), Some(Why::MaxBlock));
}

#[test]
fn a_drain_begun_before_the_first_refusal_counts_from_the_refusal() {
    let mut scene = busy();
    scene.recorded("w-0", 40 * MINUTE);
    scene.says("w-0", Draining);
    assert_eq!(opened(&scene), None, "never refused");
    scene.refused("w-0", 29 * MINUTE);
    assert_eq!(opened(&scene), None);
    scene.refused("w-0", 30 * MINUTE);
    assert_eq!(opened(&scene), Some(Why::MaxBlock));
}

#[test]
fn max_block_counts_from_the_first_refusal_where_no_put_is_possible() {
    for power in [DrainPower::Forbidden, DrainPower::TooOld] {
        let mut scene = busy();
        scene.power(power);
        scene.refused("w-0", 30 * MINUTE);
        assert_eq!(opened(&scene), Some(Why::MaxBlock), "{power:?}");
    }
    for power in [DrainPower::Yes, DrainPower::Unasked] {
        let mut scene = busy();
        scene.power(power);
        scene.refused("w-0", 30 * MINUTE);
        assert_eq!(opened(&scene), None, "{power:?}: it waits for its PUT");
    }
}

/// Somebody else told the worker to drain; ours is not possible.
#[test]
fn max_block_counts_from_when_a_foreign_drain_was_seen() {
    let mut scene = busy();
    scene.refused("w-0", 10 * MINUTE);
    scene.says("w-0", Draining);
    for _ in 0..30 * MINUTE - 1 {
        scene.pass(1);
        scene.says("w-0", Draining);
        scene.says("w-1", Active);
    }
    assert_eq!(opened(&scene), None);
    scene.pass(1);
    scene.says("w-1", Active);
    assert_eq!(opened(&scene), Some(Why::MaxBlock));
}

#[test]
fn a_forced_allow_obeys_the_floor_until_twice_max_block() {
    let mut scene = Scene::deployment(2);
    scene.cycle(&[("w-0", 3)]);
    scene.recorded("w-0", 60 * MINUTE);
    scene.refused("w-0", 60 * MINUTE - 1);
    assert_eq!(opened(&scene), None, "nobody else serves");
    scene.pass(1);
    assert_eq!(opened(&scene), Some(Why::FinalBound));
    let mut tuned = busy();
    tuned.recorded("w-0", 40 * MINUTE);
    tuned.refused("w-0", 40 * MINUTE);
    assert_eq!(opened(&tuned), Some(Why::MaxBlock));
    tuned.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.min_active = Some(2);
    });
    assert_eq!(opened(&tuned), None, "two must serve");
}

#[test]
fn a_restarted_container_has_no_put_but_its_pod_a_first_refusal() {
    let mut scene = busy();
    scene.recorded("w-0", 40 * MINUTE);
    scene.refused("w-0", 40 * MINUTE);
    scene.restart("w-0");
    scene.says("w-0", Active);
    assert_eq!(opened(&scene), None);
    scene.refused("w-0", 60 * MINUTE);
    assert_eq!(opened(&scene), Some(Why::FinalBound));
}

#[test]
fn preemption_waits_two_minutes_from_the_first_refusal() {
    let mut scene = busy();
    let opened = |scene: &Scene| gate_of(scene, Patience::Preemption);
    scene.refused("w-0", 119);
    assert!(matches!(opened(&scene), Gate::Shut(_)));
    scene.refused("w-0", 120);
    assert_eq!(opened(&scene), Gate::Open(Why::MaxBlock));
    assert!(matches!(gate(&scene), Gate::Shut(_)), "others wait on");
    scene.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.max_block = Some(Duration::from_secs(60));
    });
    scene.refused("w-0", 60);
    assert_eq!(
        opened(&scene),
        Gate::Open(Why::MaxBlock),
        "never longer than others"
    );
}

#[test]
fn the_operator_waits_without_end() {
    let mut scene = busy();
    scene.recorded("w-0", 100 * MINUTE);
    scene.refused("w-0", 100 * MINUTE);
    assert!(matches!(
        gate_of(&scene, Patience::Endless),
        Gate::Shut(Barrier::Busy(_))
    ));
    assert_eq!(opened(&scene), Some(Why::FinalBound));
    let none = scene
        .view()
        .latest_for(&scene.pod("w-0"), Patience::Endless);
    assert_eq!(none, None);
}

#[test]
fn a_workload_has_its_own_max_block() {
    let mut scene = busy();
    scene.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.max_block = Some(Duration::from_secs(45 * MINUTE));
    });
    scene.recorded("w-0", 44 * MINUTE);
    scene.refused("w-0", 44 * MINUTE);
    assert_eq!(opened(&scene), None);
    scene.recorded("w-0", 45 * MINUTE);
    scene.refused("w-0", 45 * MINUTE);
    assert_eq!(opened(&scene), Some(Why::MaxBlock));
    let latest = scene.view().latest(&scene.pod("w-0"));
    assert_eq!(latest, Some(scene.now + Duration::from_secs(45 * MINUTE)));
}

#[test]
fn unknown_max_runs_only_while_connections_fail_and_the_kubelet_says_not_ready() {
    for said in [Said::Silent, Said::Refused] {
        let mut ready = Scene::deployment(2);
        ready.keeps_failing("w-0", &said, 11 * MINUTE);
        assert_eq!(opened(&ready), None, "Ready: judged as busy");
        ready.unready("w-0");
        assert_ne!(opened(&ready), Some(Why::Unreachable), "since just now");
    }
    let mut scene = Scene::deployment(2);
    scene.unready("w-0");
    scene.keeps_failing("w-0", &Said::Silent, 10 * MINUTE - 1);
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Unknown));
    scene.keeps_failing("w-0", &Said::Silent, 1);
    assert_eq!(opened(&scene), Some(Why::Unreachable));
    scene.says("w-0", Active);
    assert_eq!(opened(&scene), None, "it answers");
}

#[test]
fn one_failure_long_ago_is_not_unreachable() {
    let mut scene = Scene::deployment(2);
    scene.unready("w-0");
    scene.look("w-0", Said::Silent);
    scene.pass(20 * MINUTE);
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Unknown));
}

/// Its coordinator still reads tasks of it, so it is not unknown whoever can't reach it.
#[test]
fn unknown_max_does_not_let_go_what_is_known_to_be_busy() {
    let mut scene = Scene::deployment(2);
    scene.unready("w-0");
    scene.keeps_failing("w-0", &Said::Silent, 11 * MINUTE);
    scene.cycle(&[("w-0", 3)]);
    assert!(matches!(gate(&scene), Gate::Shut(Barrier::Busy(_))));
}

#[test]
fn a_workload_has_its_own_unknown_max() {
    let mut scene = Scene::deployment(2);
    scene.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.unknown_max = Some(Duration::from_secs(60));
    });
    scene.unready("w-0");
    scene.keeps_failing("w-0", &Said::Silent, 60);
    assert_eq!(opened(&scene), Some(Why::Unreachable));
}

fn unproven() -> Scene {
    let mut scene = Scene::deployment(2);
    scene.drain("w-0");
    scene
}

#[test]
fn drained_without_a_readable_coordinator_goes_after_unknown_max() {
    let mut scene = unproven();
    scene.keeps_saying("w-0", Drained, 10 * MINUTE - 1);
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Unproven));
    scene.keeps_saying("w-0", Drained, 1);
    assert_eq!(opened(&scene), Some(Why::Unproven));
    scene.pass(3);
    assert_eq!(gate(&scene), Gate::Look, "if it still says so");
    scene.pass(20 * MINUTE);
    assert_eq!(gate(&scene), Gate::Look);
    scene.says("w-0", Active);
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Unknown), "it does not");
}

/// It takes the worker for ACTIVE until it has asked, and may give it work.
#[test]
fn unknown_max_of_a_drained_worker_counts_from_its_coordinators_start() {
    let mut scene = unproven();
    scene.keeps_saying("w-0", Drained, 5 * MINUTE);
    scene.restart("c-0");
    scene.keeps_saying("w-0", Drained, 10 * MINUTE - 1);
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Unproven));
    scene.keeps_saying("w-0", Drained, 1);
    assert_eq!(opened(&scene), Some(Why::Unproven));
}

#[test]
fn a_query_that_can_not_be_read_holds_for_unknown_max() {
    let mut scene = unproven();
    let early = scene.now.before(Duration::from_secs(30));
    scene
        .evidence
        .cannot_prove("uid-w-0", "container-w-0", scene.now);
    for _ in 0..10 * MINUTE {
        scene.pass(1);
        scene.says("w-0", Drained);
        scene.hear(
            crate::core::guard::evidence::Supplier::Own,
            Some(early),
            &[],
        );
    }
    assert_eq!(opened(&scene), Some(Why::Unproven));
    scene.pass(1);
    scene.says("w-0", Drained);
    scene.cycle(&[("w-0", 1)]);
    assert!(
        matches!(gate(&scene), Gate::Shut(Barrier::Busy(_))),
        "what is told to be there since it was DRAINED is not unknown"
    );
}

#[test]
fn relaxed_needs_two_cycles_after_the_first_refusal() {
    for pause in [1, 2, 5, 30] {
        let mut scene = Scene::deployment(2);
        scene.power(DrainPower::Forbidden);
        scene.calm(60);
        assert_eq!(gate(&scene), Gate::Shut(Barrier::Idle), "never refused");
        scene.refused("w-0", 0);
        scene.pass(1);
        scene.cycle(&[]);
        assert_eq!(gate(&scene), Gate::Shut(Barrier::Idle), "one cycle");
        for _ in 0..12 / pause + 2 {
            scene.pass(pause);
            scene.cycle(&[]);
        }
        let covered = Some(Why::Relaxed { covered: true });
        assert_eq!(opened(&scene), covered, "cycles of {pause} s");
        scene.pass(11);
        assert_eq!(opened(&scene), None, "the last is not fresh");
        scene.cycle(&[("w-0", 1)]);
        assert!(matches!(gate(&scene), Gate::Shut(Barrier::Busy(_))));
    }
}

#[test]
fn relaxed_is_only_for_clusters_that_can_not_be_drained() {
    for power in [DrainPower::Yes, DrainPower::Unasked] {
        let mut scene = Scene::deployment(2);
        scene.power(power);
        scene.refused("w-0", 0);
        scene.pass(1);
        scene.calm(60);
        assert_eq!(gate(&scene), Gate::Shut(Barrier::Idle));
    }
}

#[test]
fn relaxed_is_covered_by_a_pre_stop_hook_with_time() {
    let covered = |change: &dyn Fn(&mut Scene)| {
        let mut scene = Scene::deployment(2);
        scene.power(DrainPower::TooOld);
        scene.refused("w-0", 0);
        scene.pass(1);
        scene.calm(10);
        change(&mut scene);
        match opened(&scene) {
            Some(Why::Relaxed { covered }) => covered,
            other => panic!("{other:?}"),
        }
    };
    let told = |scene: &mut Scene, seconds| {
        scene.tune(Kind::Deployment, "w", |workload| {
            workload.tuning.shutdown_grace = Some(Duration::from_secs(seconds));
        });
    };
    let grace = |scene: &mut Scene, seconds| {
        scene.edit("w-0", |pod| pod.grace = Duration::from_secs(seconds));
    };
    let cluster = crate::core::guard::plan::scene::cluster();
    assert!(covered(&|scene| grace(scene, 240)), "2 min where untold");
    assert!(!covered(&|scene| grace(scene, 239)));
    assert!(!covered(
        &|scene| scene.edit("w-0", |pod| pod.pre_stop = false)
    ));
    assert!(covered(&|scene| {
        told(scene, 15);
        grace(scene, 30);
    }));
    assert!(!covered(&|scene| {
        told(scene, 15);
        grace(scene, 29);
    }));
    assert!(covered(&|scene| {
        scene.evidence.drained_in(&cluster, Duration::from_secs(20));
        scene.evidence.drained_in(&cluster, Duration::from_secs(40));
        grace(scene, 20);
    }));
}

#[test]
fn suspending_needs_the_mark_and_a_coordinator_known_to_be_gone() {
    let gone = |scene: &mut Scene| {
        scene.tune(Kind::Deployment, "c", |workload| workload.replicas = 0);
        scene.remove("c-0");
    };
    let marked = |scene: &mut Scene| {
        scene.tune(Kind::Deployment, "w", |workload| {
            workload.tuning.suspending = true;
        });
    };
    let mut scene = busy();
    marked(&mut scene);
    assert_eq!(opened(&scene), None, "its coordinator runs");
    gone(&mut scene);
    assert_eq!(opened(&scene), Some(Why::Suspending));
    let cluster = crate::core::guard::plan::scene::cluster();
    scene.world.put_external_coordinator(cluster);
    assert_eq!(opened(&scene), None, "its coordinator is outside");
    let mut unmarked = busy();
    gone(&mut unmarked);
    assert_eq!(opened(&unmarked), None, "not marked");
}

#[test]
fn a_pod_marked_returning_goes_only_by_order_or_bound() {
    let mut scene = Scene::deployment(2);
    scene.drained("w-0");
    assert_eq!(opened(&scene), Some(Why::Drained));
    let now = scene.now;
    scene.edit("w-0", |pod| pod.notes.returning = Some(now));
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Returning));
    let glass = scene.glass(600);
    scene.edit("w-0", |pod| pod.notes.break_glass = Some(glass));
    assert!(matches!(opened(&scene), Some(Why::BreakGlass { .. })));
    scene.edit("w-0", |pod| pod.notes.break_glass = None);
    scene.refused("w-0", 60 * MINUTE);
    assert_eq!(opened(&scene), Some(Why::FinalBound));
}

#[test]
fn leaked_tasks_of_a_returning_pod_do_not_let_it_go() {
    let mut scene = Scene::deployment(2);
    scene.calm(1);
    scene.recorded("w-0", 0);
    for _ in 0..601 {
        scene.pass(1);
        scene.says("w-0", Draining);
        scene.cycle(&[]);
    }
    assert_eq!(opened(&scene), Some(Why::Leaked));
    let now = scene.now;
    scene.edit("w-0", |pod| pod.notes.returning = Some(now));
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Returning));
}

/// What could be read until a moment ago has not been unknown for as long as the worker has been DRAINED.
#[test]
fn what_is_unknown_counts_from_when_it_became_so() {
    let mut scene = unproven();
    for _ in 0..11 * MINUTE {
        scene.pass(1);
        scene.says("w-0", Drained);
        scene.unmapped();
    }
    scene.keeps_saying("w-0", Drained, 5 * MINUTE);
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Unproven));
    scene.keeps_saying("w-0", Drained, 5 * MINUTE);
    assert_eq!(opened(&scene), Some(Why::Unproven));
}

#[test]
fn a_coordinator_that_still_names_tasks_is_no_silence() {
    let mut scene = unproven();
    let now = scene.now;
    scene.evidence.cannot_prove("uid-w-0", "container-w-0", now);
    let early = now.before(Duration::from_secs(30));
    let read = |scene: &mut Scene| {
        scene.pass(1);
        scene.says("w-0", Drained);
        let own = crate::core::guard::evidence::Supplier::Own;
        scene.hear(own, Some(early), &[]);
    };
    (0..9 * MINUTE).for_each(|_| read(&mut scene));
    let now = scene.now;
    scene.evidence.left("uid-w-0", "container-w-0", now);
    (0..2 * MINUTE).for_each(|_| read(&mut scene));
    assert_eq!(gate(&scene), Gate::Shut(Barrier::Unproven));
}

#[test]
fn a_coordinator_has_a_bound_of_its_own_and_no_second_one() {
    let mut scene = Scene::deployment(1);
    scene.refused("c-0", 0);
    let latest = scene.view().latest(&scene.pod("c-0"));
    let bound = scene.policy.bounds.coordinator_max_block;
    assert_eq!(latest, Some(scene.now + bound));
}

#[test]
fn a_drain_takes_at_least_what_is_told_else_what_the_shortest_took() {
    let mut scene = Scene::deployment(2);
    let least = |scene: &Scene| scene.view().least_drain(&cluster());
    assert_eq!(least(&scene), None);
    scene
        .evidence
        .drained_in(&cluster(), Duration::from_secs(200));
    scene
        .evidence
        .drained_in(&cluster(), Duration::from_secs(30));
    assert_eq!(least(&scene), Some(Duration::from_secs(30)));
    scene.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.shutdown_grace = Some(Duration::from_secs(61));
    });
    assert_eq!(least(&scene), Some(Duration::from_secs(122)));
}
