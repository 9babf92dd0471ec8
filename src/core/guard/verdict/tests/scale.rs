//! Rows S: a lower number of replicas.

use std::time::Duration;

use super::{Case, table};
use crate::core::guard::ask::{Ask, Caller, Request};
use crate::core::guard::evidence::DrainPower;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::Phase;
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::notes::{Cause, GrantKey};
use crate::core::guard::plan::scene::{SPACE, Scene, workload};
use crate::core::guard::rows::Row;
use crate::core::guard::staging::{by, by_person, evict, scale};
use crate::core::guard::verdict::{Clamp, clamp};
use crate::trino::words::NodeState::Active;

/// Five workers, each with a task.
fn busy(kind: Kind) -> Scene {
    let mut scene = match kind {
        Kind::StatefulSet => Scene::stateful_set(5),
        _ => Scene::deployment(5),
    };
    tasks(&mut scene, &[0, 1, 2, 3, 4]);
    scene
}

fn tasks(scene: &mut Scene, workers: &[u32]) {
    let names: Vec<_> = workers.iter().map(|index| format!("w-{index}")).collect();
    let held: Vec<_> = names.iter().map(|name| (name.as_str(), 2)).collect();
    scene.pass(1);
    scene.cycle(&held);
}

/// Of five workers these are drained, the rest is busy.
pub fn drained(kind: Kind, names: &[&str]) -> Scene {
    let mut scene = busy(kind);
    for name in names {
        scene.drain(name);
    }
    let rest: Vec<_> = (0..5)
        .filter(|index| !names.contains(&format!("w-{index}").as_str()))
        .collect();
    tasks(&mut scene, &rest);
    for name in names {
        scene.announced(name);
        scene.says(name, crate::trino::words::NodeState::Drained);
    }
    scene
}

fn to(new: u32) -> Ask {
    by_person(scale(Kind::Deployment, 5, new))
}

fn sts(new: u32) -> Ask {
    by_person(scale(Kind::StatefulSet, 5, new))
}

fn key(replicas: u32) -> GrantKey {
    GrantKey::Scale {
        workload: "uid-w".to_owned(),
        replicas,
    }
}

fn second_set(scene: &mut Scene, age: u64) {
    let created = scene.now.before(Duration::from_secs(age));
    scene.put(Workload {
        owner: Some("uid-w".to_owned()),
        created,
        ..workload(Kind::ReplicaSet, "rs2", 1)
    });
}

fn with(mut scene: Scene, change: impl FnOnce(&mut Scene)) -> Scene {
    change(&mut scene);
    scene
}

fn suspended(scene: &mut Scene) {
    scene.tune(Kind::Deployment, "c", |workload| workload.replicas = 0);
    scene.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.suspending = true;
    });
    scene.remove("c-0");
}

/// A refusal that wants the first so many pods of a Deployment.
fn wanting(case: Case, pods: &[&str], target: u32) -> Case {
    pods.iter().fold(case, |case, pod| {
        case.wanting(pod, Cause::Scale, Some(target), true)
    })
}

