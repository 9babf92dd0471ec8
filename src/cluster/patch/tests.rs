//! Outcomes of compare-and-swaps, against a stub that applies patches as the API server does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::stub::{Answer, Asked, LIMIT, Stub, pod, raw_pod};
use super::*;
use crate::api::keys;

/// A server that knows one pod.
fn server(object: Value) -> Stub {
    let object = Mutex::new(object);
    Stub::new(move |asked| {
        let mut object = object.lock().unwrap();
        if asked.method == "GET" {
            return Answer::json(object.clone());
        }
        write(&mut object, asked)
    })
}

fn write(object: &mut Value, asked: &Asked) -> Answer {
    let patch: Operations = serde_json::from_value(asked.body.clone()).expect("a patch");
    let mut next = object.clone();
    if json_patch::patch(&mut next, &patch).is_err() {
        return Answer::status(
            422,
            "the server rejected our request due to an error in our request",
        );
    }
    let version: u64 = next["metadata"]["resourceVersion"]
        .as_str()
        .expect("a version")
        .parse()
        .expect("a number");
    next["metadata"]["resourceVersion"] = json!((version + 1).to_string());
    *object = next.clone();
    Answer::json(next)
}

fn annotated(annotations: Value) -> Value {
    let mut object = raw_pod("w-1", "7");
    object["metadata"]["annotations"] = annotations;
    object
}

