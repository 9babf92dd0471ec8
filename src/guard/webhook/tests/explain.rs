//! What `explain` says is what a server dry-run of the same request is told, in each mode and behind the clamp; and where the
//! guard has nothing to say, why.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::desk::{Desk, eviction};
use super::dry_run::{busy, deletion, drained, ordered, scale};
use crate::core::guard::facts::place::{Mode, Namespace};
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::review::Path;
use crate::guard::state::Fresh;
use crate::trino::words::NodeState::Drained;

const EVICT: &str = "action=evict&namespace=trino&name=w-0";
const DELETE: &str = "action=delete&namespace=trino&name=w-0";
const SCALE: &str = "action=scale&kind=deployment&namespace=trino&name=w&to=2";

/// The same request as a review and as a question.
fn requests() -> [(Path, Value, &'static str); 3] {
    [
        (Path::Eviction, eviction(), EVICT),
        (Path::PodDelete, deletion(), DELETE),
        (Path::Scale, scale(2), SCALE),
    ]
}

fn in_mode(mut scene: Scene, mode: Option<Mode>) -> Scene {
    let namespace = Namespace {
        mode,
        ..Namespace::default()
    };
    scene.world.put_namespace(SPACE.to_owned(), namespace);
    scene
}

fn dry(mut review: Value) -> Value {
    review["request"]["dryRun"] = json!(true);
    review
}

async fn told(desk: &Desk, question: &str) -> Value {
    let (status, told) = desk.explain(question).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told
}

fn texts(of: &Value) -> Vec<&str> {
    let texts = of.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn an_explanation_is_what_a_dry_run_is_told() {
    let scenes: [fn() -> Scene; 3] = [busy, drained, ordered];
    for (scene, mode) in scenes
        .into_iter()
        .flat_map(|scene| [None, Some(Mode::Audit), Some(Mode::Enforce)].map(|mode| (scene, mode)))
    {
        let desk = Desk::new(in_mode(scene(), mode));
        for (path, review, question) in requests() {
            let answer = desk.review(path, &dry(review)).await;
            let told = told(&desk, question).await;
            let both = format!("{mode:?} {path:?}: {told} {answer}");
            assert_eq!(told["allowed"], answer["allowed"], "{both}");
            assert_eq!(told["mode"].as_str(), mode.map(Mode::word), "{both}");
            if answer["allowed"] == false {
                assert_eq!(told["code"], answer["status"]["code"], "{both}");
                assert_eq!(told["message"], answer["status"]["message"], "{both}");
            }
            if mode == Some(Mode::Enforce) {
                assert_eq!(
                    texts(&told["warnings"]),
                    texts(&answer["warnings"]),
                    "{both}"
                );
            }
        }
        assert_eq!(desk.written().await, [""; 0]);
    }
}

/// Of two workers that a scale asks for one may go.
#[tokio::test(start_paused = true)]
async fn a_scale_is_explained_as_the_clamp_leaves_it() {
    let scene = |clamp: bool| {
        let mut scene = drained();
        scene.cycle(&[("w-1", 14)]);
        scene.says("w-0", Drained);
        scene.policy.clamp = clamp;
        scene
    };
    let to_one = SCALE.replace("to=2", "to=1");
    let refused = told(&Desk::new(scene(false)), &to_one).await;
    assert_eq!(
        (&refused["allowed"], &refused["code"]),
        (&json!(false), &json!(429))
    );
    let desk = Desk::new(scene(true));
    let clamped = desk.review(Path::MutateScale, &dry(scale(1))).await;
    assert!(clamped["patch"].is_string(), "{clamped}");
    assert_eq!(clamped["auditAnnotations"]["reason"], "Clamped");
    let answer = desk.review(Path::Scale, &dry(scale(2))).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    let told = told(&desk, &to_one).await;
    assert_eq!(told["allowed"], true, "{told}");
    assert_eq!(texts(&told["warnings"]), texts(&clamped["warnings"]));
    assert_eq!(texts(&told["effects"]), ["grant w-0"]);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_nothing_to_guard_everything_is_allowed_and_the_reason_named() {
    let mut empty = in_mode(Scene::deployment(1), None);
    let opted = Namespace {
        mode: Some(Mode::Enforce),
        ..Namespace::default()
    };
    empty.world.put_namespace("empty".to_owned(), opted);
    let desk = Desk::new(empty);
    for (_, _, question) in requests() {
        let stranger = told(&desk, &question.replace("trino", "empty")).await;
        assert_eq!(stranger["allowed"], true, "{stranger}");
        let why = stranger["unguarded"].as_str().unwrap_or_default();
        assert!(why.contains("there is nothing to guard"), "{stranger}");
        let told = told(&desk, question).await;
        let why = told["unguarded"].as_str().unwrap_or_default();
        assert!(why.contains("did not opt in"), "{told}");
    }
    let desk = Desk::new(busy());
    for (_, _, question) in requests() {
        let told = told(&desk, &question.replace("name=w", "name=other")).await;
        assert_eq!(told["allowed"], true, "{told}");
        let why = told["unguarded"].as_str().unwrap_or_default();
        assert!(why.contains("no guarded"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_can_not_be_answered_says_what_it_takes() {
    let desk = Desk::new(busy());
    for (question, words) in [
        (
            "action=drain&namespace=trino&name=w-0",
            "give evict, delete or scale",
        ),
        (
            "action=scale&namespace=trino&name=w&to=2",
            "give deployment, statefulset or replicaset",
        ),
        (
            "action=scale&kind=deployment&namespace=trino&name=w",
            "to is missing",
        ),
    ] {
        let (status, told) = desk.explain(question).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "{told}");
    }
}

/// Facts of long ago.
#[derive(Debug)]
struct Old;

impl Fresh for Old {
    fn stale(&self) -> Option<String> {
        Some("pods: no answer for 90s".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_can_not_judge_explains_nothing() {
    let desk = Desk::with(busy(), Arc::new(Old));
    let (status, told) = desk.explain(EVICT).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{told}");
}
