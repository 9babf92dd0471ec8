//! Recorded reviews of a real API server (tests/data/admission-1.36), and what is no review.

use base64::Engine as _;

use super::*;
use crate::core::guard::ask::{Caller, Effect, Outcome, Verdict};
use crate::core::guard::rows::Row;

/// The recorded review of this name.
fn recorded(name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/tests/data/admission-1.36/{name}.json");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn ask(path: Path, name: &str) -> Ask {
    let review = read(path, &recorded(name), &Identities::default()).expect("a review");
    assert!(!review.uid.is_empty());
    review.ask.expect("a question")
}

fn scaled(path: Path, name: &str) -> (Kind, String, u32, u32, bool) {
    match ask(path, name).request {
        Request::Scale {
            kind,
            workload,
            old,
            new,
            whole,
        } => (kind, workload.to_string(), old, new, whole),
        other => panic!("{other:?}"),
    }
}

#[test]
fn evictions_say_dry_run_in_two_places() {
    let real = ask(Path::Eviction, "eviction");
    let pod = Name::new("rec", "w-f9887c45b-82qkq");
    let precondition = None;
    assert_eq!(real.request, Request::Evict { pod, precondition });
    assert!(!real.dry_run);
    assert_eq!((real.caller, real.user.as_str()), (Caller::Other, "admin"));
    assert!(ask(Path::Eviction, "eviction-dry-run-in-body").dry_run);
    assert!(ask(Path::Eviction, "eviction-dry-run-in-options").dry_run);
}

