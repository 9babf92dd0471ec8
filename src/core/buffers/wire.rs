//! The JSON of a snapshot (`/v1/snapshot`, schema version 1; docs/snapshot.md) and the changes between two.
//! Ages are durations, so that clocks need not agree. No SQL, no user names, no query ids.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::moment::Moment;

use super::holdings::{Grades, WorkerHoldings};
use super::snapshot::{CoordinatorView, Snapshot, WorkerView};

/// The version of this schema. A new optional field does not change it; anything else does.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireSnapshot {
    /// [`SCHEMA_VERSION`] of the sender.
    pub schema_version: u32,
    /// How long Trino may hold back task news (`task.info-update-interval`): true age is at most age plus this.
    pub source_lag_seconds: f64,
    /// Coordinators by name.
    pub coordinators: BTreeMap<String, WireCoordinator>,
    /// Workers in the order of namespace, pod and release.
    pub workers: Vec<WireWorker>,
}

/// One coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireCoordinator {
    /// Release of its workers.
    pub release: String,
    /// `complete`, `partial` or `unknown`.
    pub state: String,
    /// `visible`, `hidden` or `unknown`.
    pub visibility: String,
    /// Age of the oldest fact of the last complete cycle; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
    /// Time since the last complete cycle ended; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_seconds_ago: Option<f64>,
    /// Whether the last query list was read; absent before the first cycle has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// Listed queries by state, in Trino's words.
    pub queries: BTreeMap<String, u64>,
    /// Trino's version, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why the last cycle was not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<WireProblem>,
    /// What runs on the coordinator itself.
    pub own_tasks: WireHoldings,
    /// `host:port` of workers whose pod is not known.
    pub unmapped: Vec<String>,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireProblem {
    /// A bounded word.
    pub reason: String,
    /// A sentence.
    pub detail: String,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireWorker {
    /// Pod name; the host where unmapped.
    pub pod: String,
    /// Namespace; empty where unknown.
    pub namespace: String,
    /// Release.
    pub release: String,
    /// Its coordinator's name.
    pub coordinator: String,
    /// Node ids that its tasks named.
    pub node_ids: Vec<String>,
    /// `host:port` that its tasks named.
    pub addresses: Vec<String>,
    /// `nodeId`, `kubernetes`, `prometheus` or `unmapped`.
    pub mapping: String,
    /// True when there may be more than is shown: zeros prove nothing.
    pub lower_bound: bool,
    /// What it holds.
    #[serde(flatten)]
    pub held: WireHoldings,
}

/// What is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireHoldings {
    /// Tasks at risk by retry policy.
    pub tasks_at_risk: WireAtRisk,
    /// Bytes retained by tasks at risk.
    pub buffered_bytes: u64,
    /// Pages retained by tasks at risk.
    pub buffered_pages: u64,
    /// Pages ever added to the buffers of unfinished queries.
    pub pages_sent: u64,
    /// Live tasks of fault-tolerant queries.
    pub external_buffers: u64,
    /// Queries with tasks at risk.
    pub queries: u64,
}

/// Tasks at risk by retry policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireAtRisk {
    /// Queries without retries, or with a policy that we don't know.
    pub none: WireGrades,
    /// Queries that Trino would run again from the start.
    pub query: WireGrades,
}

/// Tasks at risk by grade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireGrades {
    /// With data.
    pub holding: u64,
    /// Whose last page awaits confirmation.
    pub flushing: u64,
    /// Live, without data.
    pub empty: u64,
}

/// What changed between two snapshots. Coordinators come whole, since their ages always change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireChange {
    /// [`SCHEMA_VERSION`] of the sender.
    pub schema_version: u32,
    /// All coordinators by name.
    pub coordinators: BTreeMap<String, WireCoordinator>,
    /// Workers that are new or different.
    pub workers: Vec<WireWorker>,
    /// Workers that are no longer shown.
    pub gone: Vec<WireWorkerName>,
}

/// Names a worker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WireWorkerName {
    /// Namespace.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// Release.
    pub release: String,
}

impl WireSnapshot {
    /// The wire form of a snapshot, ages as of the moment it was taken.
    #[must_use]
    pub fn new(snapshot: &Snapshot, source_lag: Duration) -> Self {
        let coordinator = |view: &CoordinatorView| {
            (
                view.spec.name.clone(),
                wire_coordinator(view, snapshot.taken),
            )
        };
        Self {
            schema_version: SCHEMA_VERSION,
            source_lag_seconds: source_lag.as_secs_f64(),
            coordinators: snapshot.coordinators.iter().map(coordinator).collect(),
            workers: snapshot.workers.iter().map(wire_worker).collect(),
        }
    }

