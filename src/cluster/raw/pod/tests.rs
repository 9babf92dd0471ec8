//! Recorded pods, and what kubelets and people may write.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::core::guard::facts::workload::Kind;

fn raw(value: Value) -> RawPod {
    serde_json::from_value(value).expect("a pod")
}

fn read(value: Value) -> Pod {
    let cluster = ClusterId {
        namespace: "trino".to_owned(),
        release: "blue".to_owned(),
    };
    pod_as(&raw(value), Role::Worker, cluster)
}

fn recorded(text: &str) -> Pod {
    let raw: RawPod = super::super::reviewed(text);
    assert!(
        pod(&raw, &Selection::default()).is_none(),
        "no label says Trino"
    );
    pod_as(&raw, Role::Worker, ClusterId::default())
}

#[test]
fn a_recorded_pod_is_read() {
    let pod = recorded(include_str!(
        "../../../../tests/data/admission-1.36/pod-delete.json"
    ));
    assert_eq!(pod.name.to_string(), "rec/w-f9887c45b-82qkq");
    assert_eq!(pod.uid, "0fc930ee-0303-4774-adaa-d91b2840dd66");
    assert_eq!(
        (pod.resource_version.as_str(), pod.grace.as_secs()),
        ("524", 3)
    );
    let owner = pod.owner.as_ref().expect("an owner");
    assert_eq!(
        (owner.kind, owner.name.as_str()),
        (Kind::ReplicaSet, "w-f9887c45b")
    );
    assert_eq!(
        (pod.revision.as_deref(), pod.node.as_deref()),
        (Some("f9887c45b"), Some("n1"))
    );
    assert_eq!(
        (pod.phase, pod.ready, pod.ready_changed),
        (Phase::Running, true, None)
    );
    assert_eq!(
        pod.ip.map(|ip| ip.to_string()).as_deref(),
        Some("127.0.1.1")
    );
    assert_eq!(pod.created.to_string(), "2026-11-22T02:47:05.000Z");
    assert_eq!(pod.running(), Some("restart-0"));
    assert!(pod.is_active() && !pod.pre_stop && pod.port.is_none());
}

#[test]
fn a_recorded_pod_that_is_being_deleted_says_so() {
    let pod = recorded(include_str!(
        "../../../../tests/data/admission-1.36/pod-delete-by-kubelet.json"
    ));
    assert!(pod.deleting.is_some() && !pod.is_active());
    assert_eq!(pod.ordinal(), Some(0));
    assert_eq!(pod.owner.map(|owner| owner.kind), Some(Kind::StatefulSet));
}

#[test]
fn labels_say_whose_it_is() {
    let raw = raw(
        json!({"metadata": {"name": "a", "namespace": "trino", "labels": {
        "app.kubernetes.io/component": "coordinator", "app.kubernetes.io/instance": "blue"}}}),
    );
    let pod = pod(&raw, &Selection::default()).expect("Trino's");
    assert_eq!(
        (pod.role, pod.cluster.to_string()),
        (Role::Coordinator, "trino/blue".to_owned())
    );
    assert_eq!(
        (pod.grace.as_secs(), pod.phase, pod.container),
        (30, Phase::Pending, None)
    );
}

/// The name of the container that is taken for Trino's, and its port.
fn chosen(containers: &Value, statuses: &Value) -> (String, Option<u16>) {
    let raw =
        raw(json!({"spec": {"containers": containers}, "status": {"containerStatuses": statuses}}));
    let trino = raw.trino().expect("a container");
    (trino.name.clone(), trino.http())
}

#[test]
fn the_container_of_trino_is_found() {
    let port = |name: &str, number: u16| json!([{"name": name, "containerPort": number}]);
    let of = |containers: Value| chosen(&containers, &json!([]));
    let exporter = json!({"name": "trino-jmx-exporter", "ports": port("metrics", 5556)});
    let named = json!({"name": "trino-worker", "ports": port("http", 8081)});
    assert_eq!(
        of(json!([exporter, named])),
        ("trino-worker".to_owned(), Some(8081))
    );
    let other = json!({"name": "proxy", "ports": port("http", 80)});
    let plain = json!({"name": "trino"});
    assert_eq!(of(json!([other, plain])), ("trino".to_owned(), None));
    let by_port =
        json!({"name": "main", "ports": [{"containerPort": 9000}, {"containerPort": 8080}]});
    assert_eq!(
        of(json!([{"name": "side"}, by_port])),
        ("main".to_owned(), Some(8080))
    );
    let coordinator = json!({"name": "main", "ports": port("http-coord", 8443)});
    assert_eq!(
        of(json!([{"name": "side"}, coordinator])),
        ("main".to_owned(), Some(8443))
    );
    assert_eq!(
        of(json!([{"name": "a"}, {"name": "b", "ports": port("https", 443)}])).0,
        "a"
    );
}

