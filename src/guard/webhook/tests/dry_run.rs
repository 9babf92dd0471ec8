//! Who only tries gets the same answer, and nothing is written: no grant, no want, no annotation, no Event. The same
//! request in earnest writes, and from somebody whom we do not trust it does not.

use serde_json::{Value, json};

use super::desk::{Desk, JSON, eviction, review};
use crate::core::guard::facts::place::{Mode, Namespace};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::review::Path;
use crate::trino::words::NodeState::{Active, Drained};

/// One request in one scene, whether it is allowed, and what it writes in earnest.
struct Try {
    scene: fn() -> Scene,
    path: Path,
    review: Value,
    allowed: bool,
    writes: &'static [&'static str],
}

/// `w-0` was drained.
pub fn drained() -> Scene {
    let mut scene = Scene::deployment(3);
    scene.drained("w-0");
    scene
}

/// `w-0` is at risk.
pub fn busy() -> Scene {
    let mut scene = Scene::deployment(3);
    scene.says("w-0", Active);
    scene.cycle(&[("w-0", 14)]);
    scene
}

/// The same, and somebody who may do so ordered it.
pub fn ordered() -> Scene {
    let mut scene = busy();
    let glass = scene.glass(600);
    scene.edit("w-0", |pod| pod.notes.break_glass = Some(glass));
    scene
}

/// Its coordinator has queries, and somebody ordered that it goes.
fn coordinator_ordered() -> Scene {
    let mut scene = busy();
    scene.list(3);
    let glass = scene.glass(600);
    scene.edit("c-0", |pod| pod.notes.break_glass = Some(glass));
    scene
}

/// Somebody ordered that everything goes.
fn all_ordered() -> Scene {
    let mut scene = busy();
    scene.list(3);
    let ordered = Namespace {
        mode: Some(Mode::Enforce),
        break_glass: Some(scene.glass(600)),
        ..Namespace::default()
    };
    scene.world.put_namespace(SPACE.to_owned(), ordered);
    scene
}

/// `w-0` was drained, `w-1` is at risk, and half of a step is better than none.
fn clamping() -> Scene {
    let mut scene = drained();
    scene.cycle(&[("w-1", 14)]);
    scene.says("w-0", Drained);
    scene.policy.clamp = true;
    // What the answer makes of it has been written by the time anybody looks.
    scene.tune(Kind::Deployment, "w", |workload| workload.replicas = 2);
    scene
}

pub fn deletion() -> Value {
    let object = json!({"metadata": {"name": "w-0", "namespace": SPACE, "uid": "uid-w-0"}});
    review(
        "DELETE",
        "pods",
        "",
        &json!({"name": "w-0", "oldObject": object}),
    )
}

pub fn scale(new: u32) -> Value {
    let scale = |replicas: u32| json!({"metadata": {"name": "w", "namespace": SPACE}, "spec": {"replicas": replicas}});
    let fields = json!({"name": "w", "oldObject": scale(3), "object": scale(new)});
    review("UPDATE", "deployments", "scale", &fields)
}

fn eviction_of_the_coordinator() -> Value {
    let object = json!({"metadata": {"name": "c-0", "namespace": SPACE}});
    let fields = json!({"name": "c-0", "object": object});
    review("CREATE", "pods", "eviction", &fields)
}

fn namespace() -> Value {
    let object = json!({"metadata": {"name": SPACE}});
    let fields = json!({"name": SPACE, "oldObject": object});
    review("DELETE", "namespaces", "", &fields)
}

fn tries() -> Vec<Try> {
    let wants: &[_] = &[
        "w-0: xtrinode.io/drain-requested",
        "w-0: xtrinode.io/blocked-since",
    ];
    let grant: &[_] = &["w-0: xtrinode.io/grant"];
    let of = |scene: fn() -> Scene, path, review, allowed, writes| Try {
        scene,
        path,
        review,
        allowed,
        writes,
    };
    vec![
        of(drained, Path::Eviction, eviction(), true, grant),
        of(drained, Path::PodDelete, deletion(), true, grant),
        of(drained, Path::Scale, scale(2), true, grant),
        of(
            ordered,
            Path::Eviction,
            eviction(),
            true,
            &["w-0: xtrinode.io/grant", "w-0: BreakGlassUsed"],
        ),
        of(
            coordinator_ordered,
            Path::Eviction,
            eviction_of_the_coordinator(),
            true,
            &["c-0: xtrinode.io/grant", "c-0: BreakGlassUsed"],
        ),
        of(all_ordered, Path::Namespace, namespace(), true, EVERYTHING),
        of(
            clamping,
            Path::MutateScale,
            scale(1),
            true,
            &["w: ClampedScaleDown", "w: xtrinode.io/clamped"],
        ),
        of(busy, Path::Eviction, eviction(), false, wants),
        of(busy, Path::PodDelete, deletion(), false, wants),
        of(busy, Path::Scale, scale(2), false, wants),
    ]
}

