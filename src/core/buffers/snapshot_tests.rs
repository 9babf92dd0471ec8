//! Snapshots of small worlds: who is shown, under which name, and when a zero may be shown.

use super::*;
use crate::core::buffers::directory::{Directory, Pod, Sighting};
use crate::core::buffers::identity::Mapping;
use crate::core::buffers::ledger::Held;
use crate::core::buffers::visibility::Evidence;

const STALE: Duration = Duration::from_secs(300);

fn at(seconds: u64) -> Moment {
    Moment::new(Duration::from_secs(seconds))
}

fn worker(n: u8) -> WorkerKey {
    WorkerKey::from_text(&format!("10.0.0.{n}:8080 w-{n}"))
}

fn holding(bytes: u64) -> WorkerHoldings {
    let mut held = WorkerHoldings {
        bytes,
        queries: 1,
        ..WorkerHoldings::default()
    };
    held.none.holding = 1;
    held
}

fn spec(name: &str) -> CoordinatorSpec {
    CoordinatorSpec {
        name: name.into(),
        release: name.into(),
        namespace: "trino".into(),
    }
}

/// A report of a complete and visible cycle at second 10.
fn report(held: impl IntoIterator<Item = (WorkerKey, WorkerHoldings)>) -> Report {
    let mut judge = Judge::default();
    judge.observe(Evidence::Agrees, at(10));
    Report {
        closed: Closed {
            whole: true,
            known: true,
            held: Held::from_iter(held),
            as_of: Some(at(9)),
            completed: Some(at(10)),
            contradictions: 0,
            coordinator: "10.0.0.99:8080".into(),
            restarts: 0,
        },
        judge,
        by_state: BTreeMap::new(),
        up: true,
        problem: None,
        version: None,
        node_id: None,
    }
}

fn hidden(mut report: Report) -> Report {
    report.judge = Judge::default();
    report
}

fn gap(mut report: Report) -> Report {
    report.closed.whole = false;
    report.closed.known = false;
    report
}

fn sources(pods: &[(&str, &str, Option<&str>)]) -> Sources {
    let sightings = pods.iter().map(|(host, name, release)| Sighting {
        host: (*host).into(),
        pod: Pod {
            namespace: "trino".into(),
            name: (*name).into(),
            release: release.map(str::to_owned),
        },
        preferred: false,
        recency: 0,
    });
    Sources {
        kubernetes: Some(Directory::new(sightings)),
        prometheus: None,
    }
}

struct World {
    inputs: Vec<Input>,
    sources: Sources,
    roster: Roster,
}

impl World {
    fn of(reports: Vec<(&str, Report)>) -> Self {
        let inputs = reports.into_iter().map(|(name, report)| Input {
            spec: spec(name),
            report: Some(report),
        });
        Self {
            inputs: inputs.collect(),
            sources: Sources::default(),
            roster: Roster::default(),
        }
    }

    fn listing(mut self, pods: &[(&str, &str, Option<&str>)]) -> Self {
        self.sources = sources(pods);
        self
    }

    fn at(&mut self, seconds: u64) -> Snapshot {
        let assembly = Assembly {
            inputs: &self.inputs,
            rules: Rules {
                mapping: Mapping::Auto,
                has_source: self.sources.kubernetes.is_some(),
            },
            sources: &self.sources,
            stale_after: STALE,
            now: at(seconds),
        };
        assembly.snapshot(&mut self.roster)
    }

    fn reports(&mut self, report: Report) {
        self.inputs[0].report = Some(report);
    }
}

fn shown(snapshot: &Snapshot) -> Vec<(&str, &str, u64)> {
    snapshot
        .workers
        .iter()
        .map(|w| (w.pod.as_str(), w.release.as_str(), w.held.bytes))
        .collect()
}

