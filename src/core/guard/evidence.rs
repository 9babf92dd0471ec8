//! What this replica has seen of Trino: answers of workers, snapshots of two suppliers, query lists. Keeps what
//! decisions need and how old it is; judges nothing. Nothing seen of one container says anything about the next.

use std::collections::HashSet;
use std::time::Duration;

use crate::trino::words::NodeState;

pub use super::clear::Clear;
pub use super::told::{Cycle, DrainPower, Held, Listed, Reading, Said, Sight, Supplier};

use super::bounds::{Bounds, UNBROKEN};
use super::facts::pod::{ClusterId, Pod, Role};
use super::map::Map;
use super::mutant::{self, Mutant};
use super::query_ids::QueryIds;
use super::time::Time;
use super::world::World;

/// Two cycles of one coordinator begin further apart than this.
const SAME_CYCLE: Duration = Duration::from_millis(500);

/// Two query lists further apart say nothing about the time between: a client's transaction has no query between two of
/// its statements, and ends with its coordinator.
const SAME_RUN: Duration = Duration::from_secs(15);

/// A worker, as far as seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerSeen {
    container: String,
    /// When this container was first heard of.
    first: Time,
    /// The last answer.
    pub answer: Option<Answer>,
    /// When it was asked last, whatever came of it.
    pub asked: Option<Time>,
    /// Since when its port has refused every connection.
    pub refusing: Option<Time>,
    /// Since when it has not answered.
    pub failing: Option<Time>,
    /// Whether it ever answered as a node that has started.
    pub started: bool,
    /// When it first did, where it was seen not to before.
    pub served: Option<Time>,
    /// Whether a task was ever reported on it.
    pub had_task: bool,
    /// When it last said ACTIVE.
    pub active: Option<Time>,
    /// Since when it has said DRAINING or DRAINED, without ACTIVE between.
    pub leaving: Option<Time>,
    exporter: Track,
    own: Track,
    /// The proof that nothing is left on it after it said DRAINED.
    pub proof: Option<Time>,
    /// Since when the proof could not be read.
    pub unproven: Option<Time>,
    /// Whether its Trino has no drain that can be taken back.
    too_old: bool,
}

/// The last answer of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it was asked.
    pub at: Time,
    /// Its state.
    pub state: NodeState,
    /// Whether it is still starting.
    pub starting: bool,
    /// Since when it has always answered so.
    pub since: Time,
}

/// What one supplier said about a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Track {
    risk: Option<Risk>,
    clear: Option<Clear>,
}

/// Something at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Risk {
    /// What.
    pub held: Held,
    /// When it was heard last.
    pub heard: Time,
    /// When the complete cycle that showed it began; `None` where none was complete.
    pub began: Option<Time>,
}

/// A cluster, as far as seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterSeen {
    exporter: Told,
    own: Told,
    /// The last query list that can be trusted.
    pub list: Option<Listed>,
    /// What its query ids tell of its clock.
    pub query_ids: QueryIds,
    /// The unbroken run of lists without unfinished queries.
    pub empty: Option<Clear>,
    /// Whether its workers let themselves be drained.
    pub power: DrainPower,
    /// The shortest drain that was seen from its last ACTIVE to its DRAINED.
    pub shortest_drain: Option<Duration>,
    /// The last one.
    pub last_drain: Option<Duration>,
    /// When anybody last vouched for a complete cycle.
    known: Option<Time>,
}

/// What one supplier said about a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    heard: Option<Time>,
    cycle: Option<Cycle>,
    mapped: bool,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Behind a pointer, so that the table's empty places are small.
    workers: Map<String, Box<WorkerSeen>>,
    clusters: Map<ClusterId, ClusterSeen>,
}

static NOTHING: std::sync::LazyLock<ClusterSeen> = std::sync::LazyLock::new(ClusterSeen::default);

impl Evidence {
    /// Takes in a look at the worker with this pod UID. Answers how long its drain took, where this look ended one: from
    /// the last ACTIVE, so never less than it did.
    pub fn look(&mut self, uid: &str, sight: &Sight) -> Option<Duration> {
        let worker = self.of_container(uid, &sight.container, sight.at);
        let before = worker.drained_since();
        worker.look(sight);
        let drained = worker.drained_since().filter(|_| before.is_none())?;
        worker.active.map(|active| drained.since(active))
    }

