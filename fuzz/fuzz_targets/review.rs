//! Whatever comes as an AdmissionReview on any path: a sentence or a question, never a panic. What is no JSON, or says of
//! itself that it is something else, is no question; and the answer to a question can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use xtrinode::core::guard::ask::{Outcome, Verdict};
use xtrinode::core::guard::review::{Answer, Identities, Path, Review, read};
use xtrinode::core::guard::rows::Row;

fuzz_target!(|body: &[u8]| {
    let identities = Identities {
        operator: Some("system:serviceaccount:xtrinode-system:operator".to_owned()),
        guard: None,
    };
    let value: Option<Value> = serde_json::from_slice(body).ok();
    for path in Path::ALL {
        match read(path, body, &identities) {
            Err(why) => assert!(!why.is_empty()),
            Ok(review) => accepted(&review, value.as_ref()),
        }
    }
});

fn accepted(review: &Review, value: Option<&Value>) {
    assert!(!review.uid.is_empty());
    // A general parser counts nested brackets and we skip them, so it may see less than we do, but never something else.
    if let Some(value) = value {
        assert_eq!(value["kind"], "AdmissionReview");
        assert_eq!(value["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(value["request"]["uid"], review.uid.as_str());
    }
    let Some(ask) = &review.ask else {
        return;
    };
    assert!(!ask.namespace().is_empty());
    let verdict = Verdict {
        row: Row::Busy,
        outcome: Outcome::Wait,
        message: ask.user.clone(),
        warnings: vec![ask.user.clone()],
        effects: Vec::new(),
    };
    let answer = Answer::enforced(&review.uid, &verdict, ask.dry_run);
    let text = serde_json::to_string(&answer).expect("an answer");
    assert!(text.contains("\"allowed\":false"));
}