#[test]
fn a_complete_visible_cycle_shows_workers_and_zeros() {
    let pods = [
        ("10.0.0.1", "w-1", Some("blue")),
        ("10.0.0.2", "w-2", Some("blue")),
    ];
    let mut world = World::of(vec![("blue", report([(worker(1), holding(5))]))]).listing(&pods);
    let snapshot = world.at(11);
    assert_eq!(shown(&snapshot), [("w-1", "blue", 5), ("w-2", "blue", 0)]);
    assert_eq!(snapshot.coordinators[0].coverage, Coverage::Complete);
    assert!(!snapshot.workers[1].lower_bound);
}

#[test]
fn before_the_first_cycle_everything_is_unknown() {
    let mut world = World::of(vec![]).listing(&[("10.0.0.1", "w-1", Some("blue"))]);
    world.inputs.push(Input {
        spec: spec("blue"),
        report: None,
    });
    let snapshot = world.at(1);
    assert!(snapshot.workers.is_empty());
    assert_eq!(snapshot.coordinators[0].coverage, Coverage::Unknown);
    assert_eq!(snapshot.coordinators[0].up, None);
}

#[test]
fn the_series_of_a_stale_coordinator_disappear() {
    let mut world = World::of(vec![("blue", report([(worker(1), holding(5))]))]);
    assert_eq!(world.at(310).workers.len(), 1);
    let stale = world.at(311);
    assert!(stale.workers.is_empty());
    assert_eq!(stale.coordinators[0].coverage, Coverage::Unknown);
}

#[test]
fn without_proven_visibility_only_what_is_held_is_shown() {
    let pods = [
        ("10.0.0.1", "w-1", Some("blue")),
        ("10.0.0.2", "w-2", Some("blue")),
    ];
    let blind = hidden(report([(worker(1), holding(5))]));
    let mut world = World::of(vec![("blue", blind)]).listing(&pods);
    let snapshot = world.at(11);
    assert_eq!(shown(&snapshot), [("w-1", "blue", 5)]);
    assert!(snapshot.workers[0].lower_bound);
}

#[test]
fn a_proof_of_visibility_lapses() {
    let mut world = World::of(vec![(
        "blue",
        report([(worker(1), WorkerHoldings::default())]),
    )]);
    assert_eq!(world.at(190).workers.len(), 1);
    assert!(world.at(191).workers.is_empty());
}

#[test]
fn a_cycle_with_a_gap_shows_zero_only_where_zero_was_proven() {
    let old = [("10.0.0.1", "w-1", Some("blue"))];
    let mut world = World::of(vec![("blue", report([]))]).listing(&old);
    assert_eq!(shown(&world.at(11)), [("w-1", "blue", 0)]);
    world.reports(gap(report([])));
    let both = [
        ("10.0.0.1", "w-1", Some("blue")),
        ("10.0.0.2", "w-2", Some("blue")),
    ];
    world.sources = sources(&both);
    assert_eq!(
        shown(&world.at(12)),
        [("w-1", "blue", 0)],
        "w-2 was never known"
    );
}

#[test]
fn tasks_on_the_coordinator_are_nobodys_but_its_own() {
    let own = WorkerKey::from_text("10.0.0.99:8080 coordinator-0");
    let held = report([(own, holding(7)), (worker(1), holding(5))]);
    let pods = [
        ("10.0.0.99", "coordinator-0", Some("blue")),
        ("10.0.0.1", "w-1", Some("blue")),
    ];
    let mut world = World::of(vec![("blue", held)]).listing(&pods);
    let snapshot = world.at(11);
    assert_eq!(shown(&snapshot), [("w-1", "blue", 5)]);
    assert_eq!(snapshot.coordinators[0].own_tasks.bytes, 7);
}

#[test]
fn a_coordinator_is_also_known_by_its_node_id() {
    let mut known = report([]);
    known.closed.coordinator.clear();
    known.node_id = Some("coordinator-0".into());
    let pods = [("10.0.0.99", "coordinator-0", Some("blue"))];
    let mut world = World::of(vec![("blue", known)]).listing(&pods);
    assert!(world.at(11).workers.is_empty());
}