    /// Takes in what a supplier says. `members` are the cluster's worker pods.
    pub fn read<'a>(&mut self, reading: &Reading, members: impl Iterator<Item = &'a Pod>) {
        let cluster = self.clusters.entry(reading.cluster.clone()).or_default();
        let told = cluster.told(reading.supplier);
        let news = reading.complete.filter(|cycle| told.is_news(*cycle));
        *told = Told {
            heard: Some(reading.heard),
            cycle: reading.complete,
            mapped: reading.mapped,
        };
        if reading.complete.is_some() {
            cluster.known = cluster.known.max(Some(reading.heard));
        }
        for pod in members {
            let Some(container) = pod.running() else {
                continue;
            };
            let started = pod.started();
            // What a cycle begun before the start tells is another container's.
            let stale = started.zip(reading.complete);
            let stale = stale.is_some_and(|(started, cycle)| cycle.began <= started);
            let held = reading.held.get(&pod.uid).copied();
            let held = held.filter(|_| !stale).unwrap_or_default();
            let worker = self.of_container(&pod.uid, container, reading.heard);
            let after_start = |cycle: &Cycle| cycle.began > started.unwrap_or(worker.first);
            let news = news.filter(after_start);
            worker.read(reading, held, news);
        }
    }

    /// Takes in a query list that can be trusted.
    pub fn list(&mut self, cluster: &ClusterId, list: Listed) {
        let seen = self.clusters.entry(cluster.clone()).or_default();
        if seen.list.is_some_and(|last| last.at >= list.at) {
            return;
        }
        let run = seen.empty.filter(|run| list.at.since(run.last) <= SAME_RUN);
        seen.empty = (list.unfinished == 0).then(|| Clear::extend(run, list.at));
        seen.list = Some(list);
    }

    /// Takes in the time in the newest query id of a list that was asked for at `at`.
    pub fn newest_query(&mut self, cluster: &ClusterId, at: Time, newest: Option<Time>) {
        let seen = self.clusters.entry(cluster.clone()).or_default();
        seen.query_ids.list(at, newest);
    }

    /// Takes in whether the workers of a cluster let themselves be drained.
    pub fn power(&mut self, cluster: &ClusterId, power: DrainPower) {
        self.clusters.entry(cluster.clone()).or_default().power = power;
    }

    /// Takes in whether the Trino that was looked at is too old to be drained.
    pub fn version(&mut self, uid: &str, sight: &Sight, too_old: bool) {
        self.of_container(uid, &sight.container, sight.at).too_old = too_old;
    }

    /// Whether a cluster is too old to be drained follows from its workers, which are replaced one by one.
    pub fn reconsider_one(&mut self, cluster: &ClusterId, world: &World) {
        let mut workers = world.members(cluster, Role::Worker);
        let old = workers.any(|pod| self.worker(pod).is_some_and(|seen| seen.too_old));
        let seen = self.clusters.entry(cluster.clone()).or_default();
        seen.power = match seen.power {
            _ if old => DrainPower::TooOld,
            DrainPower::TooOld => DrainPower::Unasked,
            power => power,
        };
    }

    /// Forgets clusters that are gone, and whether those that are left are too old.
    pub fn reconsider(&mut self, world: &World) {
        let known: HashSet<_> = world.clusters().cloned().collect();
        self.clusters.retain(|id, _| known.contains(id));
        let old = self.clusters.iter();
        let old = old.filter(|(_, seen)| seen.power == DrainPower::TooOld);
        for id in old.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.reconsider_one(&id, world);
        }
    }

    /// Takes in how long a worker took to drain.
    pub fn drained_in(&mut self, cluster: &ClusterId, took: Duration) {
        let seen = self.clusters.entry(cluster.clone()).or_default();
        seen.last_drain = Some(took);
        let shortest = seen.shortest_drain.map_or(took, |before| before.min(took));
        seen.shortest_drain = Some(shortest);
    }

    /// Takes in the proof that nothing was left on a worker, `asked` for after it had said DRAINED.
    pub fn prove(&mut self, uid: &str, container: &str, asked: Time) {
        let worker = self.of_container(uid, container, asked);
        let after = |since| asked >= since || mutant::is(Mutant::EarlyProof);
        if worker.drained_since().is_some_and(after) {
            worker.proof = worker.proof.max(Some(asked));
            worker.unproven = None;
        }
    }

    /// Takes in that a coordinator could be asked and still names tasks there.
    pub fn left(&mut self, uid: &str, container: &str, at: Time) {
        self.of_container(uid, container, at).unproven = None;
    }

    /// Takes in that the proof could not be read.
    pub fn cannot_prove(&mut self, uid: &str, container: &str, at: Time) {
        let worker = self.of_container(uid, container, at);
        worker.unproven.get_or_insert(at);
    }

    /// Forgets the pods that are gone.
    pub fn keep_only(&mut self, lives: impl Fn(&str) -> bool) {
        self.workers.retain(|uid, _| lives(uid));
    }

    /// What was seen of the pod's running container; `None` when nothing was.
    #[must_use]
    pub fn worker(&self, pod: &Pod) -> Option<&WorkerSeen> {
        let seen = self.workers.get(&pod.uid)?;
        (pod.running() == Some(seen.container.as_str())).then_some(seen)
    }

    /// What was seen of a cluster.
    #[must_use]
    pub fn cluster(&self, cluster: &ClusterId) -> &ClusterSeen {
        self.clusters.get(cluster).unwrap_or(&NOTHING)
    }

    /// What is at risk on a worker. Never ages: it ends when a later complete cycle, of the same supplier or of another
    /// while that one is silent, shows nothing.
    #[must_use]
    pub fn risk(&self, pod: &Pod, bounds: &Bounds, now: Time) -> Option<Risk> {
        let worker = self.worker(pod)?;
        let cluster = self.cluster(&pod.cluster);
        let exporter = worker.exporter.risk.filter(|risk| {
            let silent = cluster.exporter.is_silent(bounds, now);
            !(silent && worker.own.cleared_after(risk.heard))
        });
        let own = worker.own.risk.filter(|risk| {
            let silent = cluster.own.is_silent(bounds, now);
            !(silent && worker.exporter.cleared_after(risk.heard))
        });
        match (exporter, own) {
            (Some(one), Some(other)) => Some(one.worse(other)),
            (one, other) => one.or(other),
        }
    }

    /// The unbroken run of complete cycles without anything at risk on a worker; `None` while anybody says otherwise, or
    /// some task of the cluster has no pod.
    #[must_use]
    pub fn clear(&self, pod: &Pod, bounds: &Bounds, now: Time) -> Option<Clear> {
        if self.risk(pod, bounds, now).is_some()
            || !(self.cluster(&pod.cluster).is_mapped(bounds, now)
                || mutant::is(Mutant::ClearOnUnmapped))
        {
            return None;
        }
        let worker = self.worker(pod)?;
        let runs = [worker.exporter.clear, worker.own.clear];
        runs.into_iter().flatten().max_by_key(|run| run.last)
    }
}

