//! The snapshot: what every worker of every coordinator holds, and how far that can be believed.
//! Decides what may be published as zero: only what a complete and visible cycle proved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::moment::Moment;
use crate::trino::words::QueryState;

use super::address::{WorkerKey, host_of};
use super::directory::canonical;
use super::holdings::WorkerHoldings;
use super::identity::{Identity, Method, Rules, Sources};
use super::ledger::{Closed, Coverage, coverage};
use super::roster::{Published, Roster};
use super::visibility::{Judge, Visibility};

/// What is fixed about a coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorSpec {
    /// Its name in the configuration.
    pub name: String,
    /// The release that its workers are published under.
    pub release: String,
    /// Where its workers are expected; empty where unknown.
    pub namespace: String,
}

/// Why the last cycle was not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A bounded word for metrics.
    pub reason: &'static str,
    /// A sentence for people. Never a secret, SQL or a user name.
    pub detail: String,
}

/// What the last cycle of one coordinator brought.
#[derive(Clone, Debug)]
pub struct Report {
    /// How the cycle ended.
    pub closed: Closed,
    /// The evidence on visibility.
    pub judge: Judge,
    /// Listed queries by state, of the last list that was read.
    pub by_state: BTreeMap<QueryState, u64>,
    /// Whether the last list was read.
    pub up: bool,
    /// The first problem of the last cycle.
    pub problem: Option<Problem>,
    /// Trino's version, where known.
    pub version: Option<String>,
    /// The coordinator's node id, where known.
    pub node_id: Option<String>,
}

/// The state of one coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorView {
    /// What is fixed about it.
    pub spec: CoordinatorSpec,
    /// How much is known.
    pub coverage: Coverage,
    /// Whether the list can be trusted.
    pub visibility: Visibility,
    /// The moment the oldest fact of the last complete cycle was asked for.
    pub as_of: Option<Moment>,
    /// When the last complete cycle ended.
    pub completed: Option<Moment>,
    /// Whether the last list was read; `None` before the first cycle has ended.
    pub up: Option<bool>,
    /// Listed queries by state.
    pub by_state: BTreeMap<QueryState, u64>,
    /// The first problem of the last cycle.
    pub problem: Option<Problem>,
    /// Trino's version.
    pub version: Option<String>,
    /// What runs on the coordinator itself; in no worker's gauges.
    pub own_tasks: WorkerHoldings,
    /// `host:port` of workers whose pod is not known.
    pub unmapped: Vec<String>,
}

/// What one worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// Pod name; the host where unmapped.
    pub pod: String,
    /// Namespace; empty where unknown.
    pub namespace: String,
    /// Release of its coordinator.
    pub release: String,
    /// Name of its coordinator.
    pub coordinator: String,
    /// Node ids that its tasks named.
    pub node_ids: BTreeSet<String>,
    /// `host:port` that its tasks named.
    pub addresses: BTreeSet<String>,
    /// What found the pod.
    pub method: Method,
    /// What it holds.
    pub held: WorkerHoldings,
    /// True when there may be more than `held` says.
    pub lower_bound: bool,
    /// Whether zeros in `held` may be published: proven now, or proven last and not contradicted since.
    pub shows_zero: bool,
}

/// Everything that is known at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The moment it was put together.
    pub taken: Moment,
    /// Coordinators in the order of their names.
    pub coordinators: Vec<CoordinatorView>,
    /// Workers in the order of namespace, pod and release.
    pub workers: Vec<WorkerView>,
}

/// One coordinator with its latest report; `None` before the first cycle has ended.
#[derive(Clone, Debug)]
pub struct Input {
    /// What is fixed.
    pub spec: CoordinatorSpec,
    /// The latest report.
    pub report: Option<Report>,
}

/// Puts a snapshot together.
#[derive(Debug)]
pub struct Assembly<'a> {
    /// All coordinators.
    pub inputs: &'a [Input],
    /// The mapping rules.
    pub rules: Rules,
    /// What the mapping sources say now.
    pub sources: &'a Sources,
    /// Without a complete cycle for this long a coordinator is unknown.
    pub stale_after: Duration,
    /// Now.
    pub now: Moment,
}

