//! From a collector's snapshot to a reading of one cluster: ages become times, workers become pods. What belongs to no
//! pod is never dropped: it makes the reading unmapped, and nobody idle by it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::core::buffers::address::{host_of, ip_of};
use crate::core::buffers::wire::{
    WireChange, WireCoordinator, WireGrades, WireSnapshot, WireWorker,
};

use super::evidence::{Cycle, Held, Reading, Supplier};
use super::facts::pod::{ClusterId, Pod};
use super::time::Time;

/// A snapshot and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Whose it is.
    pub supplier: Supplier,
    /// What it says.
    pub snapshot: &'a WireSnapshot,
    /// When its ages were right.
    pub at: Time,
    /// When the supplier was last heard of, which may be later.
    pub heard: Time,
}

impl Received<'_> {
    /// What it says about a cluster, whose worker pods are `members`. `None` if it does not know the cluster, or knows several
    /// that it could be.
    #[must_use]
    pub fn reading(&self, cluster: &ClusterId, members: &[&Pod]) -> Option<Reading> {
        let (name, coordinator) = self.coordinator(cluster)?;
        let mut held: HashMap<String, Held> = HashMap::new();
        let mut mapped = true;
        let workers = self
            .snapshot
            .workers
            .iter()
            .filter(|worker| worker.coordinator == *name);
        for (worker, holds) in workers.map(|worker| (worker, holdings(worker))) {
            match pod_of(worker, cluster, members) {
                Some(pod) => add(held.entry(pod.uid.clone()).or_default(), holds),
                None => mapped &= holds.is_nothing(),
            }
        }
        Some(Reading {
            supplier: self.supplier,
            cluster: cluster.clone(),
            heard: self.heard,
            complete: self.cycle(coordinator),
            mapped,
            held,
        })
    }

    /// The coordinator of this release, if its workers, as far as they have a namespace, are in the cluster's.
    fn coordinator(&self, cluster: &ClusterId) -> Option<(&String, &WireCoordinator)> {
        let mut found = self
            .snapshot
            .coordinators
            .iter()
            .filter(|(name, coordinator)| {
                coordinator.release == cluster.release && self.is_in(name, &cluster.namespace)
            });
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    fn is_in(&self, coordinator: &str, namespace: &str) -> bool {
        let workers = self.snapshot.workers.iter();
        let mut named = workers
            .filter(|worker| worker.coordinator == coordinator && !worker.namespace.is_empty());
        named.all(|worker| worker.namespace == namespace)
    }

    /// The last complete cycle, if what it says can be trusted. Trino may hold task news back for as long as the lag.
    fn cycle(&self, coordinator: &WireCoordinator) -> Option<Cycle> {
        let known = coordinator.state != "unknown" && coordinator.visibility == "visible";
        let age = seconds(coordinator.age_seconds?)? + seconds(self.snapshot.source_lag_seconds)?;
        let ended = seconds(coordinator.completed_seconds_ago?)?;
        known.then(|| Cycle {
            began: self.at.before(age),
            ended: self.at.before(ended),
        })
    }
}

/// Brings a snapshot up to date.
pub fn apply(snapshot: &mut WireSnapshot, change: WireChange) {
    snapshot.coordinators = change.coordinators;
    let renewed = change.workers.iter().map(WireWorker::name);
    let replaced: BTreeSet<_> = change.gone.into_iter().chain(renewed).collect();
    snapshot
        .workers
        .retain(|worker| !replaced.contains(&worker.name()));
    snapshot.workers.extend(change.workers);
}

/// A number of seconds that somebody else wrote.
fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

fn pod_of<'a>(worker: &WireWorker, cluster: &ClusterId, members: &[&'a Pod]) -> Option<&'a Pod> {
    let here = worker.namespace.is_empty() || worker.namespace == cluster.namespace;
    let named = members
        .iter()
        .find(|pod| here && pod.name.name == worker.pod);
    let at_address = || {
        let hosts = worker.addresses.iter().map(|address| host_of(address));
        let mut ips = hosts.filter_map(ip_of);
        let ip = ips.next()?;
        members.iter().find(|pod| pod.ip == Some(ip))
    };
    named.or_else(at_address).copied()
}

