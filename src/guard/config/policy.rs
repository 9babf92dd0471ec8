//! The floor, the switches and the operator: what decisions depend on beside their bounds.
//! Defaults are those of `core::guard::policy`.

use std::time::Duration;

use crate::config::common::duration;
use crate::config::names::service_account;
use crate::config::reader::{Map, Reader};
use crate::config::values::{boolean, count};
use crate::core::guard::bounds::Bounds;
use crate::core::guard::policy::{Floor, Policy};

/// What decisions depend on.
pub(super) fn read(root: &Map<'_>, bounds: Bounds, reader: &mut Reader) -> Policy {
    let defaults = Policy::default();
    let cordon = reader.section(root.get("cordon"), "cordon", &["earlyDrain"]);
    let clamp = reader.section(root.get("clamp"), "clamp", &["enabled"]);
    let mut switch = |map: &Map<'_>, key, default| {
        let on = reader.value(map, key, boolean);
        on.unwrap_or(default)
    };
    Policy {
        bounds,
        drain_on_cordon: switch(&cordon, "earlyDrain", defaults.drain_on_cordon),
        clamp: switch(&clamp, "enabled", defaults.clamp),
        deletion_candidate: switch(root, "deletionCandidate", defaults.deletion_candidate),
        floor: floor(root, reader),
        hints: hints(root, reader),
        operator: operator(root, reader),
    }
}

/// At least one worker serves while a query is unfinished: with none, Trino fails it.
fn floor(root: &Map<'_>, reader: &mut Reader) -> Floor {
    let defaults = Floor::default();
    let map = reader.section(root.get("floor"), "floor", &["share", "minActive"]);
    let share = reader.value(&map, "share", count(0, 100));
    let min_active = reader.value(&map, "minActive", count(1, 10_000));
    Floor {
        share: share.unwrap_or(defaults.share),
        min_active: min_active.unwrap_or(defaults.min_active),
    }
}

/// A hint holds a node no longer, by default, than a refusal would.
fn hints(root: &Map<'_>, reader: &mut Reader) -> Option<Duration> {
    let map = reader.section(root.get("hints"), "hints", &["enabled", "maxHoldSeconds"]);
    let enabled = reader.value(&map, "enabled", boolean).unwrap_or(false);
    let hold = duration(&map, "maxHoldSeconds", 1800, (60.0, 86_400.0), reader);
    enabled.then_some(hold)
}

/// Empty means that there is none, as in a chart's values.
fn operator(root: &Map<'_>, reader: &mut Reader) -> Option<String> {
    let key = "operatorIdentity";
    reader.text(root, key).filter(|text| !text.is_empty())?;
    reader.value(root, key, service_account)
}