impl Assembly<'_> {
    /// The snapshot at `now`. The roster remembers which workers were seen.
    #[must_use]
    pub fn snapshot(&self, roster: &mut Roster) -> Snapshot {
        let mut gathered = self.gather(roster);
        self.add_listed(&mut gathered);
        let mut workers = BTreeMap::new();
        let coordinators = self
            .inputs
            .iter()
            .zip(gathered)
            .map(|(input, gathered)| match (&input.report, gathered) {
                (Some(report), Some(gathered)) => {
                    self.reported(&input.spec, report, gathered, roster, &mut workers)
                }
                _ => unreported(&input.spec),
            })
            .collect();
        Snapshot {
            taken: self.now,
            coordinators,
            workers: workers.into_values().collect(),
        }
    }

    /// What runs tasks, or did not long ago, by coordinator.
    fn gather(&self, roster: &mut Roster) -> Vec<Option<Gathered>> {
        let one = |input: &Input| {
            let report = input.report.as_ref()?;
            Some(self.one(&input.spec, report).gather(roster))
        };
        self.inputs.iter().map(one).collect()
    }

    /// Adds the pods that sources list and that run nobody's tasks.
    fn add_listed(&self, all: &mut [Option<Gathered>]) {
        let claimed: BTreeSet<(String, String)> = all
            .iter()
            .flatten()
            .flat_map(|gathered| gathered.workers.keys().cloned())
            .collect();
        for (input, gathered) in self.inputs.iter().zip(all) {
            if let (Some(report), Some(gathered)) = (&input.report, gathered) {
                self.one(&input.spec, report).add_listed(gathered, &claimed);
            }
        }
    }

    const fn one<'a>(&'a self, spec: &'a CoordinatorSpec, report: &'a Report) -> One<'a> {
        One {
            assembly: self,
            spec,
            report,
        }
    }

    fn reported(
        &self,
        spec: &CoordinatorSpec,
        report: &Report,
        gathered: Gathered,
        roster: &mut Roster,
        workers: &mut BTreeMap<Published, WorkerView>,
    ) -> CoordinatorView {
        let coverage = coverage(&report.closed, self.now, self.stale_after);
        let visibility = report.judge.visibility(self.now);
        let Gathered {
            workers: found,
            own_tasks,
            unmapped,
        } = gathered;
        if coverage != Coverage::Unknown {
            let shown = self.one(spec, report).publish(found, visibility, roster);
            workers.extend(shown.into_iter().map(|worker| (published(&worker), worker)));
        }
        CoordinatorView {
            spec: spec.clone(),
            coverage,
            visibility,
            as_of: report.closed.as_of,
            completed: report.closed.completed,
            up: Some(report.up),
            by_state: report.by_state.clone(),
            problem: report.problem.clone(),
            version: report.version.clone(),
            own_tasks,
            unmapped: unmapped.into_iter().collect(),
        }
    }

    /// The release of a pod that a source lists: its label, else the only coordinator's.
    fn belongs_to(&self, label: Option<&str>, spec: &CoordinatorSpec) -> bool {
        match label {
            Some(label) => label == spec.release,
            None => self.inputs.len() == 1,
        }
    }
}

fn unreported(spec: &CoordinatorSpec) -> CoordinatorView {
    CoordinatorView {
        spec: spec.clone(),
        coverage: Coverage::Unknown,
        visibility: Visibility::Unknown,
        as_of: None,
        completed: None,
        up: None,
        by_state: BTreeMap::new(),
        problem: None,
        version: None,
        own_tasks: WorkerHoldings::default(),
        unmapped: Vec::new(),
    }
}

fn published(worker: &WorkerView) -> Published {
    (
        worker.namespace.clone(),
        worker.pod.clone(),
        worker.release.clone(),
    )
}

/// One coordinator of an assembly.
struct One<'a> {
    assembly: &'a Assembly<'a>,
    spec: &'a CoordinatorSpec,
    report: &'a Report,
}

#[derive(Default)]
struct Gathered {
    workers: BTreeMap<(String, String), WorkerView>,
    own_tasks: WorkerHoldings,
    unmapped: BTreeSet<String>,
}