#[test]
fn listed_pods_belong_by_label_or_to_the_only_coordinator() {
    let pods = [
        ("10.0.0.1", "w-1", Some("green")),
        ("10.0.0.2", "w-2", None),
        ("10.0.0.3", "w-3", Some("strange")),
    ];
    let two = vec![("blue", report([])), ("green", report([]))];
    let mut world = World::of(two).listing(&pods);
    assert_eq!(shown(&world.at(11)), [("w-1", "green", 0)]);
    let mut alone = World::of(vec![("blue", report([]))]).listing(&pods);
    assert_eq!(shown(&alone.at(11)), [("w-2", "blue", 0)]);
}

#[test]
fn an_unmapped_worker_is_shown_under_its_host_and_counted() {
    let held = report([(worker(1), holding(5))]);
    let mut world = World::of(vec![("blue", held)]).listing(&[]);
    let snapshot = world.at(11);
    let found = &snapshot.workers[0];
    assert_eq!(
        (found.pod.as_str(), found.namespace.as_str()),
        ("10.0.0.1", "")
    );
    assert_eq!(snapshot.coordinators[0].unmapped, ["10.0.0.1:8080"]);
}

#[test]
fn two_addresses_of_one_pod_add_up() {
    let again = WorkerKey::from_text("10.0.0.1:8080 other-node-id");
    let held = report([(worker(1), holding(5)), (again, holding(6))]);
    let mut world = World::of(vec![("blue", held)]).listing(&[("10.0.0.1", "w-1", None)]);
    assert_eq!(shown(&world.at(11)), [("w-1", "blue", 11)]);
}

#[test]
fn a_dead_worker_keeps_its_name_until_its_query_ends() {
    let pods = [("10.0.0.1", "w-1", None)];
    let mut world = World::of(vec![("blue", report([(worker(1), holding(5))]))]).listing(&pods);
    assert_eq!(shown(&world.at(11)), [("w-1", "blue", 5)]);
    world.sources = sources(&[]);
    assert_eq!(shown(&world.at(12)), [("w-1", "blue", 5)]);
    world.reports(report([]));
    assert!(world.at(13).workers.is_empty());
}

#[test]
fn an_idle_worker_without_a_source_stays_zero_for_ten_minutes() {
    let mut world = World::of(vec![("blue", report([(worker(1), holding(5))]))]);
    assert_eq!(shown(&world.at(11)), [("w-1", "blue", 5)]);
    world.reports(report([]));
    assert_eq!(shown(&world.at(12)), [("w-1", "blue", 0)]);
    let mut later = report([]);
    later.closed.completed = Some(at(612));
    later.judge.observe(Evidence::Agrees, at(612));
    world.reports(later);
    assert!(world.at(612).workers.is_empty());
}

// === Zeros that nobody proved ===

fn zeros(snapshot: &Snapshot) -> Vec<(&str, &str, &str)> {
    let idle = |w: &&WorkerView| w.held.at_risk() == 0 && !w.lower_bound;
    snapshot
        .workers
        .iter()
        .filter(idle)
        .map(|w| (w.namespace.as_str(), w.pod.as_str(), w.release.as_str()))
        .collect()
}

/// A worker that nothing maps holds data: any listed pod without tasks of its own may be that worker.
#[test]
fn no_listed_pod_is_idle_while_a_worker_that_holds_data_is_unmapped() {
    let nameless = WorkerKey::from_text("worker-a.trino.internal:8080 5f3c-uuid");
    let held = report([(nameless, holding(5))]);
    let mut world = World::of(vec![("blue", held)]).listing(&[("10.0.0.1", "w-1", Some("blue"))]);
    assert_eq!(zeros(&world.at(11)), []);
}

/// Kubernetes knows the namespace, Prometheus' series do not say it: it is one and the same pod.
#[test]
fn two_sources_that_name_one_pod_differently_make_one_worker() {
    let held = report([(worker(1), holding(5))]);
    let mut world = World::of(vec![("blue", held)]).listing(&[("10.0.0.1", "w-1", None)]);
    world.sources.prometheus = Some(Directory::new([Sighting {
        host: "10.0.0.1".into(),
        pod: Pod {
            namespace: String::new(),
            name: "w-1".into(),
            release: None,
        },
        preferred: true,
        recency: 0,
    }]));
    assert_eq!(zeros(&world.at(11)), []);
}

