//! Whatever the exporter's stream says: events are the same however they are cut; no task at risk is lost on the way from
//! a snapshot to what is known of a cluster: it is some worker's, or the reading is unmapped; and of two workers, one busy
//! and one that says DRAINED, nobody goes but the second, by a snapshot that shows that nothing is left there.

use std::collections::BTreeMap;

use serde_json::json;
use xtrinode::core::buffers::wire::{
    WireChange, WireCoordinator, WireGrades, WireSnapshot, WireWorker,
};
use xtrinode::core::guard::ask::Outcome;
use xtrinode::core::guard::evidence::Supplier;
use xtrinode::core::guard::facts::pod::{ClusterId, Role};
use xtrinode::core::guard::supply::{Received, apply};
use xtrinode::core::guard::time::Time;
use xtrinode::guard::trino::sse::Events;
use xtrinode::trino::words::NodeState;

use super::place::{Place, SET, SPACE, WORKERS, cluster, running};

const BUSY: &str = WORKERS[0].0;
const DRAINED: &str = WORKERS[1].0;

/// The second worker has said DRAINED for so long.
const SINCE: u64 = 120;

/// Follows a stream, and judges after each of its events. Answers whether anybody was let go.
pub fn check(input: &[u8]) -> bool {
    let whole = Events::default().push(input);
    let mut events = Events::default();
    let cut: Result<Vec<_>, _> = input.chunks(7).map(|chunk| events.push(chunk)).collect();
    // An error ends a stream; what came before it in the same chunk is lost with it.
    if let (Ok(whole), Ok(cut)) = (&whole, &cut) {
        assert_eq!(*whole, cut.concat());
    }
    assert_eq!(whole.is_ok(), cut.is_ok());
    let mut snapshot: Option<WireSnapshot> = serde_json::from_slice(input).ok();
    let mut follower = Follower::new();
    if let Some(snapshot) = &snapshot {
        follower.follow(snapshot);
    }
    for event in whole.unwrap_or_default() {
        if let Ok(fresh) = serde_json::from_str(&event.data) {
            snapshot = Some(fresh);
        } else if let Ok(change) = serde_json::from_str::<WireChange>(&event.data)
            && let Some(known) = &mut snapshot
        {
            apply(known, change);
        }
        if let Some(snapshot) = &snapshot {
            follower.follow(snapshot);
        }
    }
    follower.freed
}

/// Who hears the stream.
struct Follower {
    place: Place,
    /// Whether it has ever shown the drained worker to be empty.
    shown: bool,
    /// Whether that was ever let go.
    freed: bool,
}

impl Follower {
    /// The guard's own collector has told of tasks on both before the second one said DRAINED.
    fn new() -> Self {
        let mut place = Place::new(Time::from_millis(1_800_000_000_000));
        let (name, uid) = WORKERS[1];
        let mut pod = running(name, uid, "worker", ("ReplicaSet", SET), place.now);
        let drain = json!({"container": format!("c-{uid}"), "at": place.now.to_string()});
        pod["metadata"]["annotations"] = json!({"xtrinode.io/drain": drain.to_string()});
        place.put_pod(&pod);
        place.look(BUSY, NodeState::Active);
        place.look(DRAINED, NodeState::Draining);
        place.tell(&[BUSY, DRAINED]);
        for _ in 0..6 {
            place.pass(10);
            place.look(DRAINED, NodeState::Draining);
        }
        place.pass(10);
        place.look(DRAINED, NodeState::Drained);
        for _ in 0..SINCE / 10 {
            place.pass(10);
            place.look(DRAINED, NodeState::Drained);
        }
        Self {
            place,
            shown: false,
            freed: false,
        }
    }

    fn follow(&mut self, snapshot: &WireSnapshot) {
        read(snapshot);
        self.shown |= shows_nothing_left(snapshot);
        self.hear(snapshot);
        let busy = self.place.evict(BUSY);
        assert_ne!(busy.outcome, Outcome::Allow, "a busy worker goes: {busy:?}");
        let drained = self.place.evict(DRAINED);
        let allowed = drained.outcome == Outcome::Allow;
        assert!(
            self.shown || !allowed,
            "not shown to be empty: {drained:?} {snapshot:?}"
        );
        self.freed |= allowed;
    }

    fn hear(&mut self, snapshot: &WireSnapshot) {
        let Place {
            world,
            evidence,
            now,
            ..
        } = &mut self.place;
        let received = Received {
            supplier: Supplier::Exporter,
            snapshot,
            at: *now,
            heard: *now,
        };
        let members: Vec<_> = world.members(&cluster(), Role::Worker).collect();
        if let Some(reading) = received.reading(&cluster(), &members) {
            evidence.read(&reading, members.into_iter());
        }
    }
}

/// Some coordinator of the release vouches for a whole cycle since the worker said DRAINED, sees all queries, and has no
/// task at risk on it, nor on what is no worker of ours.
fn shows_nothing_left(snapshot: &WireSnapshot) -> bool {
    let mut coordinators = snapshot.coordinators.iter();
    coordinators.any(|(name, coordinator)| {
        let own = |worker: &&WireWorker| worker.coordinator == *name;
        let mut busy = snapshot
            .workers
            .iter()
            .filter(own)
            .filter(|worker| is_at_risk(worker));
        vouches(coordinator, snapshot.source_lag_seconds) && busy.all(is_of_another)
    })
}

fn vouches(coordinator: &WireCoordinator, lag: f64) -> bool {
    let knows = coordinator.state != "unknown" && coordinator.visibility == "visible";
    let age = coordinator.age_seconds.filter(|age| *age >= 0.0);
    // To the millisecond.
    let late = age.is_some_and(|age| lag >= 0.0 && age + lag <= SINCE as f64 + 0.002);
    coordinator.release == SPACE && knows && late && coordinator.completed_seconds_ago.is_some()
}

fn is_of_another(worker: &WireWorker) -> bool {
    let ours = worker.namespace.is_empty() || worker.namespace == SPACE;
    ours && worker.pod != DRAINED && WORKERS.iter().any(|(name, _)| *name == worker.pod)
}

fn is_at_risk(worker: &WireWorker) -> bool {
    let grades = &worker.held.tasks_at_risk;
    total(&grades.none) > 0 || total(&grades.query) > 0
}

/// Without pods whatever is at risk belongs to none.
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
            let Some(reading) = received.reading(&cluster, &[]) else {
                continue;
            };
            let workers = snapshot.workers.iter();
            let mut own = workers.filter(|worker| names.contains(&&worker.coordinator));
            let at_risk = own.any(is_at_risk);
            assert!(!(at_risk && reading.mapped), "a task at risk is lost");
        }
    }
}

fn total(grades: &WireGrades) -> u64 {
    let rest = grades.flushing.saturating_add(grades.empty);
    grades.holding.saturating_add(rest)
}