fn holdings(worker: &WireWorker) -> Held {
    let total = |grades: &WireGrades| {
        let flushed = grades.flushing.saturating_add(grades.empty);
        grades.holding.saturating_add(flushed)
    };
    let held = &worker.held;
    Held {
        fatal: total(&held.tasks_at_risk.none),
        recoverable: total(&held.tasks_at_risk.query),
        bytes: held.buffered_bytes,
        queries: held.queries,
    }
}

fn add(sum: &mut Held, more: Held) {
    sum.fatal = sum.fatal.saturating_add(more.fatal);
    sum.recoverable = sum.recoverable.saturating_add(more.recoverable);
    sum.bytes = sum.bytes.saturating_add(more.bytes);
    sum.queries = sum.queries.saturating_add(more.queries);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::plan::scene::{Scene, cluster};
    use crate::core::guard::snapshots::{snapshot, worker};

    fn reading(snapshot: &WireSnapshot) -> Option<Reading> {
        let scene = Scene::deployment(2);
        let members: Vec<_> = scene.world.pods().collect();
        let received = Received {
            supplier: Supplier::Exporter,
            snapshot,
            at: scene.now,
            heard: scene.now,
        };
        received.reading(&cluster(), &members)
    }

    #[test]
    fn flushing_tasks_count_and_ages_include_the_lag() {
        let reading = reading(&snapshot(vec![worker("w-0", 2)], "visible")).expect("known");
        let cycle = reading.complete.expect("complete");
        assert_eq!(reading.heard.since(cycle.began), Duration::from_secs(7));
        assert_eq!(reading.held["uid-w-0"].fatal, 2);
        assert!(reading.mapped);
    }

    #[test]
    fn what_has_no_pod_makes_the_reading_unmapped() {
        assert!(
            !reading(&snapshot(vec![worker("stray", 1)], "visible"))
                .expect("known")
                .mapped
        );
        assert!(
            reading(&snapshot(vec![worker("stray", 0)], "visible"))
                .expect("known")
                .mapped
        );
    }

    #[test]
    fn what_is_not_proven_visible_is_no_cycle() {
        for visibility in ["unknown", "hidden", ""] {
            let reading = reading(&snapshot(Vec::new(), visibility)).expect("known");
            assert_eq!(reading.complete, None, "{visibility}");
        }
    }

    #[test]
    fn a_change_brings_a_snapshot_to_the_next_one() {
        let before = snapshot(vec![worker("w-0", 1), worker("w-1", 1)], "visible");
        let after = snapshot(vec![worker("w-1", 2), worker("w-2", 1)], "visible");
        let change = after.since(&before).expect("a change");
        let mut changed = before;
        apply(&mut changed, change);
        changed.workers.sort_by_key(WireWorker::name);
        assert_eq!(changed, after);
    }

    #[test]
    fn numbers_that_are_no_durations_are_no_cycle() {
        let mut bad = snapshot(Vec::new(), "visible");
        bad.source_lag_seconds = -1.0;
        assert_eq!(reading(&bad).expect("known").complete, None);
        bad.source_lag_seconds = f64::NAN;
        assert_eq!(reading(&bad).expect("known").complete, None);
    }

    #[test]
    fn another_release_or_namespace_is_another_cluster() {
        let mut other = snapshot(vec![worker("w-0", 1)], "visible");
        other.workers[0].namespace = "elsewhere".to_owned();
        assert_eq!(reading(&other), None);
        let mut other = snapshot(Vec::new(), "visible");
        other.coordinators.get_mut("c").expect("it").release = "other".to_owned();
        assert_eq!(reading(&other), None);
    }
}