impl Evidence {
    /// What is kept of this container; what was kept of another is forgotten.
    fn of_container(&mut self, uid: &str, container: &str, now: Time) -> &mut WorkerSeen {
        let worker = self.workers.entry(uid.to_owned()).or_default();
        if worker.container != container {
            **worker = WorkerSeen {
                container: container.to_owned(),
                first: now,
                ..WorkerSeen::default()
            };
        }
        worker
    }
}

impl WorkerSeen {
    fn look(&mut self, sight: &Sight) {
        if self.asked.is_some_and(|last| last > sight.at) {
            return;
        }
        self.asked = Some(sight.at);
        match sight.said {
            Said::State { state, starting } => self.answered(sight.at, state, starting),
            Said::Refused => {
                self.refusing.get_or_insert(sight.at);
                self.failing.get_or_insert(sight.at);
            }
            Said::Silent => {
                self.refusing = None;
                self.failing.get_or_insert(sight.at);
            }
        }
    }

    fn answered(&mut self, at: Time, state: NodeState, starting: bool) {
        let unbroken = |last: &Answer| at.since(last.at) <= UNBROKEN;
        let last = self.answer.filter(unbroken);
        if last.is_none() {
            self.leaving = None;
        }
        let same = last.filter(|last| last.state == state && last.starting == starting);
        if same.is_none() {
            // A proof is about one stay in DRAINED.
            (self.proof, self.unproven) = (None, None);
        }
        self.answer = Some(Answer {
            at,
            state,
            starting,
            since: same.map_or(at, |last| last.since),
        });
        let before = self.failing.is_some() || last.is_some_and(|last| last.starting);
        if !starting && !self.started && before {
            self.served = Some(at);
        }
        (self.refusing, self.failing) = (None, None);
        self.started |= !starting;
        match state {
            NodeState::Draining | NodeState::Drained => {
                self.leaving.get_or_insert(at);
            }
            NodeState::Active => (self.active, self.leaving) = (Some(at), None),
            _ => {}
        }
    }