/// What the end of a namespace writes in which everything was ordered to go.
const EVERYTHING: &[&str] = &[
    "c-0: xtrinode.io/grant",
    "w-0: xtrinode.io/grant",
    "w-1: xtrinode.io/grant",
    "w-2: xtrinode.io/grant",
    "c-0: BreakGlassUsed",
    "w-0: BreakGlassUsed",
    "w-1: BreakGlassUsed",
    "w-2: BreakGlassUsed",
];

/// The ways in which a request says that it only tries; the last of them evictions alone have.
fn ways(review: &Value) -> Vec<Value> {
    let with = |pointer: &str, value: Value| {
        let mut review = review.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        review.pointer_mut(parent).expect("an object")[key] = value;
        review
    };
    let all = json!({"dryRun": ["All"]});
    let mut ways = vec![
        with("/request/dryRun", json!(true)),
        with("/request/options", all.clone()),
    ];
    if review["request"]["subResource"] == "eviction" {
        ways.push(with("/request/object/deleteOptions", all));
    }
    ways
}

/// Without the one mark by which the audit log tells them apart.
fn unmarked(mut answer: Value) -> Value {
    let notes = answer.pointer_mut("/auditAnnotations");
    if let Some(notes) = notes.and_then(Value::as_object_mut) {
        notes.remove("dry-run");
    }
    answer
}

#[tokio::test(start_paused = true)]
async fn e16_a_dry_run_is_answered_alike_and_writes_nothing() {
    for Try {
        scene,
        path,
        review,
        allowed,
        writes,
    } in tries()
    {
        let earnest = Desk::new(scene());
        let answer = earnest.review(path, &review).await;
        assert_eq!(answer["allowed"], allowed, "{path:?}: {answer}");
        assert_eq!(earnest.written().await, writes, "{path:?}");
        let told = writes
            .iter()
            .filter(|write| write.contains("BreakGlassUsed"));
        assert_eq!(
            earnest.forced("BreakGlass"),
            told.count() as u64,
            "{path:?}"
        );
        for tried in ways(&review) {
            let desk = Desk::new(scene());
            let told = unmarked(desk.review(path, &tried).await);
            assert_eq!(told, answer, "{path:?}");
            assert_eq!(
                desk.written().await,
                [""; 0],
                "{path:?}: {}",
                tried["request"]
            );
            assert_eq!(desk.forced("BreakGlass"), 0, "{path:?}");
        }
    }
}

/// A namespace goes only after its pods were asked for, and for a stranger nobody is asked.
#[tokio::test(start_paused = true)]
async fn a_strangers_review_is_answered_alike_and_writes_nothing() {
    for Try {
        scene,
        path,
        review,
        allowed,
        ..
    } in tries()
    {
        let desk = Desk::new(scene());
        let (_, answer) = desk.post(path.url(), JSON, review.to_string()).await;
        let known = allowed && path != Path::Namespace;
        assert_eq!(answer["response"]["allowed"], known, "{path:?}");
        assert_eq!(desk.written().await, [""; 0], "{path:?}");
        assert_eq!(desk.untrusted(), 1, "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn audit_mode_allows_everything_and_writes_nothing() {
    for Try {
        scene,
        path,
        review,
        ..
    } in tries()
    {
        let mut scene = scene();
        let audited = Namespace {
            mode: Some(Mode::Audit),
            ..Namespace::default()
        };
        scene.world.put_namespace(SPACE.to_owned(), audited);
        let desk = Desk::new(scene);
        let answer = desk.review(path, &review).await;
        assert_eq!(answer["allowed"], true, "{path:?}");
        assert_eq!(answer.get("patch"), None, "{path:?}");
        assert_eq!(desk.written().await, [""; 0], "{path:?}");
    }
}
