//! What a webhook configuration should say of us: whom to trust, and whether a failed call blocks. Pure: the
//! configuration as it is comes in, the fields that we apply go out.
//!
//! Only `caBundle` and `failurePolicy` of entries that exist are ours, by server-side apply.

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::options::{Configuration, Kind};
use crate::core::guard::facts::place::Mode;
use crate::web::tls::certificate::chain;

/// What an entry's name begins with whose failure blocks in enforce mode: the removals that would lose work.
const BLOCKING: [&str; 4] = ["eviction", "pod-delete", "scale", "workload"];

const FAIL: &str = "Fail";
const IGNORE: &str = "Ignore";

/// A webhook configuration as the API server holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Live {
    pub(super) metadata: ObjectMeta,
    pub(super) entries: Vec<Entry>,
}

/// One of its webhooks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// PEM; empty when it was never set.
    pub(super) bundle: Vec<u8>,
    /// Kubernetes fills in `Fail` where nothing was said.
    pub(super) policy: String,
}

impl Live {
    /// Whether every entry trusts this certificate.
    pub(super) fn trusts(&self, authority: &CertificateDer<'_>) -> bool {
        let trusts = |entry: &Entry| {
            let certificates = chain(&entry.bundle).unwrap_or_default();
            certificates.contains(authority)
        };
        self.entries.iter().all(trusts)
    }
}

/// The object to apply, or `None` when nothing has to change. `verified` says that the API server's way to us was
/// tried with this very bundle.
pub(super) fn applied(
    configuration: &Configuration,
    live: &Live,
    bundle: &str,
    verified: bool,
) -> Option<Value> {
    let policy = |entry: &Entry| policy(configuration, entry, verified);
    let right = |entry: &Entry| entry.bundle == bundle.as_bytes() && entry.policy == policy(entry);
    if live.entries.iter().all(right) {
        return None;
    }
    let entry = |entry: &Entry| {
        json!({
            "name": entry.name,
            "clientConfig": {"caBundle": ByteString(bundle.as_bytes().to_vec())},
            "failurePolicy": policy(entry),
        })
    };
    Some(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": configuration.kind.as_str(),
        "metadata": {
            "name": configuration.name,
            // The very object that was looked at: one that was deleted or changed since is left alone.
            "uid": live.metadata.uid,
            "resourceVersion": live.metadata.resource_version,
        },
        "webhooks": live.entries.iter().map(entry).collect::<Vec<_>>(),
    }))
}

/// Whether some entry should block on failure and does not yet: time to verify.
pub(super) fn wants_proof(configuration: &Configuration, live: &Live) -> bool {
    let mut entries = live.entries.iter();
    entries.any(|entry| blocks(configuration, &entry.name) && entry.policy != FAIL)
}

/// A bundle that is there was published by us, and `Fail` beside it was set after a proof. It stays although this
/// leader has not tried yet: an outage of ours must not let removals through.
fn policy(configuration: &Configuration, entry: &Entry, verified: bool) -> &'static str {
    let proven = verified || (entry.policy == FAIL && !entry.bundle.is_empty());
    if blocks(configuration, &entry.name) && proven {
        FAIL
    } else {
        IGNORE
    }
}

fn blocks(configuration: &Configuration, entry: &str) -> bool {
    configuration.mode == Mode::Enforce
        && configuration.kind == Kind::Validating
        && must_block(entry)
}

/// Whether this entry of an enforcing configuration must hold removals while no guard answers.
#[must_use]
pub fn must_block(entry: &str) -> bool {
    let first = entry.split('.').next().unwrap_or_default();
    // Entries for pods with labels of their own are numbered: `pod-delete-2`.
    let kind = first.trim_end_matches(|c: char| c.is_ascii_digit());
    BLOCKING.contains(&first) || BLOCKING.contains(&kind.trim_end_matches('-'))
}

impl Kind {
    /// The kind's name in the API.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "ValidatingWebhookConfiguration",
            Self::Mutating => "MutatingWebhookConfiguration",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = [
        "eviction.guard.xtrinode.io",
        "pod-delete.guard.xtrinode.io",
        "pod-delete-2.guard.xtrinode.io",
        "scale.guard.xtrinode.io",
        "workload.guard.xtrinode.io",
        "namespace.guard.xtrinode.io",
    ];

