//! A Lease as far as an election reads it, and what it writes. Data only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::keys;
use crate::core::guard::dates::Gaps;
use crate::core::guard::notes;
use crate::core::guard::time::Time;

/// `coordination.k8s.io/v1 Lease`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Its `metadata`.
    pub metadata: Meta,
    /// Who holds it.
    pub spec: Spec,
}

/// As much of `metadata` as a compare-and-swap needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Another one after each write.
    pub resource_version: String,
    annotations: BTreeMap<String, String>,
}

/// Who holds a Lease, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<i64>,
    lease_transitions: Option<i64>,
    renew_time: Option<String>,
}

impl Record {
    /// Who holds it; `None` after it was released.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        let holder = self.spec.holder_identity.as_deref();
        holder.filter(|holder| !holder.is_empty())
    }

    /// How long its holder may be silent; `None` where it does not say.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let seconds = u64::try_from(self.spec.lease_duration_seconds?).ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// When somebody last wrote that they hold it, or give it back, by their own clock; `None` where nobody did.
    #[must_use]
    pub fn renewed(&self) -> Option<Time> {
        Time::parse(self.spec.renew_time.as_deref()?)
    }

    /// The times without a guard that are written on it; `None` where nothing is, or nothing that can be read.
    #[must_use]
    pub fn gaps(&self) -> Option<Gaps> {
        let text = self.metadata.annotations.get(keys::UNGUARDED)?;
        serde_json::from_str(text).ok()
    }
}

/// The annotation that [`Record::gaps`] reads.
#[must_use]
pub fn unguarded(gaps: &Gaps) -> Value {
    json!({keys::UNGUARDED: notes::write(gaps)})
}

/// The `spec` of a Lease that `me` takes or renews at the wall-clock time `stamp`; `before` is what it was.
#[must_use]
pub fn held(me: &str, duration: Duration, stamp: &str, before: Option<&Record>) -> Value {
    let mut spec = json!({
        "holderIdentity": me,
        "leaseDurationSeconds": duration.as_secs(),
        "renewTime": stamp,
    });
    let renewed = before.is_some_and(|record| record.holder() == Some(me));
    if !renewed {
        let transitions = before.and_then(|record| record.spec.lease_transitions);
        let transitions = transitions.map_or(0, |count| count.saturating_add(1));
        spec["acquireTime"] = json!(stamp);
        spec["leaseTransitions"] = json!(transitions);
    }
    spec
}

/// The `spec` of a Lease that is given back: anybody may take it at once.
#[must_use]
pub fn released(stamp: &str) -> Value {
    json!({"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": stamp})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(spec: &Value) -> Record {
        let metadata = json!({"name": "guard", "resourceVersion": "7"});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec})).expect("a Lease")
    }

    #[test]
    fn a_lease_says_who_and_how_long() {
        let taken =
            record(&json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "x"}));
        assert_eq!(
            (taken.holder(), taken.duration()),
            (Some("a"), Some(Duration::from_secs(15)))
        );
        let free = record(&json!({"holderIdentity": "", "leaseDurationSeconds": 0}));
        assert_eq!((free.holder(), free.duration()), (None, None));
        assert_eq!(record(&json!({})).holder(), None);
    }

    #[test]
    fn a_change_of_hands_is_counted_and_a_renewal_is_not() {
        let of = |before: Option<&Record>| held("me", Duration::from_secs(15), "now", before);
        assert_eq!(of(None)["leaseTransitions"], 0);
        let other = record(&json!({"holderIdentity": "a", "leaseTransitions": 4}));
        assert_eq!(of(Some(&other))["leaseTransitions"], 5);
        assert_eq!(of(Some(&other))["acquireTime"], "now");
        let mine = record(&json!({"holderIdentity": "me", "leaseTransitions": 4}));
        let renewal =
            json!({"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "now"});
        assert_eq!(of(Some(&mine)), renewal);
        let free = record(&json!(released("now")));
        assert_eq!(free.holder(), None);
    }
}
