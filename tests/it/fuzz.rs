//! What the fuzz targets check of foreign bytes, on their committed seeds and on bytes made here: damaged seeds, and noise.

use std::fs;
use std::path::Path as File;

use proptest::prelude::*;
use serde_json::Value;
use xtrinode::core::guard::review::Path;

#[path = "../../fuzz/src/lib.rs"]
mod checks;

use checks::review::Told;
use checks::{annotations, objects, review, snapshot, verdict};

/// The committed seeds of a target, with their names. What fuzzing found on the way has a hash for a name, and is not ours.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = File::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let committed = files.filter(|file| file.extension().is_some());
    let mut seeds: Vec<_> = committed
        .map(|file| {
            (
                file.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&file).unwrap(),
            )
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds
}

fn seed(target: &str, name: &str) -> Vec<u8> {
    let found = seeds(target).into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no seed {name}")).1
}

fn recorded(name: &str) -> Value {
    serde_json::from_slice(&seed("review", name)).unwrap()
}

/// The seeds by which somebody is let go: where nobody is, nothing was tried.
fn freeing(target: &str, check: fn(&[u8]) -> bool) -> Vec<String> {
    let freeing = seeds(target).into_iter().filter(|(_, bytes)| check(bytes));
    freeing.map(|(name, _)| name).collect()
}

#[test]
fn reviews_that_are_recorded_hold() {
    for (_, body) in seeds("review") {
        review::check(&body);
    }
}

/// Each of the reviews that are held takes something busy; the same about the one that may go is allowed.
#[test]
fn recorded_reviews_of_busy_workers_are_refused_and_of_a_lost_one_allowed() {
    let refused = [
        (Path::Eviction, "eviction.json"),
        (Path::Eviction, "eviction-dry-run-in-body.json"),
        (Path::PodDelete, "pod-delete.json"),
        (Path::PodDelete, "pod-delete-collection-no-name.json"),
        (Path::Scale, "deployment-scale.json"),
        (Path::Scale, "statefulset-scale.json"),
        (Path::Scale, "deployment-scale-to-zero-by-keda.json"),
        (Path::Workload, "deployment-update-replicas.json"),
        (Path::Namespace, "namespace-delete.json"),
    ];
    for (path, name) in refused {
        let told = review::ask(path, &seed("review", name));
        assert!(matches!(told, Told::Refused), "{name}");
        assert!(review::is_held(path, &recorded(name)["request"]), "{name}");
    }
    let mut lost = recorded("eviction.json");
    lost["request"]["name"] = "lost".into();
    assert!(!review::is_held(Path::Eviction, &lost["request"]));
    let told = review::ask(Path::Eviction, lost.to_string().as_bytes());
    assert!(matches!(told, Told::Allowed), "the lost one");
    lost["kind"] = "Eviction".into();
    let told = review::ask(Path::Eviction, lost.to_string().as_bytes());
    assert!(matches!(told, Told::Problem), "no review");
}

#[test]
fn recorded_dry_runs_are_known_as_such() {
    let dry_runs = [
        "eviction-dry-run-in-body.json",
        "eviction-dry-run-in-options.json",
        "deployment-scale-dry-run.json",
    ];
    for (name, _) in seeds("review") {
        let tried = review::only_tries(&recorded(&name)["request"]);
        assert_eq!(tried, dry_runs.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn seeds_of_annotations_hold() {
    assert_eq!(
        freeing("annotations", annotations::check),
        ["blocked.json", "override.json", "pod.json"]
    );
}

#[test]
fn seeds_of_snapshots_hold() {
    assert_eq!(
        freeing("snapshot", snapshot::check),
        ["proof.json", "proof.txt"]
    );
}

#[test]
fn seeds_of_verdicts_hold() {
    assert!(!freeing("verdict", verdict::check).is_empty());
}

#[test]
fn seeds_of_objects_hold() {
    for (_, body) in seeds("objects") {
        objects::check(&body);
    }
}

/// A seed of which a part is replaced: enough of it stays to be read.
fn damaged(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<_> = seeds(target).into_iter().map(|(_, bytes)| bytes).collect();
    let noise = proptest::collection::vec(any::<u8>(), 0..4);
    let text = "[0-9a-z\"{}:,\\[\\]]{0,6}".prop_map(String::into_bytes);
    let part = prop_oneof![noise, text];
    let cut = (any::<prop::sample::Index>(), 0..8_usize);
    (proptest::sample::select(seeds), cut, part).prop_map(|(mut seed, (at, length), part)| {
        let from = at.index(seed.len().max(1)).min(seed.len());
        let to = (from + length).min(seed.len());
        seed.splice(from..to, part);
        seed
    })
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damaged_reviews_hold(body in damaged("review")) {
        review::check(&body);
    }

    #[test]
    fn damaged_annotations_hold(input in damaged("annotations")) {
        annotations::check(&input);
    }

    #[test]
    fn damaged_objects_hold(body in damaged("objects")) {
        objects::check(&body);
    }

    #[test]
    fn damaged_snapshots_hold(input in damaged("snapshot")) {
        snapshot::check(&input);
    }

    #[test]
    fn any_history_holds(input in noise()) {
        verdict::check(&input);
    }
}
