//! Whatever people write into our annotations: it is read or absent, never a panic, and nothing is read that does not stand
//! there. The input is a JSON object of annotations, or else the value of each of them.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use xtrinode::api::keys;
use xtrinode::cluster::raw::Meta;
use xtrinode::cluster::raw::tuning::{duration, tuning};
use xtrinode::core::guard::notes::{Notes, Override};

const UID: &str = "u-1";

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let annotations: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_else(|_| {
        let all = keys::ALL
            .iter()
            .map(|key| (key.name.to_owned(), text.to_owned()));
        all.collect()
    });
    noted(&annotations);
    tuned(&annotations);
    let _ = duration(text);
});

fn noted(annotations: &BTreeMap<String, String>) {
    let notes = Notes::read(annotations, UID);
    if let Some(grant) = &notes.grant {
        assert_eq!(grant.uid, UID, "a copied grant counts");
    }
    let found = [
        (keys::DRAIN_REQUESTED, notes.want.is_some()),
        (keys::BLOCKED_SINCE, notes.blocked_since.is_some()),
        (keys::DRAIN, notes.drain.is_some()),
        (keys::DRAINED_AT, notes.drained.is_some()),
        (keys::RETURNING, notes.returning.is_some()),
        (keys::GRANT, notes.grant.is_some()),
        (keys::OVERRIDE, notes.break_glass.is_some()),
    ];
    for (key, is_some) in found {
        assert!(!is_some || annotations.contains_key(key), "{key}");
    }
    if let Some(Override::Until { reason, .. }) = &notes.break_glass {
        assert!(reason.chars().count() >= 10, "no reason was given");
    }
}

fn tuned(annotations: &BTreeMap<String, String>) {
    let meta = json!({"annotations": annotations});
    let meta: Meta = serde_json::from_value(meta).expect("metadata");
    let (tuning, complaints) = tuning(&meta);
    let told = [
        (keys::MAX_BLOCK, tuning.max_block.is_some()),
        (keys::UNKNOWN_MAX, tuning.unknown_max.is_some()),
        (keys::MIN_ACTIVE, tuning.min_active.is_some()),
        (keys::SHUTDOWN_GRACE, tuning.shutdown_grace.is_some()),
        (keys::SUSPENDING, tuning.suspending),
    ];
    for (key, is_set) in told {
        assert!(!is_set || annotations.contains_key(key), "{key}");
    }
    assert!(complaints.len() <= annotations.len());
}