#[test]
fn workers_that_are_asked_over_tls_are_asked_at_the_port_for_it() {
    let of = |role: &str, ports: Value, workers_over_tls| {
        let labels = json!({"app.kubernetes.io/component": role});
        let raw = raw(json!({
            "metadata": {"name": "a", "namespace": "trino", "labels": labels},
            "spec": {"containers": [{"name": "trino", "ports": ports}]}}));
        let selection = Selection {
            workers_over_tls,
            ..Selection::default()
        };
        pod(&raw, &selection).expect("Trino's").port
    };
    let both =
        json!([{"name": "http", "containerPort": 8080}, {"name": "https", "containerPort": 8443}]);
    assert_eq!(of("worker", both.clone(), true), Some(8443));
    assert_eq!(of("worker", both.clone(), false), Some(8080));
    assert_eq!(of("coordinator", both, true), Some(8080));
    let plain = json!([{"name": "http", "containerPort": 8080}]);
    assert_eq!(
        of("worker", plain, true),
        Some(8080),
        "nothing else is named"
    );
}

#[test]
fn among_strangers_the_one_that_runs_is_taken() {
    let statuses = json!([{"name": "a", "state": {"terminated": {}}}, {"name": "b", "state": {"running": {}}}]);
    assert_eq!(
        chosen(&json!([{"name": "a"}, {"name": "b"}]), &statuses).0,
        "b"
    );
}

fn with_status(phase: &str, statuses: &Value) -> Option<Container> {
    read(json!({"spec": {"containers": [{"name": "trino"}]},
        "status": {"phase": phase, "containerStatuses": statuses}}))
    .container
}

#[test]
fn only_what_waits_or_ended_does_not_run() {
    let state = |state: Value| json!([{"name": "trino", "containerID": "c://1", "restartCount": 2, "state": state}]);
    let runs = |word: &str| {
        let container = with_status("Running", &state(json!({word: {}}))).expect("said");
        (container.id, container.running, container.restarts)
    };
    assert_eq!(runs("running"), ("c://1".to_owned(), true, 2));
    assert!(!runs("waiting").1);
    assert!(!runs("terminated").1);
    let silent = with_status("Running", &state(json!(null))).expect("said");
    assert!(silent.running, "nothing said is not ended");
    let started =
        json!([{"name": "trino", "state": {"running": {"startedAt": "2026-11-22T02:47:05Z"}}}]);
    assert!(with_status("Running", &started).is_some_and(|container| container.started.is_some()));
}

#[test]
fn a_pod_that_runs_without_a_word_on_its_container_is_not_dead() {
    for statuses in [
        json!(null),
        json!([]),
        json!([{"name": "side", "state": {"terminated": {}}}]),
    ] {
        let container = with_status("Running", &statuses).expect("may run");
        assert!(container.running, "{statuses}");
        assert!(with_status("Lost", &statuses).is_some_and(|one| one.running));
        assert_eq!(with_status("Pending", &statuses), None);
    }
}

#[test]
fn our_annotations_are_read_and_odd_ones_are_absent() {
    let noted =
        |annotations: Value| read(json!({"metadata": {"uid": "u", "annotations": annotations}}));
    let cost = |cost: &str| noted(json!({keys::DELETION_COST: cost})).cost;
    assert_eq!((cost("-100"), cost("99999999999"), cost("x")), (-100, 0, 0));
    let since = noted(json!({keys::BLOCKED_SINCE: "2026-11-22T02:47:05Z"}));
    assert!(since.notes.blocked_since.is_some());
    assert_eq!(noted(json!(null)).notes, Notes::default());
}

#[test]
fn a_hook_before_the_end_is_seen() {
    let hook = json!({"exec": {"command": ["sh"]}});
    let with = |lifecycle: Value| {
        read(json!({"spec": {"containers": [{"name": "trino", "lifecycle": lifecycle}]}})).pre_stop
    };
    assert!(with(json!({"preStop": hook})));
    assert!(!with(json!({"postStart": hook})));
    assert!(!with(json!(null)));
}

#[test]
fn an_odd_deletion_timestamp_still_means_deletion() {
    assert!(
        read(json!({"metadata": {"deletionTimestamp": "soon"}}))
            .deleting
            .is_some()
    );
}

#[test]
fn grace_is_never_negative() {
    let grace = |seconds: i64| {
        read(json!({"spec": {"terminationGracePeriodSeconds": seconds}}))
            .grace
            .as_secs()
    };
    assert_eq!((grace(0), grace(-1), grace(3600)), (0, 0, 3600));
}

proptest! {
    /// Whatever people write into labels, annotations and names: a pod comes out, or it is not Trino's.
    #[test]
    fn garbage_is_read_without_panic(key in 0..keys::ALL.len(), value in ".{0,60}", name in ".{0,20}", cost in any::<i64>()) {
        let annotations = json!({keys::ALL[key].name: value, keys::DELETION_COST: cost.to_string()});
        let raw = raw(json!({
            "metadata": {"name": name, "uid": value, "annotations": annotations, "creationTimestamp": value,
                "labels": {"app.kubernetes.io/component": "worker", "app.kubernetes.io/instance": value}},
            "spec": {"terminationGracePeriodSeconds": cost,
                "containers": [{"name": name, "ports": [{"name": value, "containerPort": cost}]}]},
            "status": {"phase": "Running", "podIP": value,
                "containerStatuses": [{"name": name, "restartCount": cost, "state": {}}]}}));
        let pod = pod(&raw, &Selection::default()).expect("a worker by its label");
        prop_assert!(pod.running().is_some());
    }
}