table! {
    s1_not_less = Case::allowed(busy(Kind::Deployment), to(5), Row::NotLess);
    s1_more = Case::allowed(busy(Kind::Deployment), to(9), Row::NotLess);
    s2_not_guarded = Case::allowed(
        busy(Kind::Deployment),
        by_person(scale(Kind::StatefulSet, 5, 1)),
        Row::WorkloadNotGuarded,
    );
    s3_break_glass = Case::allowed(
        with(busy(Kind::Deployment), |scene| {
            let glass = scene.glass(600);
            scene.tune(Kind::Deployment, "w", |workload| workload.tuning.break_glass = Some(glass));
        }),
        to(4),
        Row::ScaleSafe,
    )
    .grant("w-0", key(4), false)
    .warns("the node is on fire");
    /// Nobody knows whom it takes, and whoever ordered it knows that.
    s3_break_glass_in_a_rollout = Case::allowed(
        with(busy(Kind::Deployment), |scene| {
            second_set(scene, 10);
            let glass = scene.glass(600);
            scene.tune(Kind::Deployment, "w", |workload| workload.tuning.break_glass = Some(glass));
        }),
        to(4),
        Row::ScaleSafe,
    )
    .grant("w-0", key(4), false)
    .warns("the node is on fire");
    s4_ordinals_safe = Case::allowed(drained(Kind::StatefulSet, &["w-4", "w-3"]), sts(3), Row::OrdinalsSafe)
        .grant("w-4", key(3), true)
        .grant("w-3", key(3), true);
    s4_ordinals_unsafe = Case::waits(drained(Kind::StatefulSet, &["w-4", "w-2"]), sts(2), Row::OrdinalsUnsafe)
        .wanting("w-3", Cause::Scale, Some(2), true)
        .says(&["StatefulSet trino/w: worker w-3 holds", "the lowest safe number is 4 now"]);
    s4_a_missing_low_ordinal_saves_no_high_one = Case::waits(
        with(busy(Kind::StatefulSet), |scene| scene.remove("w-0")),
        sts(4),
        Row::OrdinalsUnsafe,
    )
    .wanting("w-4", Cause::Scale, Some(4), true)
    .says(&["the lowest safe number is 5 now"]);
    s4_ordinals_count_from_the_start = Case::waits(
        with(busy(Kind::StatefulSet), |scene| {
            scene.tune(Kind::StatefulSet, "w", |workload| workload.ordinal_start = 2);
        }),
        by_person(scale(Kind::StatefulSet, 3, 2)),
        Row::OrdinalsUnsafe,
    )
    .wanting("w-4", Cause::Scale, Some(2), true)
    .says(&["the lowest safe number is 3 now"]);
    s5_victims_safe = Case::allowed(drained(Kind::Deployment, &["w-3", "w-1"]), to(3), Row::ScaleSafe)
        .grant("w-1", key(3), true)
        .grant("w-3", key(3), true);
    s5_pending_pods_go_first = Case::allowed(
        with(busy(Kind::Deployment), |scene| {
            scene.edit("w-2", |pod| {
                (pod.phase, pod.container, pod.ready) = (Phase::Pending, None, false);
            });
        }),
        to(4),
        Row::ScaleSafe,
    );
    s5_pods_that_are_not_there = Case::allowed(
        with(busy(Kind::Deployment), |scene| scene.remove("w-2")),
        to(4),
        Row::ScaleSafe,
    );
    s5_not_looked_at = Case::looks(
        with(drained(Kind::Deployment, &["w-3", "w-1"]), |scene| {
            scene.pass(3);
            scene.says("w-1", crate::trino::words::NodeState::Drained);
        }),
        to(3),
        Row::ScaleUnsafe,
        &["w-3"],
    )
    .wanting("w-3", Cause::Scale, Some(3), true)
    .says(&["w-3 is drained", "the lowest safe number is 4 now"]);
    /// DRAINED and proven, but the cost that makes the controller choose it is not in our cache yet.
    s5_not_announced = Case::waits(
        with(drained(Kind::Deployment, &["w-1"]), |scene| {
            scene.evidence.prove("uid-w-1", "container-w-1", scene.now);
            scene.edit("w-1", |pod| pod.notes.drained = None);
        }),
        to(4),
        Row::ScaleUnsafe,
    )
    .wanting("w-1", Cause::Scale, Some(4), true)
    .says(&["the lowest safe number is 5 now"]);
    s6_relaxed = Case::allowed(
        with(Scene::deployment(5), |scene| {
            scene.power(DrainPower::Forbidden);
            scene.refused("w-0", 0);
            scene.pass(1);
            scene.calm(10);
        }),
        to(4),
        Row::ScaleSafe,
    )
    .grant("w-0", key(4), true)
    .warns("idle twice");
    s7_victims_busy = wanting(
        Case::waits(drained(Kind::Deployment, &["w-3"]), to(2), Row::ScaleUnsafe),
        &["w-0", "w-1"],
        2,
    )
    .says(&[
        "Deployment trino/w: worker w-0 holds output buffers of 2 tasks",
        "and 1 more can't go",
        "a drain is requested",
        "the lowest safe number is 4 now",
        "let go in 1h at the latest",
        "kubectl annotate -n trino deployment w",
    ]);
    /// A pod that waits for another container may run Trino already.
    s7_pending_with_a_running_container = Case::waits(
        with(busy(Kind::Deployment), |scene| {
            scene.edit("w-2", |pod| (pod.phase, pod.ready) = (Phase::Pending, false));
        }),
        to(4),
        Row::ScaleUnsafe,
    )
    .wanting("w-2", Cause::Scale, Some(4), true)
    .says(&["worker w-2 holds"]);
    s7_granted_elsewhere = Case::waits(
        with(drained(Kind::Deployment, &["w-1"]), |scene| scene.granted("w-1", GrantKey::Pod)),
        to(4),
        Row::Granted,
    )
    .says(&["promised to another request", "the lowest safe number is 5 now"]);
    s7_the_object_itself = Case::waits(
        busy(Kind::Deployment),
        by_person(Request::Scale {
            kind: Kind::Deployment,
            workload: Name::new(SPACE, "w"),
            old: 5,
            new: 4,
            whole: true,
        }),
        Row::ScaleUnsafe,
    )
    .wanting("w-0", Cause::Scale, Some(4), true)
    .says(&["the lowest safe number is 5 now"]);
    s8_to_zero = wanting(
        Case::waits(busy(Kind::Deployment), to(0), Row::ScaleUnsafe),
        &["w-0", "w-1", "w-2", "w-3", "w-4"],
        0,
    )
    .says(&["and 4 more can't go", "the lowest safe number is 5 now"]);
    s8b_suspending = Case::allowed(
        with(busy(Kind::Deployment), suspended),
        by(Caller::Operator, scale(Kind::Deployment, 5, 0)),
        Row::ScaleSafe,
    );
    s8b_suspending_pod = Case::allowed(
        with(busy(Kind::Deployment), suspended),
        by_person(evict("w-0")),
        Row::Suspending,
    );
    s9_unknown_pods_count_as_busy = Case::waits(Scene::deployment(5), to(4), Row::ScaleUnsafe)
        .wanting("w-0", Cause::Scale, Some(4), true)
        .says(&["nothing is known of it"]);
    /// Scale has no clock of its own: each pod's counts.
    s10_max_block_of_the_pod = Case::allowed(
        with(busy(Kind::Deployment), |scene| {
            scene.keeps_saying("w-4", Active, 20);
            scene.recorded("w-0", 1800);
            scene.refused("w-0", 1800);
        }),
        to(4),
        Row::ScaleSafe,
    )
    .grant("w-0", key(4), true)
    .warns("refused for as long as may be");
    s10_the_operator_waits = Case::waits(
        with(busy(Kind::Deployment), |scene| {
            scene.recorded("w-0", 7200);
            scene.refused("w-0", 7200);
        }),
        by(Caller::Operator, scale(Kind::Deployment, 5, 4)),
        Row::ScaleUnsafe,
    )
    .wanting("w-0", Cause::Scale, Some(4), false)
    .says(&["no bound holds for this caller"]);
    s11_rollout = Case::allowed(
        busy(Kind::Deployment),
        by(
            Caller::WorkloadController,
            Request::Scale {
                kind: Kind::ReplicaSet,
                workload: Name::new(SPACE, "rs"),
                old: 5,
                new: 4,
                whole: true,
            },
        ),
        Row::Rollout,
    );
    s11_a_person_scales_a_replica_set = Case::waits(
        busy(Kind::Deployment),
        by_person(Request::Scale {
            kind: Kind::ReplicaSet,
            workload: Name::new(SPACE, "rs"),
            old: 5,
            new: 4,
            whole: false,
        }),
        Row::ScaleUnsafe,
    )
    .wanting("w-0", Cause::Scale, Some(4), true)
    .says(&["ReplicaSet trino/rs"]);
    /// The HPA's next sync: the same plan, no second grant. Each case here is also asked twice.
    s12_the_same_again = Case::allowed(
        with(drained(Kind::Deployment, &["w-3"]), |scene| scene.granted("w-3", key(4))),
        to(4),
        Row::ScaleSafe,
    );
    s12_less_than_before = Case::waits(
        with(drained(Kind::Deployment, &["w-3"]), |scene| scene.granted("w-3", key(4))),
        to(3),
        Row::ScaleUnsafe,
    )
    .wanting("w-0", Cause::Scale, Some(3), true)
    .says(&["the lowest safe number is 4 now"]);
    s13_rollout_in_progress = Case::waits(
        with(drained(Kind::Deployment, &["w-3"]), |scene| second_set(scene, 60)),
        to(4),
        Row::RolloutInProgress,
    )
    .says(&["is being rolled out", "after 2027"]);
    s13_a_rollout_that_does_not_end = Case::allowed(
        with(busy(Kind::Deployment), |scene| second_set(scene, 1800)),
        to(1),
        Row::Rollout,
    );
}

