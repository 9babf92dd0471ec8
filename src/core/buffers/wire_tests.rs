//! The JSON of a snapshot keeps its names, and changes say all that differs and nothing else.

use super::*;

fn worker(pod: &str, bytes: u64) -> WireWorker {
    WireWorker {
        pod: pod.into(),
        namespace: "trino".into(),
        release: "blue".into(),
        coordinator: "blue".into(),
        node_ids: vec![pod.into()],
        addresses: vec!["10.0.0.1:8080".into()],
        mapping: "nodeId".into(),
        lower_bound: false,
        held: WireHoldings {
            buffered_bytes: bytes,
            ..wire_holdings(&WorkerHoldings::default())
        },
    }
}

fn coordinator(age: f64) -> WireCoordinator {
    WireCoordinator {
        release: "blue".into(),
        state: "complete".into(),
        visibility: "visible".into(),
        age_seconds: Some(age),
        completed_seconds_ago: Some(age),
        up: Some(true),
        queries: BTreeMap::new(),
        version: None,
        problem: None,
        own_tasks: wire_holdings(&WorkerHoldings::default()),
        unmapped: vec![],
    }
}

fn snapshot(age: f64, workers: Vec<WireWorker>) -> WireSnapshot {
    WireSnapshot {
        schema_version: SCHEMA_VERSION,
        source_lag_seconds: 3.0,
        coordinators: BTreeMap::from([("blue".to_owned(), coordinator(age))]),
        workers,
    }
}

#[test]
fn a_change_names_what_is_new_different_and_gone() {
    let before = snapshot(1.0, vec![worker("a", 1), worker("b", 1), worker("c", 1)]);
    let after = snapshot(2.0, vec![worker("a", 1), worker("b", 2), worker("d", 1)]);
    let change = after.since(&before).expect("a change");
    let pods: Vec<_> = change.workers.iter().map(|w| w.pod.as_str()).collect();
    assert_eq!(pods, ["b", "d"]);
    assert_eq!(change.gone, [worker("c", 1).name()]);
    assert_eq!(change.coordinators, after.coordinators);
}

#[test]
fn growing_ages_are_no_news_and_a_new_cycle_is() {
    let before = snapshot(1.0, vec![worker("a", 1)]);
    assert_eq!(snapshot(9.0, vec![worker("a", 1)]).since(&before), None);
    assert!(snapshot(0.5, vec![worker("a", 1)]).since(&before).is_some());
}

#[test]
fn a_state_is_news() {
    let before = snapshot(1.0, vec![]);
    let mut after = snapshot(2.0, vec![]);
    after.coordinators.get_mut("blue").expect("blue").state = "unknown".into();
    assert!(after.since(&before).is_some());
}

#[test]
fn the_json_keeps_its_documented_names() {
    let json = serde_json::to_value(snapshot(1.5, vec![worker("a", 7)])).expect("json");
    assert_eq!(json["schemaVersion"], 1);
    assert_eq!(json["sourceLagSeconds"], 3.0);
    assert_eq!(json["coordinators"]["blue"]["ageSeconds"], 1.5);
    assert_eq!(json["workers"][0]["bufferedBytes"], 7);
    assert_eq!(json["workers"][0]["tasksAtRisk"]["none"]["holding"], 0);
    let back: WireSnapshot = serde_json::from_value(json).expect("the same schema");
    assert_eq!(back, snapshot(1.5, vec![worker("a", 7)]));
}

#[test]
fn ages_count_from_the_moment_the_snapshot_was_taken() {
    assert!((rounded(Duration::from_micros(1_234_567)) - 1.234).abs() < 1e-9);
}
