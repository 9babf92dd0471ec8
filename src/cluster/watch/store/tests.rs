//! What stays and what goes, as watches come, lag and list again.

use serde_json::{Value, json};

use super::*;
use crate::cluster::calendar::Calendar;
use crate::cluster::raw::Object;
use crate::cluster::raw::place::RawNamespace;
use crate::cluster::raw::pod::RawPod;
use crate::cluster::raw::workload::RawWorkload;
use crate::cluster::selection::{Entry, Selection};
use crate::cluster::selector;
use crate::cluster::stub::raw_pod;
use crate::core::guard::dates::Gaps;
use crate::core::guard::facts::place::Mode;
use crate::core::guard::facts::pod::Role;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::time::Time;

const PODS: Subject = Subject::Pods;

fn store() -> (Store, mpsc::UnboundedReceiver<Gone>) {
    let entry = Entry {
        role: Role::Worker,
        release: "own".to_owned(),
        namespace: None,
        selector: selector::parse("app=own").expect("a selector"),
    };
    let selection = Selection {
        entries: vec![entry],
        ..Selection::default()
    };
    let enabled = Mode::Enforce;
    Store::new(
        Options {
            selection,
            enabled,
            external: Vec::new(),
            calendar: Calendar::start(),
            gaps: Gaps::default(),
        },
        3,
    )
}

fn raw<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an object")
}

fn pod(name: &str, version: &str) -> RawPod {
    raw(raw_pod(name, version))
}

fn reborn(name: &str, version: &str) -> RawPod {
    let mut pod = raw_pod(name, version);
    pod["metadata"]["uid"] = json!("another");
    raw(pod)
}

fn name(name: &str) -> Name {
    Name::new("trino", name)
}

fn version(store: &Store, of: &str) -> Option<String> {
    store.read(|world| world.pod(&name(of)).map(|pod| pod.resource_version.clone()))
}

fn uids(gone: &mut mpsc::UnboundedReceiver<Gone>) -> Vec<String> {
    std::iter::from_fn(|| gone.try_recv().ok())
        .map(|gone| gone.uid)
        .collect()
}

fn list(store: &Store, pods: &[RawPod]) {
    let listed = store.list(0, PODS, pods).into_iter().collect();
    store.retain(0, PODS, &listed);
}

#[test]
fn a_list_replaces_what_it_does_not_name() {
    let (store, mut gone) = store();
    list(&store, &[pod("a", "1"), pod("b", "1")]);
    list(&store, &[pod("b", "2"), pod("c", "2")]);
    let found = ["a", "b", "c"].map(|name| version(&store, name));
    assert_eq!(found, [None, Some("2".to_owned()), Some("2".to_owned())]);
    assert_eq!(uids(&mut gone), ["uid-a"]);
}

#[test]
fn a_list_is_believed_even_when_versions_go_back() {
    let (store, _gone) = store();
    list(&store, &[pod("a", "900")]);
    list(&store, &[pod("a", "3")]);
    assert_eq!(version(&store, "a").as_deref(), Some("3"));
}

#[test]
fn an_event_that_lags_behind_changes_nothing() {
    let (store, _gone) = store();
    store.apply(0, PODS, &pod("a", "9"));
    store.apply(1, PODS, &pod("a", "10"));
    store.apply(0, PODS, &pod("a", "9"));
    assert_eq!(version(&store, "a").as_deref(), Some("10"));
}

#[test]
fn a_pod_of_the_same_name_is_another_one() {
    let (store, mut gone) = store();
    store.apply(0, PODS, &pod("a", "1"));
    store.apply(0, PODS, &reborn("a", "2"));
    assert_eq!(uids(&mut gone), ["uid-a"]);
    store.delete(0, PODS, &name("a"));
    assert_eq!(uids(&mut gone), ["another"]);
}

#[test]
fn what_two_watches_name_goes_when_neither_does() {
    let (store, mut gone) = store();
    store.apply(0, PODS, &pod("a", "1"));
    store.apply(1, PODS, &pod("a", "1"));
    store.delete(0, PODS, &name("a"));
    assert!(version(&store, "a").is_some());
    assert!(uids(&mut gone).is_empty());
    store.delete(1, PODS, &name("a"));
    assert!(version(&store, "a").is_none());
    assert_eq!(uids(&mut gone), ["uid-a"]);
}

#[test]
fn what_is_not_trinos_is_not_kept() {
    let (store, _gone) = store();
    let stranger: RawPod = raw(json!({"metadata": {"name": "x", "namespace": "trino"}}));
    assert!(store.list(0, PODS, &[stranger]).is_empty());
    store.apply(0, PODS, &pod("a", "1"));
    let mut relabelled = raw_pod("a", "2");
    relabelled["metadata"]["labels"] = json!({});
    store.apply(0, PODS, &raw::<RawPod>(relabelled));
    assert!(version(&store, "a").is_none());
}

