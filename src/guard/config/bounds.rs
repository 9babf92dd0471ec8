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

/// A coordinator takes seconds to notice: on 476 and 482 a query submitted 1 s after the PUT
/// still got tasks there. Ten times that is the least that tests may ask for.
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
    let defaults = Bounds::default();
    let drain = ["noticeTimeSeconds", "expectedSeconds"];
    let drain = reader.section(map.get("drain"), map.key("drain"), &drain);
    let coordinator = max_block_of("coordinator", map, reader);
    let preemption = max_block_of("preemption", map, reader);
    let mut span = |map: &Map<'_>, key, default: Duration, least, most| {
        duration(map, key, default.as_secs(), (least, most), reader)
    };
    let block = "maxBlockSeconds";
    Bounds {
        fresh: span(map, "freshSeconds", defaults.fresh, 1.0, 300.0),
        lost: span(map, "lostSeconds", defaults.lost, 1.0, 3600.0),
        quiet: span(map, "quietSeconds", defaults.quiet, 1.0, 600.0),
        notice: span(
            &drain,
            "noticeTimeSeconds",
            defaults.notice,
            SHORTEST_NOTICE,
            300.0,
        ),
        drain_expected: span(
            &drain,
            "expectedSeconds",
            defaults.drain_expected,
            1.0,
            7200.0,
        ),
        max_block: span(map, block, defaults.max_block, 1.0, LONGEST_BLOCK),
        coordinator_max_block: span(
            &coordinator,
            block,
            defaults.coordinator_max_block,
            1.0,
            LONGEST_BLOCK,
        ),
        preemption_max_block: span(
            &preemption,
            block,
            defaults.preemption_max_block,
            1.0,
            LONGEST_BLOCK,
        ),
        unknown_max: span(map, "unknownMaxSeconds", defaults.unknown_max, 1.0, DAY),
        grant_ttl: span(map, "grantTtlSeconds", defaults.grant_ttl, 10.0, 600.0),
        abandon_after: span(
            map,
            "abandonAfterSeconds",
            defaults.abandon_after,
            SHORTEST_ABANDON,
            DAY,
        ),
        leak_after: span(map, "leakAfterSeconds", defaults.leak_after, 1.0, DAY),
        override_max: span(
            map,
            "overrideMaxSeconds",
            defaults.override_max,
            MINUTE,
            DAY,
        ),
    }
}

fn max_block_of<'doc>(key: &str, map: &Map<'doc>, reader: &mut Reader) -> Map<'doc> {
    reader.section(map.get(key), map.key(key), &["maxBlockSeconds"])
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