#[test]
fn deletions_know_their_caller_and_grace() {
    let of = |name: &str| {
        let ask = ask(Path::PodDelete, name);
        match ask.request {
            Request::Delete {
                deleting, grace, ..
            } => (ask.caller, deleting, grace),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of("pod-delete").0, Caller::Other);
    assert_eq!(of("pod-delete-by-kubelet").0, Caller::Kubelet);
    assert_eq!(
        of("pod-delete-by-replicaset-controller").0,
        Caller::ControllerManager
    );
    let own = "pod-delete-by-replicaset-controller-service-account";
    assert_eq!(of(own).0, Caller::WorkloadController);
    assert_eq!(
        of("pod-delete-grace-0-first-review"),
        (Caller::Other, false, Some(0))
    );
    assert_eq!(
        of("pod-delete-grace-0-second-review"),
        (Caller::Other, true, Some(0))
    );
}

#[test]
fn a_collection_names_its_pods_only_inside() {
    match ask(Path::PodDelete, "pod-delete-collection-no-name").request {
        Request::Delete { pod, uid, .. } => {
            assert!(!pod.name.is_empty() && !pod.namespace.is_empty() && !uid.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn scales_without_replicas_are_zero() {
    let (kind, name, old, new, whole) = scaled(Path::Scale, "deployment-scale");
    assert_eq!(
        (kind, name.as_str(), old, new, whole),
        (Kind::Deployment, "rec/w", 4, 2, false)
    );
    assert_eq!(scaled(Path::Scale, "deployment-scale-to-zero-by-keda").3, 0);
    assert_eq!(
        scaled(Path::Scale, "statefulset-scale").0,
        Kind::StatefulSet
    );
    assert_eq!(scaled(Path::Scale, "replicaset-scale").0, Kind::ReplicaSet);
    assert!(ask(Path::Scale, "deployment-scale-dry-run").dry_run);
    assert_eq!(
        ask(Path::MutateScale, "deployment-scale").request,
        ask(Path::Scale, "deployment-scale").request
    );
}

#[test]
fn workloads_are_scaled_through_themselves_too() {
    let (kind, _, old, new, whole) = scaled(Path::Workload, "deployment-update-replicas");
    assert!(kind == Kind::Deployment && new < old && whole);
    let deleted = ask(Path::Workload, "deployment-delete").request;
    assert!(
        matches!(deleted, Request::DeleteWorkload { orphan: false, .. }),
        "{deleted:?}"
    );
    let namespace = ask(Path::Namespace, "namespace-delete").request;
    assert!(
        matches!(namespace, Request::DeleteNamespace { .. }),
        "{namespace:?}"
    );
}

#[test]
fn what_our_rules_do_not_send_is_no_question() {
    let read = |path, name: &str| read(path, &recorded(name), &Identities::default());
    assert_eq!(
        read(Path::Eviction, "pod-delete").expect("a review").ask,
        None
    );
    assert_eq!(
        read(Path::PodDelete, "eviction").expect("a review").ask,
        None
    );
    // What the clamp writes there a tool would write back, for ever.
    let whole = read(Path::MutateScale, "deployment-update-replicas");
    assert_eq!(whole.expect("a review").ask, None);
}

#[test]
fn what_is_no_review_is_refused_with_a_reason() {
    let read = |body: &str| {
        let read = super::read(Path::Eviction, body.as_bytes(), &Identities::default());
        read.expect_err("not a review")
    };
    let review = |kind: &str, version: &str, request: &str| {
        format!(r#"{{"kind":"{kind}","apiVersion":"{version}","request":{request}}}"#)
    };
    assert!(read("").contains("not an AdmissionReview"));
    assert!(read("[]").contains("not an AdmissionReview"));
    assert!(read(&review("Pod", "v1", "null")).contains("AdmissionReview"));
    assert!(
        read(&review(
            "AdmissionReview",
            "admission.k8s.io/v1beta1",
            "null"
        ))
        .contains("v1beta1")
    );
    assert!(read(&review("AdmissionReview", "admission.k8s.io/v1", "null")).contains("no request"));
    let nameless = r#"{"uid":"u","resource":{"resource":"pods"},"subResource":"eviction","operation":"CREATE"}"#;
    assert!(read(&review("AdmissionReview", "admission.k8s.io/v1", nameless)).contains("name"));
    let twice = r#"{"uid":"u","uid":"v","resource":{"resource":"pods"},"operation":"CREATE"}"#;
    assert!(read(&review("AdmissionReview", "admission.k8s.io/v1", twice)).contains("duplicate"));
}

fn verdict(outcome: Outcome, row: Row) -> Verdict {
    Verdict {
        row,
        outcome,
        message: "worker a/b holds data".to_owned(),
        warnings: vec!["caf\u{e9}\n".to_owned()],
        effects: Vec::<Effect>::new(),
    }
}

#[test]
fn a_refusal_carries_its_whole_status() {
    let verdict = verdict(Outcome::Wait, Row::Busy);
    let answer = Answer::enforced("u", &verdict, true);
    let json = serde_json::to_value(&answer).expect("JSON");
    let response = &json["response"];
    assert_eq!(
        (&response["uid"], &response["allowed"]),
        (&"u".into(), &false.into())
    );
    let status = &response["status"];
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&429.into(), &"TooManyRequests".into())
    );
    assert_eq!(
        status["details"]["causes"][0]["reason"],
        "ActiveOutputBuffers"
    );
    assert_eq!(status["details"].get("retryAfterSeconds"), None);
    assert_eq!(response["warnings"][0], "caf??");
    assert_eq!(response["auditAnnotations"]["row"], "E11");
    assert_eq!(response["auditAnnotations"]["dry-run"], "true");
    assert_eq!(response.get("patch"), None);
}

#[test]
fn audit_mode_always_allows_and_says_what_it_would_do() {
    let verdict = verdict(Outcome::Forbid, Row::Force);
    let json = serde_json::to_value(Answer::audited("u", &verdict, false)).expect("JSON");
    let response = &json["response"];
    assert_eq!(
        (&response["allowed"], response.get("status")),
        (&true.into(), None)
    );
    let warning = response["warnings"][0].as_str().expect("text");
    assert!(
        warning.contains("would be refused: worker a/b"),
        "{warning}"
    );
    assert_eq!(response["auditAnnotations"]["reason"], "ForceRefused");
}

#[test]
fn the_clamp_adds_replicas() {
    let patch = Patch { replicas: 2 };
    let json =
        serde_json::to_value(Answer::patched("u", patch, "clamped to 2", false)).expect("JSON");
    let response = &json["response"];
    assert_eq!(
        (&response["allowed"], &response["patchType"]),
        (&true.into(), &"JSONPatch".into())
    );
    let patch = response["patch"].as_str().expect("text");
    let patch = base64::engine::general_purpose::STANDARD
        .decode(patch)
        .expect("base64");
    assert_eq!(
        patch,
        br#"[{"op":"add","path":"/spec/replicas","value":2}]"#
    );
}