/// The release of a worker is that of the coordinator whose tasks it runs; only without tasks the label decides.
#[test]
fn a_worker_that_runs_tasks_of_one_coordinator_is_not_idle_under_its_label() {
    let pods = [("10.0.0.1", "w-1", Some("green"))];
    let two = vec![
        ("blue", report([(worker(1), holding(5))])),
        ("green", report([])),
    ];
    let mut world = World::of(two).listing(&pods);
    assert_eq!(shown(&world.at(11)), [("w-1", "blue", 5)]);
}

/// With automatic internal TLS the coordinator calls itself `10-0-0-99.ip`; sources know `10.0.0.99`.
#[test]
fn a_coordinator_with_an_encoded_address_is_no_idle_worker() {
    let own = WorkerKey::from_text("10-0-0-99.ip:8443 5f3c-uuid");
    let mut held = report([(own, holding(7))]);
    held.closed.coordinator = "10-0-0-99.ip:8443".into();
    let pods = [("10.0.0.99", "coordinator-0", Some("blue"))];
    let mut world = World::of(vec![("blue", held)]).listing(&pods);
    assert_eq!(zeros(&world.at(11)), []);
}

/// Two workers on one host (host network, or a host whose series are doubled): both pods exist.
#[test]
fn a_pod_that_shares_its_host_keeps_its_name() {
    let second = WorkerKey::from_text("10.0.0.1:8081 w-2");
    let held = report([(worker(1), holding(5)), (second, holding(6))]);
    let mut world = World::of(vec![("blue", held)])
        .listing(&[("10.0.0.1", "w-1", None), ("10.0.0.1", "w-2", None)]);
    assert_eq!(
        shown(&world.at(11)),
        [("w-1", "blue", 5), ("w-2", "blue", 6)]
    );
}

/// A query is listed that was never read: what its workers hold is not known.
#[test]
fn a_gap_makes_zeros_a_lower_bound() {
    let pods = [("10.0.0.1", "w-1", Some("blue"))];
    let mut world = World::of(vec![("blue", report([]))]).listing(&pods);
    let _ = world.at(11);
    world.reports(gap(report([])));
    assert_eq!(zeros(&world.at(12)), []);
}

/// Never proven idle: the last complete cycle was blind, and the present one has a gap.
#[test]
fn a_blind_cycle_that_saw_sent_pages_proves_no_zero_later() {
    let sent = WorkerHoldings {
        pages_sent: 3,
        ..WorkerHoldings::default()
    };
    let mut world = World::of(vec![("blue", hidden(report([(worker(1), sent)])))]);
    let _ = world.at(11);
    world.reports(gap(report([(worker(1), sent)])));
    assert_eq!(zeros(&world.at(12)), []);
}

/// The address of a dead worker went to a new pod: what the dead one held stays its own.
#[test]
fn a_reused_address_does_not_take_over_a_dead_workers_name() {
    let mut world = World::of(vec![("blue", report([(worker(1), holding(5))]))])
        .listing(&[("10.0.0.1", "w-1", None)]);
    let _ = world.at(11);
    world.sources = sources(&[("10.0.0.1", "w-9", None)]);
    let snapshot = world.at(12);
    let busy: Vec<_> = shown(&snapshot).into_iter().filter(|w| w.2 > 0).collect();
    assert_eq!(busy, [("w-1", "blue", 5)]);
}

/// Pods come and go for years; what was proven of them must not stay for ever.
#[test]
fn what_was_proven_of_pods_long_gone_is_forgotten() {
    let mut world = World::of(vec![("blue", report([]))]);
    for n in 0..100u8 {
        let name = format!("w-{n}");
        world.sources = sources(&[("10.0.0.1", name.as_str(), Some("blue"))]);
        let _ = world.at(11);
    }
    assert!(
        world.roster.proven.len() <= 2,
        "{}",
        world.roster.proven.len()
    );
}
