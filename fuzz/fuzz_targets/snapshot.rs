//! Whatever the exporter's stream says: events are the same however they are cut, and no task at risk is lost on the way from
//! a snapshot to what is known of a cluster: it is some worker's, or the reading is unmapped.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use xtrinode::core::buffers::wire::{WireChange, WireGrades, WireSnapshot};
use xtrinode::core::guard::evidence::Supplier;
use xtrinode::core::guard::facts::pod::ClusterId;
use xtrinode::core::guard::supply::{Received, apply};
use xtrinode::core::guard::time::Time;
use xtrinode::guard::trino::sse::Events;

fuzz_target!(|input: &[u8]| {
    let whole = Events::default().push(input);
    let mut events = Events::default();
    let cut: Result<Vec<_>, _> = input.chunks(7).map(|chunk| events.push(chunk)).collect();
    // An error ends a stream; what came before it in the same chunk is lost with it.
    if let (Ok(whole), Ok(cut)) = (&whole, &cut) {
        assert_eq!(*whole, cut.concat());
    }
    assert_eq!(whole.is_ok(), cut.is_ok());
    let mut snapshot: Option<WireSnapshot> = serde_json::from_slice(input).ok();
    for event in whole.unwrap_or_default() {
        if let Ok(fresh) = serde_json::from_str(&event.data) {
            snapshot = Some(fresh);
        } else if let Ok(change) = serde_json::from_str::<WireChange>(&event.data)
            && let Some(known) = &mut snapshot
        {
            apply(known, change);
        }
        snapshot.as_ref().map(read);
    }
    snapshot.as_ref().map(read);
});

fn read(snapshot: &WireSnapshot) {
    let now = Time::from_millis(1_800_000_000_000);
    let received = Received {
        supplier: Supplier::Exporter,
        snapshot,
        at: now,
        heard: now,
    };
    let mut releases: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, coordinator) in &snapshot.coordinators {
        releases.entry(&coordinator.release).or_default().push(name);
    }
    // Of several coordinators with one release, the reading is about the one whose workers are there.
    releases.retain(|_, names| names.len() == 1);
    for (release, names) in releases {
        let namespaces = snapshot
            .workers
            .iter()
            .map(|worker| worker.namespace.clone());
        for namespace in namespaces.chain(["trino".to_owned()]) {
            let release = release.clone();
            let cluster = ClusterId { namespace, release };
            // No pod is known, so whatever is at risk belongs to none.
            let Some(reading) = received.reading(&cluster, &[]) else {
                continue;
            };
            let workers = snapshot.workers.iter();
            let mut own = workers.filter(|worker| names.contains(&&worker.coordinator));
            let at_risk = own.any(|worker| {
                let grades = [
                    &worker.held.tasks_at_risk.none,
                    &worker.held.tasks_at_risk.query,
                ];
                grades.into_iter().any(|grades| total(grades) > 0)
            });
            assert!(!(at_risk && reading.mapped), "a task at risk is lost");
        }
    }
}

fn total(grades: &WireGrades) -> u64 {
    let rest = grades.flushing.saturating_add(grades.empty);
    grades.holding.saturating_add(rest)
}
