//! Break-glass, and what goes before what.

use super::tests::{busy, gate, opened};
use crate::core::guard::evidence::Said;
use crate::core::guard::facts::place::{Mode, Namespace};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::gate::{Barrier, Gate, Glass, Why};
use crate::core::guard::notes::Override;
use crate::core::guard::plan::scene::{SPACE, Scene};

const MINUTE: u64 = 60;

fn override_of(end: i64) -> impl Fn(&Scene) -> Override {
    move |scene| {
        let now = i64::try_from(scene.now.as_millis()).expect("a time");
        let millis = u64::try_from(now + end * 1000).expect("a time");
        let end = crate::core::guard::time::Time::from_millis(millis);
        Override::read(&format!("{end};the node is on fire"))
    }
}

fn glass_of(scene: &mut Scene, text: Override) -> Glass {
    scene.edit("w-0", |pod| pod.notes.break_glass = Some(text));
    scene.view().break_glass(&scene.pod("w-0"))
}

#[test]
fn break_glass_holds_until_its_end_and_a_skew() {
    let mut scene = busy();
    let mut of = |end: i64| {
        let text = override_of(end)(&scene);
        glass_of(&mut scene, text)
    };
    assert!(matches!(of(60), Glass::Broken { .. }));
    assert!(matches!(of(-10), Glass::Broken { .. }), "10 s of skew");
    assert_eq!(of(-11), Glass::None, "over");
    assert!(matches!(of(86_410), Glass::Broken { .. }), "24 h and skew");
    match of(86_411) {
        Glass::Flawed(what) => assert!(what.contains("too far ahead"), "{what}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn break_glass_counts_on_a_pod_its_workload_and_its_namespace() {
    let broken = |scene: &Scene| matches!(opened(scene), Some(Why::BreakGlass { .. }));
    let mut scene = busy();
    let glass = scene.glass(600);
    scene.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.break_glass = Some(glass.clone());
    });
    assert!(broken(&scene), "the Deployment behind its ReplicaSet");
    let mut scene = busy();
    let enforced = |break_glass| Namespace {
        mode: Some(Mode::Enforce),
        terminating: false,
        break_glass,
    };
    scene
        .world
        .put_namespace(SPACE.to_owned(), enforced(Some(glass)));
    assert!(broken(&scene), "the namespace");
    let text = Override::read("nonsense");
    scene.edit("w-0", |pod| pod.notes.break_glass = Some(text));
    assert!(broken(&scene), "one that counts beats one that does not");
}

#[test]
fn break_glass_that_does_not_count_says_why_and_shuts_nothing() {
    let wrong = [
        "nonsense",
        "tomorrow;the node is on fire",
        "2027-01-15T08:00:00Z;short",
    ];
    for text in wrong {
        let mut scene = busy();
        scene.edit("w-0", |pod| {
            pod.notes.break_glass = Some(Override::read(text));
        });
        let Gate::Shut(Barrier::BadOverride(what)) = gate(&scene) else {
            panic!("{text}: {:?}", gate(&scene));
        };
        assert!(!what.is_empty());
        let mut drained = Scene::deployment(2);
        drained.drained("w-0");
        drained.edit("w-0", |pod| {
            pod.notes.break_glass = Some(Override::read(text));
        });
        assert_eq!(opened(&drained), Some(Why::Drained), "{text}");
    }
    let mut over = busy();
    let text = override_of(-60)(&over);
    over.edit("w-0", |pod| pod.notes.break_glass = Some(text));
    assert!(matches!(gate(&over), Gate::Shut(Barrier::Busy(_))), "over");
}

/// What stands further up decides.
#[test]
fn precedence() {
    let mut scene = busy();
    scene.refused("w-0", 60 * MINUTE);
    assert_eq!(opened(&scene), Some(Why::FinalBound));
    scene.drained("w-0");
    assert_eq!(opened(&scene), Some(Why::Drained));
    scene.crash("w-0");
    assert_eq!(opened(&scene), Some(Why::Dead));
    let glass = scene.glass(600);
    scene.edit("w-0", |pod| pod.notes.break_glass = Some(glass));
    assert!(matches!(opened(&scene), Some(Why::BreakGlass { .. })));
    let now = scene.now;
    scene.edit("w-0", |pod| pod.deleting = Some(now));
    assert_eq!(opened(&scene), Some(Why::Deleting));
}

/// It said DRAINED and was proven; whether it still does nobody can hear.
#[test]
fn who_does_not_answer_a_look_is_not_waited_for_beyond_a_bound() {
    let silent = |seconds| {
        let mut scene = Scene::deployment(2);
        scene.drained("w-0");
        scene.pass(1);
        scene.keeps_failing("w-0", &Said::Silent, seconds);
        scene
    };
    let mut scene = silent(5);
    scene.refused("w-0", 60 * MINUTE - 1);
    assert_eq!(gate(&scene), Gate::Look, "it may answer the next one");
    scene.refused("w-0", 60 * MINUTE);
    assert_eq!(opened(&scene), Some(Why::FinalBound));
    let mut lost = silent(1);
    lost.unready("w-0");
    lost.keeps_failing("w-0", &Said::Silent, 10 * MINUTE - 1);
    assert_eq!(gate(&lost), Gate::Look);
    lost.keeps_failing("w-0", &Said::Silent, 1);
    assert_eq!(opened(&lost), Some(Why::Unreachable));
}