    fn configuration(kind: Kind, mode: Mode) -> Configuration {
        Configuration {
            kind,
            name: "guard".to_owned(),
            mode,
        }
    }

    fn live(bundle: &str, policy: &str) -> Live {
        let entry = |name: &str| Entry {
            name: name.to_owned(),
            bundle: bundle.as_bytes().to_vec(),
            policy: policy.to_owned(),
        };
        Live {
            metadata: ObjectMeta {
                uid: Some("u".to_owned()),
                resource_version: Some("7".to_owned()),
                ..ObjectMeta::default()
            },
            entries: NAMES.iter().map(|name| entry(name)).collect(),
        }
    }

    /// The policies applied, in the order of [`NAMES`].
    fn policies(kind: Kind, mode: Mode, live: &Live, verified: bool) -> String {
        let applied = applied(&configuration(kind, mode), live, "NEW", verified).unwrap();
        let entries = applied["webhooks"].as_array().unwrap().clone();
        let policies = entries
            .iter()
            .map(|entry| entry["failurePolicy"].as_str().unwrap());
        policies.collect::<Vec<_>>().join(" ")
    }

    const ALL_IGNORE: &str = "Ignore Ignore Ignore Ignore Ignore Ignore";
    const REMOVALS_FAIL: &str = "Fail Fail Fail Fail Fail Ignore";

    #[test]
    fn only_removals_fail_and_only_in_enforce_and_only_after_proof() {
        use Kind::{Mutating, Validating};
        let fresh = live("", FAIL);
        for (kind, mode, verified, expected) in [
            (Validating, Mode::Enforce, true, REMOVALS_FAIL),
            // What Kubernetes filled in for a new configuration is nobody's wish.
            (Validating, Mode::Enforce, false, ALL_IGNORE),
            (Validating, Mode::Audit, true, ALL_IGNORE),
            (Mutating, Mode::Enforce, true, ALL_IGNORE),
        ] {
            assert_eq!(
                policies(kind, mode, &fresh, verified),
                expected,
                "{kind:?} {mode:?}"
            );
        }
    }

    #[test]
    fn what_an_earlier_leader_has_proven_stays() {
        let kind = Kind::Validating;
        let earlier = live("OLD", FAIL);
        assert_eq!(
            policies(kind, Mode::Enforce, &earlier, false),
            REMOVALS_FAIL
        );
        let ignored = live("OLD", IGNORE);
        assert_eq!(policies(kind, Mode::Enforce, &ignored, false), ALL_IGNORE);
        assert_eq!(policies(kind, Mode::Audit, &earlier, false), ALL_IGNORE);
    }

    #[test]
    fn only_our_fields_of_this_very_object_are_applied() {
        let configuration = configuration(Kind::Validating, Mode::Audit);
        let applied = applied(&configuration, &live("", IGNORE), "NEW", false).unwrap();
        assert_eq!(applied["kind"], "ValidatingWebhookConfiguration");
        let metadata = json!({"name": "guard", "uid": "u", "resourceVersion": "7"});
        assert_eq!(applied["metadata"], metadata);
        let entry = json!({
            "name": NAMES[0], "clientConfig": {"caBundle": "TkVX"}, "failurePolicy": "Ignore",
        });
        assert_eq!(applied["webhooks"][0], entry);
    }

    #[test]
    fn what_is_right_is_left_alone() {
        let audit = configuration(Kind::Validating, Mode::Audit);
        assert_eq!(applied(&audit, &live("NEW", IGNORE), "NEW", true), None);
        assert_eq!(applied(&audit, &Live::default(), "NEW", true), None);
        let enforce = configuration(Kind::Validating, Mode::Enforce);
        assert!(wants_proof(&enforce, &live("NEW", IGNORE)));
        assert!(!wants_proof(&audit, &live("NEW", IGNORE)));
        assert!(!wants_proof(&enforce, &live("NEW", FAIL)));
        assert!(!wants_proof(
            &configuration(Kind::Mutating, Mode::Enforce),
            &live("NEW", IGNORE)
        ));
    }
}
