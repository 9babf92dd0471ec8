//! `bounds`: how long anything may last. Decides what each bound may be by itself; how they
//! relate is said in `rules`. Defaults are those of `core::guard::bounds`.

use std::time::Duration;

use crate::config::common::duration;
use crate::config::reader::{Map, Reader};
use crate::config::values::whole_seconds;
use crate::core::guard::bounds::Bounds;

const KEYS: [&str; 13] = [
    "freshSeconds",
    "lostSeconds",
    "quietSeconds",
    "drain",
    "maxBlockSeconds",
    "coordinator",
    "preemption",
    "unknownMaxSeconds",
    "grantTtlSeconds",
    "abandonAfterSeconds",
    "leakAfterSeconds",
    "overrideMaxSeconds",
    "webhook",
];

const MINUTE: f64 = 60.0;
const DAY: f64 = 86_400.0;

/// A statement may run for days, and waiting for it is the point.
const LONGEST_BLOCK: f64 = 7.0 * DAY;

/// A ReplicaSet controller that was refused may be silent for 16 min 40 s; a want that ends
/// before it asks again would be given back and drained anew for ever.
const SHORTEST_ABANDON: f64 = 17.0 * MINUTE;

/// A coordinator takes seconds to notice: it asks its workers every 5 s, uses what it was told 5 s later, and schedules by a
/// copy that is up to 5 s old. The least that tests with simulated coordinators may ask for.
const SHORTEST_NOTICE: f64 = 10.0;

/// When a review has to be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    /// The API server's limit.
    pub timeout: Duration,
    /// Our own.
    pub deadline: Duration,
}

/// Every bound, and the time for an answer.
pub(super) fn read(root: &Map<'_>, reader: &mut Reader) -> (Bounds, Answer) {
    let map = reader.section(root.get("bounds"), "bounds", &KEYS);
    let bounds = bounds(&map, reader);
    (bounds, answer(&map, reader))
}

fn bounds(map: &Map<'_>, reader: &mut Reader) -> Bounds {
    let mut bounds = Bounds::default();
    knowledge(&mut bounds, map, reader);
    drains(&mut bounds, map, reader);
    blocks(&mut bounds, map, reader);
    records(&mut bounds, map, reader);
    bounds
}

/// What is known, and for how long it counts.
fn knowledge(bounds: &mut Bounds, map: &Map<'_>, reader: &mut Reader) {
    let mut set = |span, key, least, most| set(span, map, key, (least, most), reader);
    set(&mut bounds.fresh, "freshSeconds", 1.0, 300.0);
    set(&mut bounds.lost, "lostSeconds", 1.0, 3600.0);
    set(&mut bounds.quiet, "quietSeconds", 1.0, 600.0);
    set(&mut bounds.unknown_max, "unknownMaxSeconds", 1.0, DAY);
    set(&mut bounds.leak_after, "leakAfterSeconds", 1.0, DAY);
}

fn drains(bounds: &mut Bounds, map: &Map<'_>, reader: &mut Reader) {
    let keys = ["noticeTimeSeconds", "expectedSeconds"];
    let map = &reader.section(map.get("drain"), map.key("drain"), &keys);
    let notice = (SHORTEST_NOTICE, 300.0);
    set(&mut bounds.notice, map, keys[0], notice, reader);
    let expected = (1.0, 7200.0);
    set(&mut bounds.drain_expected, map, keys[1], expected, reader);
}

/// How long a removal may be refused.
fn blocks(bounds: &mut Bounds, map: &Map<'_>, reader: &mut Reader) {
    let (key, range) = ("maxBlockSeconds", (1.0, LONGEST_BLOCK));
    set(&mut bounds.max_block, map, key, range, reader);
    for (name, span) in [
        ("coordinator", &mut bounds.coordinator_max_block),
        ("preemption", &mut bounds.preemption_max_block),
    ] {
        let section = reader.section(map.get(name), map.key(name), &[key]);
        set(span, &section, key, range, reader);
    }
}

/// How long what is written down counts.
fn records(bounds: &mut Bounds, map: &Map<'_>, reader: &mut Reader) {
    let mut set = |span, key, least, most| set(span, map, key, (least, most), reader);
    set(&mut bounds.grant_ttl, "grantTtlSeconds", 10.0, 600.0);
    let abandon = &mut bounds.abandon_after;
    set(abandon, "abandonAfterSeconds", SHORTEST_ABANDON, DAY);
    set(&mut bounds.override_max, "overrideMaxSeconds", MINUTE, DAY);
}

/// Reads one over its default.
fn set(span: &mut Duration, map: &Map<'_>, key: &str, range: (f64, f64), reader: &mut Reader) {
    *span = duration(map, key, span.as_secs(), range, reader);
}

/// Kubernetes takes 1 to 30 s, whole.
fn answer(map: &Map<'_>, reader: &mut Reader) -> Answer {
    let keys = ["timeoutSeconds", "deadlineSeconds"];
    let map = reader.section(map.get("webhook"), map.key("webhook"), &keys);
    let timeout = reader.value(&map, "timeoutSeconds", whole_seconds(1, 30));
    Answer {
        timeout: timeout.unwrap_or(Duration::from_secs(5)),
        deadline: duration(&map, "deadlineSeconds", 4, (0.1, 30.0), reader),
    }
}