    fn read(&mut self, reading: &Reading, held: Held, news: Option<Cycle>) {
        let drained = self.drained_since();
        let track = match reading.supplier {
            Supplier::Exporter => &mut self.exporter,
            Supplier::Own => &mut self.own,
        };
        if !held.is_nothing() {
            let (heard, began) = (reading.heard, reading.complete.map(|cycle| cycle.began));
            track.risk = Some(Risk { held, heard, began });
            track.clear = None;
            self.had_task = true;
            let later = |proof: &Time| reading.complete.is_some_and(|cycle| cycle.began > *proof);
            self.proof = self.proof.filter(|proof| !later(proof));
        } else if !reading.mapped && !mutant::is(Mutant::ClearOnUnmapped) {
            track.clear = None;
        } else if let Some(cycle) = news {
            track.risk = None;
            track.clear = Some(Clear::extend(track.clear, cycle.began));
            if drained.is_some_and(|since| cycle.began >= since || mutant::is(Mutant::EarlyProof)) {
                self.proof = self.proof.max(Some(cycle.began));
                self.unproven = None;
            }
        }
    }

    /// When this container was first heard of.
    #[must_use]
    pub const fn first(&self) -> Time {
        self.first
    }

    /// Since when it has said DRAINED, if that is what it said last.
    #[must_use]
    pub fn drained_since(&self) -> Option<Time> {
        let answer = self.answer?;
        (answer.state == NodeState::Drained).then_some(answer.since)
    }
}

impl Track {
    fn cleared_after(&self, heard: Time) -> bool {
        self.clear.is_some_and(|run| run.last > heard)
    }
}

impl Risk {
    const fn worse(self, other: Self) -> Self {
        if other.held.tasks() > self.held.tasks() {
            other
        } else {
            self
        }
    }
}

impl Told {
    fn is_news(&self, cycle: Cycle) -> bool {
        // The same cycle told again differs by what rounding does to its age.
        self.cycle
            .is_none_or(|last| cycle.began > last.began + SAME_CYCLE)
    }

    fn is_silent(&self, bounds: &Bounds, now: Time) -> bool {
        self.heard
            .is_none_or(|heard| now.since(heard) > bounds.lost)
    }
}

impl ClusterSeen {
    const fn told(&mut self, supplier: Supplier) -> &mut Told {
        match supplier {
            Supplier::Exporter => &mut self.exporter,
            Supplier::Own => &mut self.own,
        }
    }

    /// The last complete cycle that a supplier who still speaks told of.
    #[must_use]
    pub fn cycle(&self, bounds: &Bounds, now: Time) -> Option<Cycle> {
        let speaking = [self.exporter, self.own].into_iter();
        let cycles = speaking
            .filter(|told| !told.is_silent(bounds, now))
            .filter_map(|told| told.cycle);
        cycles.max_by_key(|cycle| cycle.began)
    }

    /// When a supplier was last heard of.
    #[must_use]
    pub const fn heard(&self, supplier: Supplier) -> Option<Time> {
        match supplier {
            Supplier::Exporter => self.exporter.heard,
            Supplier::Own => self.own.heard,
        }
    }

    /// Whether a supplier vouches for a complete cycle now.
    #[must_use]
    pub fn speaks(&self, supplier: Supplier, bounds: &Bounds, now: Time) -> bool {
        let told = match supplier {
            Supplier::Exporter => &self.exporter,
            Supplier::Own => &self.own,
        };
        told.cycle.is_some() && !told.is_silent(bounds, now)
    }

    /// Whether nothing is known of its queries: no supplier speaks, or none has read everything for a long time.
    #[must_use]
    pub fn is_unknown(&self, bounds: &Bounds, now: Time) -> bool {
        self.cycle(bounds, now).is_none()
    }

    /// Since when that is so, where it is; the epoch where nothing was ever known.
    #[must_use]
    pub fn unknown_since(&self, bounds: &Bounds, now: Time) -> Option<Time> {
        self.is_unknown(bounds, now)
            .then(|| self.known.unwrap_or_default())
    }

    /// Whether every supplier who still speaks knows the pod of each task.
    fn is_mapped(&self, bounds: &Bounds, now: Time) -> bool {
        let mut speaking = [self.exporter, self.own]
            .into_iter()
            .filter(|told| !told.is_silent(bounds, now));
        speaking.all(|told| told.mapped)
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