fn clamped(scene: &mut Scene, kind: Kind, new: u32) -> Option<(u32, u32)> {
    scene.policy.clamp = true;
    let name = Name::new(SPACE, "w");
    let ask = by_person(scale(kind, 5, new));
    let clamp = clamp(&scene.view(), &ask, (kind, &name), 5, new);
    clamp.map(|Clamp { given, asked }| (given, asked))
}

#[test]
fn the_clamp_gives_part_of_what_is_asked() {
    let mut scene = drained(Kind::Deployment, &["w-3", "w-1"]);
    assert_eq!(clamped(&mut scene, Kind::Deployment, 1), Some((3, 1)));
    assert_eq!(clamped(&mut scene, Kind::Deployment, 3), None, "all of it");
    let mut sts = drained(Kind::StatefulSet, &["w-4", "w-2"]);
    assert_eq!(clamped(&mut sts, Kind::StatefulSet, 1), Some((4, 1)));
    let mut none = busy(Kind::Deployment);
    assert_eq!(clamped(&mut none, Kind::Deployment, 1), None, "none of it");
    second_set(&mut scene, 60);
    assert_eq!(clamped(&mut scene, Kind::Deployment, 1), None, "a rollout");
}

/// Whatever the clamp gives is judged again, and passes.
#[test]
fn what_the_clamp_gives_is_allowed() {
    let mut scene = drained(Kind::Deployment, &["w-3", "w-1"]);
    let (given, _) = clamped(&mut scene, Kind::Deployment, 0).expect("a clamp");
    let verdict = scene.judge(&to(given));
    assert_eq!(verdict.row, Row::ScaleSafe, "{verdict:?}");
}

