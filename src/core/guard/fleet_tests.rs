//! Targets and floors.

use std::time::Duration;

use super::Serving;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::notes::{Cause, Number, Want};
use crate::core::guard::plan::scene::{Scene, cluster};

fn wants(scene: &mut Scene, name: &str, cause: Cause, target: u32, ago: u64) {
    let at = scene.now.before(Duration::from_secs(ago));
    let want = Want {
        at,
        since: at,
        cause,
        by: "somebody".to_owned(),
        number: Some(Number {
            target,
            from: 100,
            at,
        }),
    };
    scene.edit(name, |pod| pod.notes.want = Some(want));
}

fn target(scene: &Scene) -> u32 {
    scene.view().target(&cluster())
}

#[test]
fn the_target_is_the_spec_or_the_last_lower_number_that_was_refused() {
    let mut scene = Scene::deployment(8);
    assert_eq!(target(&scene), 8);
    wants(&mut scene, "w-0", Cause::Scale, 3, 60);
    assert_eq!(target(&scene), 3);
    wants(&mut scene, "w-1", Cause::Scale, 5, 30);
    assert_eq!(target(&scene), 5, "the later one");
    wants(&mut scene, "w-2", Cause::Scale, 9, 10);
    assert_eq!(target(&scene), 8, "never above the spec");
    wants(&mut scene, "w-2", Cause::Scale, 4, 1200);
    wants(&mut scene, "w-1", Cause::Scale, 5, 90);
    assert_eq!(target(&scene), 3, "over after 20 min");
    wants(&mut scene, "w-1", Cause::Evict, 2, 5);
    assert_eq!(target(&scene), 2, "whoever else asked for its pod");
    scene.tune(Kind::Deployment, "w", |workload| workload.deleting = true);
    assert_eq!(target(&scene), 0, "its owner goes");
}

#[test]
fn the_floor_follows_the_target_and_the_workload() {
    let mut scene = Scene::deployment(8);
    let floor = |scene: &Scene, waived| scene.view().floor(&cluster(), waived);
    assert_eq!((floor(&scene, false), floor(&scene, true)), (6, 1));
    scene.tune(Kind::Deployment, "w", |workload| {
        workload.tuning.min_active = Some(2);
    });
    assert_eq!((floor(&scene, false), floor(&scene, true)), (6, 2));
    wants(&mut scene, "w-0", Cause::Scale, 2, 0);
    assert_eq!(floor(&scene, false), 2);
}

#[test]
fn workers_of_which_nothing_is_known_do_not_serve() {
    let mut scene = Scene::deployment(3);
    let serving = |scene: &Scene| {
        let (view, one) = (scene.view(), scene.pod("w-0"));
        let (cluster, remembered) = (cluster(), &one.cluster);
        let remembered = Serving::new(view, remembered);
        let alike = |least: &u32| {
            let alone = view.has_serving(&cluster, &one, *least);
            assert_eq!(alone, remembered.has_without(&one, *least), "{least}");
            alone
        };
        (0..4).take_while(alike).last()
    };
    assert_eq!(serving(&scene), Some(0));
    for _ in 0..16 {
        scene.pass(1);
        for name in ["w-0", "w-1"] {
            scene.says(name, crate::trino::words::NodeState::Active);
        }
    }
    assert_eq!(serving(&scene), Some(1), "w-1; itself it does not count");
}

#[test]
fn who_was_promised_to_go_serves_nobody_who_stays() {
    let mut scene = Scene::deployment(3);
    for _ in 0..16 {
        scene.pass(1);
        for name in ["w-0", "w-1"] {
            scene.says(name, crate::trino::words::NodeState::Active);
        }
    }
    let one = scene.pod("w-0");
    assert!(scene.view().has_serving(&cluster(), &one, 1));
    assert!(!scene.view().is_last(&one));
    scene.granted("w-1", crate::core::guard::notes::GrantKey::Pod);
    assert!(!scene.view().has_serving(&cluster(), &one, 1));
    assert!(scene.view().is_last(&one));
    scene.pass(121);
    for name in ["w-0", "w-1"] {
        scene.keeps_saying(name, crate::trino::words::NodeState::Active, 16);
    }
    assert!(scene.view().has_serving(&cluster(), &one, 1), "nobody came");
}

#[test]
fn the_last_is_drained_by_a_list_that_was_read_for_it() {
    let mut scene = Scene::deployment(1);
    let pod = scene.pod("w-0");
    scene.list(0);
    let asked = scene.now;
    assert!(scene.view().may_drain_last(&pod, asked));
    scene.pass(3);
    let asked = scene.now;
    assert!(!scene.view().may_drain_last(&pod, asked), "nobody answered");
    scene.list(1);
    scene.pass(5);
    assert!(
        !scene.view().may_drain_last(&pod, asked),
        "however long that took"
    );
    scene.list(0);
    assert!(scene.view().may_drain_last(&pod, asked));
    scene.list(1);
    scene.refused("w-0", 56 * 60);
    assert!(
        scene.view().may_drain_last(&scene.pod("w-0"), scene.now),
        "its bound comes first"
    );
}
