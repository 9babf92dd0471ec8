//! The admission policy protects exactly the annotations that the program keeps for itself.

use std::collections::BTreeSet;

use xtrinode::api::keys::{self, Place, Writer};

use super::render::{all, render};

fn policy(extra: &[&str]) -> String {
    let objects = render(extra);
    all(&objects, "ValidatingAdmissionPolicy")[0].to_string()
}

/// The keys of ours in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let quoted = text
        .split('\'')
        .filter(|word| word.starts_with("xtrinode.io/"));
    quoted.filter(|word| !word.contains(' ')).collect()
}

#[test]
fn every_annotation_of_ours_is_protected() {
    let text = policy(&[]);
    let ours = keys::ALL.iter().filter(|key| {
        let protected = matches!(
            key.writer,
            Writer::Guard | Writer::Override | Writer::Operator
        );
        // Whoever may write the guard's Lease can stop it from leading, whatever stands there.
        let guarded = protected && key.place != Place::Lease;
        // Kubernetes' and autoscalers' own keys have other writers, too.
        guarded && key.name.starts_with("xtrinode.io/")
    });
    let ours: BTreeSet<&str> = ours.map(|key| key.name).collect();
    assert_eq!(ours.len(), 10);
    assert_eq!(named(&text), ours);
}

#[test]
fn the_guard_and_the_operator_are_known_by_name() {
    let guard =
        "request.userInfo.username == 'system:serviceaccount:xtrinode-system:xtrinode-guard'";
    assert!(policy(&[]).contains(guard));
    let other = policy(&["--set", "serviceAccount.name=other"]);
    assert!(other.contains("'system:serviceaccount:xtrinode-system:other'"));
    let operator = "system:serviceaccount:xtrinode-system:operator";
    assert!(!policy(&[]).contains(operator));
    let set = format!("operatorIdentity={operator}");
    assert!(policy(&["--set", &set]).contains(&format!("username == '{operator}'")));
}