fn edit(pairs: &[(&'static str, Option<&str>)]) -> Edit {
    pairs
        .iter()
        .map(|(key, value)| (*key, value.map(str::to_owned)))
        .collect()
}

fn since() -> Edit {
    edit(&[(keys::BLOCKED_SINCE, Some("2026-11-22T02:47:05Z"))])
}

async fn swap(stub: &Stub, version: &str, edit: &Edit) -> Outcome {
    let patcher = Patcher::new(stub.kubernetes());
    patcher.swap(&pod("w-1", version), edit, LIMIT).await
}

#[tokio::test]
async fn what_was_written_comes_back_with_its_version() {
    let stub = server(annotated(json!({"other": "stays", keys::DRAIN: "{}"})));
    let edit = edit(&[
        (keys::BLOCKED_SINCE, Some("2026-11-22T02:47:05Z")),
        (keys::DRAIN, None),
        (keys::GRANT, None),
    ]);
    let Outcome::Done(written) = swap(&stub, "7", &edit).await else {
        panic!("not done");
    };
    assert_eq!(written.resource_version, "8");
    assert!(written.notes.blocked_since.is_some());
    assert_eq!(written.cluster.release, "blue");
    let asked = stub.asked();
    assert_eq!((asked.len(), asked[0].method.as_str()), (1, "PATCH"));
    assert_eq!(asked[0].path, "/api/v1/namespaces/trino/pods/w-1");
    assert_eq!(asked[0].content_type, "application/json-patch+json");
    assert_eq!(asked[0].query["fieldManager"], MANAGER);
    let Answer::Json(_, object) = write(
        &mut annotated(json!({"other": "stays", keys::DRAIN: "{}"})),
        &asked[0],
    ) else {
        panic!("no document");
    };
    let left = json!({"other": "stays", keys::BLOCKED_SINCE: "2026-11-22T02:47:05Z"});
    assert_eq!(
        object["metadata"]["annotations"], left,
        "what is absent is removed without complaint"
    );
}

#[tokio::test]
async fn a_pod_without_any_annotation_gets_its_first() {
    let stub = server(raw_pod("w-1", "7"));
    assert!(matches!(swap(&stub, "7", &since()).await, Outcome::Done(_)));
    let methods: Vec<_> = stub.asked().into_iter().map(|asked| asked.method).collect();
    assert_eq!(methods, ["PATCH", "GET", "PATCH"]);
}

#[tokio::test]
async fn a_pod_that_changed_meanwhile_is_left_alone() {
    for object in [annotated(json!({})), raw_pod("w-1", "7")] {
        let stub = server(object);
        assert_eq!(swap(&stub, "6", &since()).await, Outcome::LostRace);
        assert_eq!(stub.asked().len(), 2);
    }
}

#[tokio::test]
async fn another_pod_of_the_same_name_is_left_alone() {
    let mut other = annotated(json!({}));
    other["metadata"]["uid"] = json!("another");
    assert_eq!(swap(&server(other), "7", &since()).await, Outcome::LostRace);
}

#[tokio::test]
async fn of_two_only_one_wins() {
    let stub = server(annotated(json!({})));
    let (one, two) = (since(), since());
    let both = tokio::join!(swap(&stub, "7", &one), swap(&stub, "7", &two));
    let won = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
    assert_ne!(won(&both.0), won(&both.1), "{both:?}");
}

#[tokio::test]
async fn answers_are_told_apart() {
    let by = async |code| {
        let stub = Stub::new(move |_| Answer::status(code, "words"));
        swap(&stub, "7", &since()).await
    };
    assert_eq!(by(404).await, Outcome::Gone);
    assert_eq!(by(409).await, Outcome::LostRace);
    let Outcome::Forbidden(failure) = by(403).await else {
        panic!("not forbidden");
    };
    assert_eq!(
        failure.to_string(),
        "the guard may not patch pods in namespace trino: words"
    );
    assert!(matches!(
        by(500).await,
        Outcome::Failed(Failure::Refused { code: 500, .. })
    ));
}

/// 422 for another reason than a lost race, such as an annotation that is too long.
#[tokio::test]
async fn what_is_refused_for_itself_is_no_lost_race() {
    let stub = Stub::new(|asked| match asked.method.as_str() {
        "GET" => Answer::json(annotated(json!({"a": "b"}))),
        _ => Answer::status(422, "too long"),
    });
    let failed = Outcome::Failed(Failure::Invalid("too long".to_owned()));
    assert_eq!(swap(&stub, "7", &since()).await, failed);
}

#[tokio::test]
async fn silence_is_a_failure_in_time() {
    let stub = Stub::new(|_| Answer::Silence);
    let patcher = Patcher::new(stub.kubernetes());
    let limit = Duration::from_millis(20);
    let outcome = patcher.swap(&pod("w-1", "7"), &since(), limit).await;
    assert!(
        matches!(outcome, Outcome::Failed(Failure::Unavailable(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn at_most_ten_are_on_their_way() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    let stub = Stub::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Answer::Silence
    });
    let patcher = Patcher::new(stub.kubernetes());
    let (pod, edit) = (pod("w-1", "7"), since());
    let all = (0..25).map(|_| patcher.swap(&pod, &edit, Duration::from_millis(200)));
    let all = futures::future::join_all(all).await;
    assert!(
        all.iter()
            .all(|outcome| matches!(outcome, Outcome::Failed(_)))
    );
    assert_eq!(begun.load(Ordering::SeqCst), PARALLEL);
}

#[tokio::test]
async fn workloads_are_merged_and_objects_applied() {
    let stub = Stub::new(|_| Answer::json(json!({"kind": "Deployment"})));
    let patcher = Patcher::new(stub.kubernetes());
    let name = Name::new("trino", "w");
    let clamped = edit(&[(keys::CLAMPED, Some("{}")), (keys::MAX_BLOCK, None)]);
    patcher
        .annotate(Kind::Deployment, &name, &clamped, LIMIT)
        .await
        .expect("written");
    let unknown = patcher.annotate(Kind::Other, &name, &clamped, LIMIT).await;
    assert!(matches!(unknown, Err(Failure::NotFound(_))));
    let hooks = Resource::new(
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
    );
    let body = json!({"webhooks": []});
    patcher
        .apply(hooks, &Name::new("", "guard"), &body, LIMIT)
        .await
        .expect("applied");
    let asked = stub.asked();
    assert_eq!(
        asked[0].path,
        "/apis/apps/v1/namespaces/trino/deployments/w"
    );
    assert_eq!(asked[0].content_type, "application/merge-patch+json");
    let annotations = json!({keys::CLAMPED: "{}", keys::MAX_BLOCK: null});
    assert_eq!(
        asked[0].body,
        json!({"metadata": {"annotations": annotations}})
    );
    assert_eq!(
        asked[1].path,
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/guard"
    );
    assert_eq!(asked[1].content_type, "application/apply-patch+yaml");
    assert_eq!(
        (
            asked[1].query["fieldManager"].as_str(),
            asked[1].query["force"].as_str()
        ),
        (MANAGER, "true")
    );
}