impl One<'_> {
    fn gather(&self, roster: &mut Roster) -> Gathered {
        let mut gathered = Gathered::default();
        roster.restarted(&self.spec.name, self.report.closed.restarts);
        for (worker, held) in &self.report.closed.held {
            if self.is_coordinator(worker) {
                gathered.own_tasks.merge(held);
            } else {
                let identity = self.see(worker, roster);
                gathered.add(self.spec, worker, &identity, held);
            }
        }
        let (rules, sources) = (self.assembly.rules, self.assembly.sources);
        roster.forget(&self.spec.name, rules, sources, self.assembly.now);
        for (worker, identity) in roster.known(&self.spec.name) {
            gathered.add(self.spec, worker, identity, &WorkerHoldings::default());
        }
        gathered
    }

    fn see(&self, worker: &WorkerKey, roster: &mut Roster) -> Identity {
        let Assembly {
            rules,
            sources,
            now,
            ..
        } = self.assembly;
        let found = rules.identify(worker, &self.spec.namespace, sources);
        roster
            .saw_task(&self.spec.name, worker, found, *now)
            .clone()
    }

    /// Pods that a source lists and that are `claimed` by no coordinator's tasks. The first source that lists a host
    /// names its pod; a later one may know less about the same pod.
    fn add_listed(&self, gathered: &mut Gathered, claimed: &BTreeSet<(String, String)>) {
        let mut named = BTreeSet::new();
        for (method, directory) in self.assembly.rules.sources(self.assembly.sources) {
            for (host, pod) in directory.pods() {
                let ours = self.assembly.belongs_to(pod.release.as_deref(), self.spec);
                let key = (pod.namespace.clone(), pod.name.clone());
                let free = named.insert(host.to_owned()) && !claimed.contains(&key);
                if ours && free && !self.is_coordinator_pod(host, &pod.name) {
                    let identity = Identity {
                        pod: pod.name.clone(),
                        namespace: pod.namespace.clone(),
                        method,
                    };
                    gathered.add_listed(self.spec, &identity);
                }
            }
        }
    }

    fn is_coordinator(&self, worker: &WorkerKey) -> bool {
        let own = &self.report.closed.coordinator;
        let same_address = !own.is_empty() && worker.authority() == own;
        same_address || self.is_coordinator_id(worker.node_id())
    }

    fn is_coordinator_pod(&self, host: &str, pod: &str) -> bool {
        let own = canonical(host_of(&self.report.closed.coordinator));
        (!own.is_empty() && host == own) || self.is_coordinator_id(pod)
    }

    fn is_coordinator_id(&self, id: &str) -> bool {
        !id.is_empty() && self.report.node_id.as_deref() == Some(id)
    }

    /// The workers that may be shown. An idle one only where idleness is proven, or was and is not contradicted.
    fn publish(
        &self,
        workers: BTreeMap<(String, String), WorkerView>,
        visibility: Visibility,
        roster: &mut Roster,
    ) -> Vec<WorkerView> {
        let visible = visibility == Visibility::Visible;
        let known = self.report.closed.known;
        let stray = workers.values().any(is_stray);
        let judged = workers.into_values().map(|mut worker| {
            // A worker that holds data and has no pod may be any pod that is only listed.
            let doubtful = stray && worker.addresses.is_empty();
            let proven = known || roster.proven.contains(&published(&worker));
            worker.lower_bound = !(visible && known) || doubtful;
            worker.shows_zero = visible && proven && !doubtful;
            worker
        });
        let shown: Vec<_> = judged
            .filter(|worker| worker.shows_zero || holds_something(worker))
            .collect();
        let zeros = shown.iter().filter(|worker| worker.shows_zero);
        roster.prove(&self.spec.release, zeros.map(published));
        shown
    }
}

fn is_stray(worker: &WorkerView) -> bool {
    worker.method == Method::Unmapped && holds_something(worker)
}

fn holds_something(worker: &WorkerView) -> bool {
    worker.held.at_risk() > 0 || worker.held.external > 0
}

impl Gathered {
    fn add(
        &mut self,
        spec: &CoordinatorSpec,
        worker: &WorkerKey,
        identity: &Identity,
        held: &WorkerHoldings,
    ) {
        if identity.method == Method::Unmapped {
            self.unmapped.insert(worker.authority().to_owned());
        }
        let view = self.entry(spec, identity);
        view.held.merge(held);
        view.addresses.insert(worker.authority().to_owned());
        view.node_ids.insert(worker.node_id().to_owned());
    }

    fn add_listed(&mut self, spec: &CoordinatorSpec, identity: &Identity) {
        self.entry(spec, identity);
    }

    fn entry(&mut self, spec: &CoordinatorSpec, identity: &Identity) -> &mut WorkerView {
        let key = (identity.namespace.clone(), identity.pod.clone());
        self.workers.entry(key).or_insert_with(|| WorkerView {
            pod: identity.pod.clone(),
            namespace: identity.namespace.clone(),
            release: spec.release.clone(),
            coordinator: spec.name.clone(),
            node_ids: BTreeSet::new(),
            addresses: BTreeSet::new(),
            method: identity.method,
            held: WorkerHoldings::default(),
            lower_bound: true,
            shows_zero: false,
        })
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
