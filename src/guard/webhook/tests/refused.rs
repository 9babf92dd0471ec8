//! What is no review, what nobody asked our rules for, and what breaks on the way: never an allow by accident.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::desk::{Desk, JSON, eviction, review};
use crate::core::guard::plan::scene::Scene;
use crate::core::guard::review::Path;
use crate::guard::state::Fresh;
use crate::web::limits::Limits;

/// A cluster of which nothing is known.
fn desk() -> Desk {
    Desk::new(Scene::deployment(2))
}

async fn refused(desk: &Desk, content_type: &str, body: String) -> (StatusCode, String) {
    let (status, problem) = desk.post(Path::Eviction.url(), content_type, body).await;
    assert_eq!(problem.get("response"), None, "no answer to a review");
    let detail = problem["detail"].as_str().expect("a sentence");
    (status, detail.to_owned())
}

#[tokio::test]
async fn another_kind_or_version_is_a_400_that_says_so() {
    let but = |key: &str, value: &str| {
        let mut review = eviction();
        review[key] = Value::from(value);
        review.to_string()
    };
    let wrong = [
        (
            but("kind", "Eviction"),
            "kind is \"Eviction\", it must be \"AdmissionReview\"",
        ),
        (
            but("apiVersion", "admission.k8s.io/v1beta1"),
            "apiVersion is \"admission.k8s.io/v1beta1\"",
        ),
        ("{}".to_owned(), "AdmissionReview"),
        (String::new(), "not an AdmissionReview"),
    ];
    let desk = desk();
    for (body, says) in wrong {
        let (status, detail) = refused(&desk, JSON, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(detail.contains(says), "{detail}");
    }
    assert_eq!(desk.counted(Path::Eviction, "error", "bad-review"), 4);
}

#[tokio::test]
async fn another_content_type_is_a_415() {
    let desk = desk();
    for content_type in ["application/yaml", "text/plain", ""] {
        let (status, detail) = refused(&desk, content_type, eviction().to_string()).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert!(detail.contains("application/json"), "{detail}");
    }
    assert_eq!(desk.counted(Path::Eviction, "error", "content-type"), 3);
    let url = Path::Eviction.url();
    let with_charset = "application/json; charset=utf-8";
    let (status, _) = desk.post(url, with_charset, eviction().to_string()).await;
    assert_eq!(status, StatusCode::OK);
}

/// Rules are ours to narrow: what they do not ask for passes, and is counted.
#[tokio::test]
async fn what_our_rules_do_not_ask_for_is_allowed_and_counted() {
    let desk = desk();
    let object = json!({"name": "w-0", "object": {"metadata": {"name": "w-0"}}});
    let others = [
        review("CONNECT", "pods", "exec", object.clone()),
        review("CREATE", "pods", "", object.clone()),
        review("UPDATE", "pods", "eviction", object.clone()),
        review("PURGE", "pods", "eviction", object),
    ];
    for review in &others {
        let answer = desk.review(Path::Eviction, review).await;
        assert_eq!(
            (&answer["uid"], &answer["allowed"]),
            (&json!("r-1"), &json!(true))
        );
    }
    assert_eq!(desk.counted(Path::Eviction, "allow", "UnknownOperation"), 4);
    assert!(desk.written().await.is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_a_413() {
    let desk = desk();
    let most = Limits::webhook().body_bytes;
    let (status, detail) = refused(&desk, JSON, " ".repeat(most + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(detail.contains("longer than this server reads"), "{detail}");
    let mut review = eviction().to_string();
    review.push_str(&" ".repeat(most - review.len()));
    let (status, answer) = desk.post(Path::Eviction.url(), JSON, review).await;
    assert_eq!(
        (status, &answer["response"]["allowed"]),
        (StatusCode::OK, &json!(false))
    );
}

/// Facts that were never read.
#[derive(Debug)]
struct Never;

impl Fresh for Never {
    fn stale(&self) -> Option<String> {
        Some("waiting for pods".to_owned())
    }
}

#[tokio::test]
async fn facts_that_are_too_old_are_a_503() {
    let desk = Desk::with(Scene::deployment(2), Arc::new(Never));
    let (status, detail) = refused(&desk, JSON, eviction().to_string()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(detail.contains("waiting for pods"), "{detail}");
    assert_eq!(desk.counted(Path::Eviction, "error", "unable"), 1);
}

/// Something that nobody thought of.
#[derive(Debug)]
struct Broken;

impl Fresh for Broken {
    fn stale(&self) -> Option<String> {
        panic!("hunter2");
    }
}

/// The handler's own panic, not one beside it: it is no allow, and says nothing of what it held.
#[tokio::test]
async fn a_panic_in_the_handler_is_a_500() {
    let desk = Desk::with(Scene::deployment(2), Arc::new(Broken));
    for _ in 0..2 {
        let (status, detail) = refused(&desk, JSON, eviction().to_string()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!detail.contains("hunter2"), "{detail}");
    }
}