#[test]
fn the_clamp_is_off_unless_chosen() {
    let scene = drained(Kind::Deployment, &["w-3"]);
    let name = Name::new(SPACE, "w");
    let clamp = clamp(&scene.view(), &to(1), (Kind::Deployment, &name), 5, 1);
    assert_eq!(clamp, None);
}

/// The number that a refusal names is allowed when it is asked for.
#[test]
fn the_safe_number_is_safe() {
    for names in [&["w-3"][..], &["w-3", "w-1"], &["w-4", "w-3", "w-2"], &[]] {
        for kind in [Kind::Deployment, Kind::StatefulSet] {
            let scene = drained(kind, names);
            let refused = scene.judge(&by_person(scale(kind, 5, 0)));
            let number = refused.message.split("safe number is ").nth(1);
            let number = number.and_then(|text| text.split(' ').next());
            let number: u32 = number.and_then(|text| text.parse().ok()).expect("a number");
            let ask = by_person(scale(kind, 5, number));
            let verdict = scene.judge(&ask);
            let allowed = crate::core::guard::ask::Outcome::Allow;
            assert_eq!(verdict.outcome, allowed, "{names:?} {kind:?} {verdict:?}");
        }
    }
}

/// Each alone would leave the others serving; one request that takes them all leaves nobody.
#[test]
fn what_bounds_let_go_together_leaves_enough_serving() {
    let mut scene = Scene::deployment(3);
    for name in ["w-0", "w-1", "w-2"] {
        scene.refused(name, 40 * 60);
    }
    for _ in 0..20 {
        scene.pass(1);
        for name in ["w-0", "w-1", "w-2"] {
            scene.says(name, Active);
        }
    }
    scene.power(DrainPower::Forbidden);
    tasks(&mut scene, &[0, 1, 2]);
    let row = |new| {
        let verdict = scene.judge(&by_person(scale(Kind::Deployment, 3, new)));
        (verdict.row, verdict.outcome)
    };
    let (safe, _) = row(1);
    assert_eq!(safe, Row::ScaleSafe, "two may go");
    assert_eq!(row(0).0, Row::ScaleUnsafe, "but not the last");
    let name = SPACE.to_owned();
    let namespace = scene.judge(&by_person(Request::DeleteNamespace { name }));
    assert_eq!(namespace.row, Row::NamespaceBusy);
}