fn workload(max_block: &str, labels: &Value) -> RawWorkload {
    raw(json!({
        "metadata": {"name": "w", "namespace": "trino", "uid": "u", "annotations": {"xtrinode.io/max-block": max_block}},
        "spec": {"template": {"metadata": {"labels": labels}}}}))
}

#[test]
fn workloads_of_each_kind_have_names_of_their_own() {
    let (store, mut gone) = store();
    let deployments = Subject::Workloads(Kind::Deployment);
    let own = json!({"app": "own"});
    store.apply(1, deployments, &workload("5m", &own));
    store.apply(
        2,
        Subject::Workloads(Kind::StatefulSet),
        &raw::<RawWorkload>(json!({
        "metadata": {"name": "w", "namespace": "trino", "uid": "v"},
        "spec": {"template": {"metadata": {"labels": own}}}})),
    );
    let known = |kind| store.read(|world| world.workload(kind, &name("w")).is_some());
    assert!(known(Kind::Deployment) && known(Kind::StatefulSet));
    store.delete(1, deployments, &name("w"));
    assert!(!known(Kind::Deployment) && known(Kind::StatefulSet));
    store.apply(
        2,
        Subject::Workloads(Kind::StatefulSet),
        &workload("5m", &json!({})),
    );
    assert!(
        !known(Kind::StatefulSet),
        "its template runs something else now"
    );
    assert!(uids(&mut gone).is_empty(), "only pods are told");
}

#[test]
fn a_complaint_is_made_once() {
    let (store, _gone) = store();
    let own = || json!({"app": "own"});
    for value in ["soon", "soon", "later"] {
        store.apply(
            1,
            Subject::Workloads(Kind::Deployment),
            &workload(value, &own()),
        );
        store.apply(
            2,
            Subject::Workloads(Kind::ReplicaSet),
            &workload(value, &own()),
        );
    }
    assert_eq!(store.reader().told.len(), 2);
}

#[test]
fn every_change_wakes() {
    let (store, _gone) = store();
    let mut changes = store.changes();
    let mut woken = || {
        let woken = changes.has_changed().expect("the store lives");
        changes.mark_unchanged();
        woken
    };
    assert!(!woken());
    store.apply(0, PODS, &pod("a", "1"));
    assert!(woken());
    store.delete(0, PODS, &name("a"));
    assert!(woken());
    list(&store, &[]);
    assert!(woken());
}

#[test]
fn namespaces_that_may_not_be_read_count_as_opted_in() {
    let (store, _gone) = store();
    let mode = || {
        store.read(|world| {
            world
                .namespace("trino")
                .and_then(|namespace| namespace.mode)
        })
    };
    assert_eq!(mode(), None);
    store.assume(&["trino".to_owned()]);
    assert_eq!(mode(), Some(Mode::Enforce));
    let told: RawNamespace =
        raw(json!({"metadata": {"name": "trino", "labels": {"xtrinode.io/guard": "audit"}}}));
    assert_eq!(told.meta().namespace, "");
    store.apply(2, Subject::Namespaces, &told);
    assert_eq!(mode(), Some(Mode::Audit));
}

/// When a pod was first refused, as its replica dates it.
fn refused(store: &Store, of: &str) -> Time {
    let refused = |world: &World| world.pod(&name(of)).and_then(|pod| pod.notes.blocked_since);
    store.read(refused).expect("a refusal")
}

#[test]
fn what_the_first_list_tells_is_as_old_as_it_says_and_what_comes_later_is_news() {
    let (store, _gone) = store();
    let hour = std::time::Duration::from_secs(3600);
    let now = Calendar::start().now();
    let stamped = |name: &str, version: &str| {
        let mut pod = raw_pod(name, version);
        let stamp = now.before(hour).to_string();
        pod["metadata"]["annotations"] = json!({"xtrinode.io/blocked-since": stamp});
        raw::<RawPod>(pod)
    };
    list(&store, &[stamped("a", "1"), pod("b", "1"), pod("c", "1")]);
    let at_first = refused(&store, "a");
    assert!(at_first < now.before(hour / 2), "long ago");
    store.apply(0, PODS, &stamped("b", "2"));
    assert!(refused(&store, "b") >= now, "it was written just now");
    list(
        &store,
        &[stamped("a", "3"), stamped("b", "3"), stamped("c", "3")],
    );
    assert_eq!(refused(&store, "a"), at_first, "it was known");
    assert!(refused(&store, "c") >= now, "after the list before");
}