    /// What a reader of `before` has to be told. `None` when only ages moved.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<WireChange> {
        let held: BTreeMap<_, _> = before.workers.iter().map(|w| (w.name(), w)).collect();
        let changed = |w: &&WireWorker| held.get(&w.name()) != Some(w);
        let now: std::collections::BTreeSet<_> =
            self.workers.iter().map(WireWorker::name).collect();
        let change = WireChange {
            schema_version: SCHEMA_VERSION,
            coordinators: self.coordinators.clone(),
            workers: self.workers.iter().filter(changed).cloned().collect(),
            gone: held
                .into_keys()
                .filter(|name| !now.contains(name))
                .collect(),
        };
        let quiet = change.workers.is_empty() && change.gone.is_empty();
        (!quiet || !self.same_coordinators(before)).then_some(change)
    }

    /// Whether the coordinators differ in nothing but ages that grew with time.
    fn same_coordinators(&self, before: &Self) -> bool {
        let ageless = |snapshot: &Self| -> BTreeMap<String, WireCoordinator> {
            let forget = |(name, c): (&String, &WireCoordinator)| (name.clone(), c.ageless());
            snapshot.coordinators.iter().map(forget).collect()
        };
        let renewed = self.coordinators.iter().any(|(name, coordinator)| {
            let earlier = before.coordinators.get(name);
            earlier.is_some_and(|earlier| coordinator.is_newer_than(earlier))
        });
        !renewed && ageless(self) == ageless(before)
    }
}

impl WireCoordinator {
    fn ageless(&self) -> Self {
        Self {
            age_seconds: None,
            completed_seconds_ago: None,
            ..self.clone()
        }
    }

    /// Time alone only makes ages grow; a smaller one tells of another complete cycle.
    fn is_newer_than(&self, earlier: &Self) -> bool {
        match (self.completed_seconds_ago, earlier.completed_seconds_ago) {
            (Some(now), Some(before)) => now < before,
            (now, before) => now.is_some() != before.is_some(),
        }
    }
}

impl WireWorker {
    /// The worker's name.
    #[must_use]
    pub fn name(&self) -> WireWorkerName {
        WireWorkerName {
            namespace: self.namespace.clone(),
            pod: self.pod.clone(),
            release: self.release.clone(),
        }
    }
}

fn wire_coordinator(view: &CoordinatorView, taken: Moment) -> WireCoordinator {
    let ago = |moment: Option<Moment>| moment.map(|m| rounded(taken.since(m)));
    let by_state = view.by_state.iter();
    WireCoordinator {
        release: view.spec.release.clone(),
        state: view.coverage.word().to_owned(),
        visibility: view.visibility.word().to_owned(),
        age_seconds: ago(view.as_of),
        completed_seconds_ago: ago(view.completed),
        up: view.up,
        queries: by_state.map(|(s, n)| (s.word().to_owned(), *n)).collect(),
        version: view.version.clone(),
        problem: view.problem.as_ref().map(|problem| WireProblem {
            reason: problem.reason.to_owned(),
            detail: problem.detail.clone(),
        }),
        own_tasks: wire_holdings(&view.own_tasks),
        unmapped: view.unmapped.clone(),
    }
}

/// Milliseconds are all that an age is worth.
fn rounded(age: Duration) -> f64 {
    Duration::from_millis(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)).as_secs_f64()
}

fn wire_worker(view: &WorkerView) -> WireWorker {
    WireWorker {
        pod: view.pod.clone(),
        namespace: view.namespace.clone(),
        release: view.release.clone(),
        coordinator: view.coordinator.clone(),
        node_ids: view.node_ids.iter().cloned().collect(),
        addresses: view.addresses.iter().cloned().collect(),
        mapping: view.method.word().to_owned(),
        lower_bound: view.lower_bound,
        held: wire_holdings(&view.held),
    }
}

fn wire_holdings(held: &WorkerHoldings) -> WireHoldings {
    WireHoldings {
        tasks_at_risk: WireAtRisk {
            none: wire_grades(held.none),
            query: wire_grades(held.query),
        },
        buffered_bytes: held.bytes,
        buffered_pages: held.pages,
        pages_sent: held.pages_sent,
        external_buffers: held.external,
        queries: held.queries,
    }
}

const fn wire_grades(grades: Grades) -> WireGrades {
    WireGrades {
        holding: grades.holding,
        flushing: grades.flushing,
        empty: grades.empty,
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
