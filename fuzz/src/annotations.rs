//! Whatever people write into our annotations: it is read or absent, never a panic, and nothing is read that does not stand
//! there; and on pods, workloads and namespaces it lets nobody go who works, but by break-glass or an old first refusal. The
//! input is a JSON object of annotations, or else the value of each of them.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use serde_json::json;
use xtrinode::api::keys;
use xtrinode::cluster::raw::Meta;
use xtrinode::cluster::raw::tuning::{duration, tuning};
use xtrinode::core::guard::ask::Outcome;
use xtrinode::core::guard::facts::workload::Kind;
use xtrinode::core::guard::notes::{Notes, Override};
use xtrinode::core::guard::time::Time;
use xtrinode::trino::words::NodeState;

use super::place::{Place, WORKERS, described, running};

const UID: &str = "u-1";

type Annotations = BTreeMap<String, String>;

/// Reads annotations, and judges those who carry them. Answers whether anybody was let go.
pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let annotations: Annotations = serde_json::from_str(text).unwrap_or_else(|_| {
        let all = keys::ALL.iter();
        all.map(|key| (key.name.to_owned(), text.to_owned()))
            .collect()
    });
    noted(&annotations);
    tuned(&annotations);
    let _ = duration(text);
    judged(&annotations)
}

fn noted(annotations: &Annotations) {
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

fn tuned(annotations: &Annotations) {
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

/// Everybody has these annotations: one worker is busy, one is idle, of one nothing is known. All are Ready.
fn judged(annotations: &Annotations) -> bool {
    let place = written(annotations);
    let verdicts = WORKERS[..3].iter().map(|(name, _)| place.evict(name));
    let mut allowed = verdicts.filter(|verdict| verdict.outcome == Outcome::Allow);
    let Some(freed) = allowed.next() else {
        return false;
    };
    let good = is_ordered(annotations, place.now) || is_long_refused(annotations, place.now);
    assert!(good, "nobody ordered that: {freed:?}");
    true
}

fn written(annotations: &Annotations) -> Place {
    let mut place = Place::new(Time::from_millis(1_800_000_000_000));
    let mut namespace = json!({"metadata": {"labels": {keys::GUARD: "enforce"}}});
    namespace["metadata"]["annotations"] = json!(annotations);
    place.put_namespace(&namespace);
    let mut workload = described("w", "worker", 3);
    workload["metadata"]["annotations"] = json!(annotations);
    place.put_workload(Kind::Deployment, &workload);
    for (name, uid) in &WORKERS[..3] {
        let owner = ("ReplicaSet", super::place::SET);
        let mut pod = running(name, uid, "worker", owner, place.now);
        pod["metadata"]["annotations"] = json!(annotations);
        place.put_pod(&pod);
    }
    let [busy, idle, _] = [0, 1, 2].map(|at: usize| WORKERS[at].0);
    place.look(busy, NodeState::Active);
    place.look(idle, NodeState::Active);
    place.tell(&[busy]);
    place.pass(11);
    place.tell(&[busy]);
    place
}

/// Somebody wrote an order with a reason, whose end is neither over nor more than a day ahead; clocks may differ by 10 s.
fn is_ordered(annotations: &Annotations, now: Time) -> bool {
    let Some((end, reason)) = annotations
        .get(keys::OVERRIDE)
        .and_then(|text| text.split_once(';'))
    else {
        return false;
    };
    let (Ok(end), now) = (end.trim().parse::<Timestamp>(), stamp(now)) else {
        return false;
    };
    let ahead = end.duration_since(now).as_secs_f64();
    reason.trim().chars().count() >= 10 && (-10.0..=86_410.0).contains(&ahead)
}

/// It stands there that they were refused for half an hour, or for any time where the workload has a bound of its own.
fn is_long_refused(annotations: &Annotations, now: Time) -> bool {
    let since = annotations
        .get(keys::BLOCKED_SINCE)
        .and_then(|text| text.parse::<Timestamp>().ok());
    let bounded = annotations.contains_key(keys::MAX_BLOCK);
    let early = if bounded {
        stamp(now)
    } else {
        stamp(now) - 30.minutes()
    };
    since.is_some_and(|since| since <= early)
}

fn stamp(time: Time) -> Timestamp {
    let millis = i64::try_from(time.as_millis()).expect("a time");
    Timestamp::from_millisecond(millis).expect("a time")
}
