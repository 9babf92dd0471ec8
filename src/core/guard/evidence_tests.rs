//! What the evidence keeps: order, containers, proofs.

use std::time::Duration;

use crate::core::guard::evidence::{DrainPower, Listed, Said, Sight};
use crate::core::guard::plan::scene::{Scene, cluster};
use crate::trino::words::NodeState::{Active, Drained, Draining};

#[test]
fn an_answer_that_comes_late_changes_nothing() {
    let mut scene = Scene::deployment(1);
    let early = scene.now;
    scene.pass(1);
    scene.says("w-0", Active);
    let late = Sight {
        container: "container-w-0".to_owned(),
        at: early,
        said: Said::State {
            state: Drained,
            starting: false,
        },
    };
    scene.evidence.look("uid-w-0", &late);
    let pod = scene.pod("w-0");
    let seen = scene.evidence.worker(&pod).expect("seen");
    assert_eq!(seen.answer.map(|answer| answer.state), Some(Active));
    scene.pass(1);
    scene.look("w-0", Said::Refused);
    scene.evidence.look("uid-w-0", &late);
    let seen = scene.evidence.worker(&pod).expect("seen");
    assert_eq!(seen.drained_since(), None, "nor after a failure");
}

#[test]
fn a_drain_is_measured_once_from_the_last_active() {
    let mut scene = Scene::deployment(1);
    let mut look = |state| {
        scene.pass(5);
        let said = Said::State {
            state,
            starting: false,
        };
        let container = "container-w-0".to_owned();
        let at = scene.now;
        let sight = Sight {
            container,
            at,
            said,
        };
        scene.evidence.look("uid-w-0", &sight)
    };
    assert_eq!(look(Active), None);
    assert_eq!(look(Draining), None);
    assert_eq!(look(Drained), Some(Duration::from_secs(10)));
    assert_eq!(look(Drained), None, "told once");
    assert_eq!(look(Draining), None);
    assert_eq!(look(Active), None);
    assert_eq!(look(Drained), Some(Duration::from_secs(5)));
}

#[test]
fn active_ends_a_stay_and_its_proof() {
    let mut scene = Scene::deployment(1);
    scene.drain("w-0");
    scene.cycle(&[]);
    let pod = scene.pod("w-0");
    let proof = |scene: &Scene| scene.evidence.worker(&pod).and_then(|seen| seen.proof);
    assert!(proof(&scene).is_some());
    scene.pass(1);
    scene.says("w-0", Draining);
    assert_eq!(proof(&scene), None);
}

#[test]
fn a_proof_that_can_not_be_read_dates_from_the_first_try() {
    let mut scene = Scene::deployment(1);
    scene.drain("w-0");
    let first = scene.now;
    for _ in 0..3 {
        scene
            .evidence
            .cannot_prove("uid-w-0", "container-w-0", scene.now);
        scene.pass(5);
        scene.says("w-0", Drained);
    }
    let pod = scene.pod("w-0");
    let seen = scene.evidence.worker(&pod).expect("seen");
    assert_eq!((seen.unproven, seen.proof), (Some(first), None));
    scene.cycle(&[]);
    let seen = scene.evidence.worker(&pod).expect("seen");
    assert_eq!(seen.unproven, None, "a cycle proves as well");
}

#[test]
fn lists_count_in_order_and_a_query_ends_the_run_of_empty_ones() {
    let mut scene = Scene::deployment(1);
    let early = scene.now;
    scene.pass(5);
    scene.list(0);
    let list = Listed {
        at: early,
        unfinished: 4,
    };
    scene.evidence.list(&cluster(), list);
    let seen = scene.evidence.cluster(&cluster());
    assert_eq!(seen.list.map(|list| list.unfinished), Some(0), "too late");
    scene.pass(1);
    scene.list(1);
    assert_eq!(scene.evidence.cluster(&cluster()).empty, None);
}

#[test]
fn a_pod_forgotten_is_unknown() {
    let mut scene = Scene::deployment(1);
    scene.drained("w-0");
    scene.evidence.keep_only(|uid| uid != "uid-w-0");
    assert_eq!(scene.evidence.worker(&scene.pod("w-0")), None);
}

fn version(scene: &mut Scene, name: &str, too_old: bool) {
    let pod = scene.pod(name);
    let sight = Sight {
        container: pod.running().expect("a container").to_owned(),
        at: scene.now,
        said: Said::Silent,
    };
    scene.evidence.version(&pod.uid, &sight, too_old);
    scene.evidence.reconsider_one(&pod.cluster, &scene.world);
}

#[test]
fn a_cluster_is_too_old_while_one_of_its_workers_is() {
    let mut scene = Scene::deployment(2);
    let power = |scene: &Scene| scene.evidence.cluster(&cluster()).power;
    scene.power(DrainPower::Yes);
    version(&mut scene, "w-0", true);
    assert_eq!(power(&scene), DrainPower::TooOld);
    version(&mut scene, "w-1", false);
    assert_eq!(
        power(&scene),
        DrainPower::TooOld,
        "the other is still there"
    );
    scene.restart("w-0");
    scene.evidence.reconsider(&scene.world);
    assert_eq!(
        power(&scene),
        DrainPower::Unasked,
        "it has to be asked again"
    );
    scene.power(DrainPower::Forbidden);
    version(&mut scene, "w-0", false);
    assert_eq!(power(&scene), DrainPower::Forbidden);
}

#[test]
fn a_cluster_that_is_gone_is_forgotten() {
    let mut scene = Scene::deployment(1);
    scene.power(DrainPower::TooOld);
    scene.remove("w-0");
    scene.remove("c-0");
    scene.evidence.reconsider(&scene.world);
    assert_eq!(
        scene.evidence.cluster(&cluster()).power,
        DrainPower::Unasked
    );
}
