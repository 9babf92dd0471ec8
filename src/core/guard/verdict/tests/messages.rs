//! What people read beside the rows.

use super::eviction::busy;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::plan::scene::Scene;
use crate::core::guard::staging::{by_person, evict, scale};
use crate::trino::words::NodeState::Active;

fn message(scene: &Scene, pod: &str) -> String {
    scene.judge(&by_person(evict(pod))).message
}

/// Nothing replaces the last serving worker before it is evicted: its drain waits, and people are told what helps.
#[test]
fn the_last_serving_worker_is_told_to_get_company_first() {
    let mut scene = Scene::deployment(1);
    scene.keeps_saying("w-0", Active, 20);
    scene.list(1);
    let text = message(&scene, "w-0");
    let words = "scale to 2 or restart the rollout first";
    assert!(text.contains(words), "{text}");
    scene.pass(1);
    scene.list(0);
    let text = message(&scene, "w-0");
    assert!(!text.contains(words), "no unfinished query: {text}");
    let mut scene = busy();
    scene.list(1);
    let text = message(&scene, "w-0");
    assert!(!text.contains(words), "w-1 serves: {text}");
}

/// No drain begins under a coordinator that has not met its workers, which looks like nothing being done.
#[test]
fn a_drain_that_waits_for_the_coordinator_says_so() {
    let mut scene = busy();
    let words = "its drain begins when its coordinator has been Ready for 15s";
    let text = message(&scene, "w-0");
    assert!(!text.contains(words), "it has served for long: {text}");
    scene.unready("c-0");
    let text = message(&scene, "w-0");
    assert!(text.contains(words), "{text}");
    scene.crash("c-0");
    let text = message(&scene, "w-0");
    assert!(!text.contains(words), "there is none to wait for: {text}");
}

/// The descheduler books these words as an eviction in progress; they stand wherever something is done about it.
#[test]
fn every_wanted_worker_says_that_it_is_evacuated() {
    let scene = busy();
    for text in [
        message(&scene, "w-0"),
        message(&scene, "w-1"),
        scene
            .judge(&by_person(scale(Kind::Deployment, 2, 1)))
            .message,
    ] {
        assert!(text.contains("Eviction triggered evacuation"), "{text}");
    }
}
