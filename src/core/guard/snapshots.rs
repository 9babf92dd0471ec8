//! What an exporter tells of the cluster of a [`super::plan::scene::Scene`], for tests: one coordinator whose last cycle began
//! 4 s ago and ended 1 s ago, workers with tasks.

use std::collections::BTreeMap;

use crate::core::buffers::wire::{
    SCHEMA_VERSION, WireAtRisk, WireCoordinator, WireGrades, WireHoldings, WireSnapshot, WireWorker,
};

use super::plan::scene::{SPACE, cluster};

/// So many FLUSHING tasks of queries without retries.
pub fn holding(tasks: u64) -> WireHoldings {
    let none = WireGrades {
        flushing: tasks,
        ..WireGrades::default()
    };
    WireHoldings {
        tasks_at_risk: WireAtRisk {
            none,
            ..WireAtRisk::default()
        },
        buffered_bytes: 0,
        buffered_pages: 0,
        pages_sent: 0,
        external_buffers: 0,
        queries: 1,
    }
}

/// A worker with so many tasks.
pub fn worker(pod: &str, tasks: u64) -> WireWorker {
    WireWorker {
        pod: pod.to_owned(),
        namespace: SPACE.to_owned(),
        release: cluster().release,
        coordinator: "c".to_owned(),
        node_ids: Vec::new(),
        addresses: Vec::new(),
        mapping: "nodeId".to_owned(),
        lower_bound: false,
        held: holding(tasks),
    }
}

/// All of it; Trino may hold news back for 3 s.
pub fn snapshot(workers: Vec<WireWorker>, visibility: &str) -> WireSnapshot {
    let coordinator = WireCoordinator {
        release: cluster().release,
        state: "complete".to_owned(),
        visibility: visibility.to_owned(),
        age_seconds: Some(4.0),
        completed_seconds_ago: Some(1.0),
        up: Some(true),
        queries: BTreeMap::new(),
        version: None,
        problem: None,
        own_tasks: holding(0),
        unmapped: Vec::new(),
    };
    WireSnapshot {
        schema_version: SCHEMA_VERSION,
        source_lag_seconds: 3.0,
        coordinators: BTreeMap::from([("c".to_owned(), coordinator)]),
        workers,
    }
}
