//! The facts of one coordinator, query by query: which are due for a read, which are missing, and whether a cycle
//! is complete. A query leaves only on Trino's word; a failed read keeps what was last known.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::core::moment::Moment;
use crate::trino::ids::coordinator_suffix;
use crate::trino::words::RetryPolicy;

use super::address::WorkerKey;
use super::fold::QueryFacts;
use super::holdings::WorkerHoldings;
use super::listing::Listing;
use super::pace::LastRead;

/// What each worker holds, by the worker's key.
pub type Held = BTreeMap<WorkerKey, WorkerHoldings>;

/// The facts of one coordinator.
#[derive(Debug)]
pub struct Ledger {
    /// Without a complete cycle for this long, nothing is known any more.
    stale_after: Duration,
    start: Option<String>,
    queries: BTreeMap<String, Entry>,
    image: Option<Image>,
    cycle: Cycle,
    coordinator: String,
    secure: bool,
    restarts: u64,
}

#[derive(Debug, Default)]
struct Entry {
    retry: Option<RetryPolicy>,
    facts: Option<(Moment, QueryFacts)>,
    last: Option<LastRead>,
    failed: bool,
    /// The list no longer shows it and does not say that it ended.
    unlisted: bool,
    /// The coordinator answered that it does not know it.
    gone: bool,
}

/// What the workers held when everything was known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Image {
    held: Held,
    as_of: Moment,
    closed: Moment,
}

#[derive(Debug, Default)]
struct Cycle {
    listed: Option<Moment>,
    contradictions: u64,
}

/// A query that may be read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The query id.
    pub id: String,
    /// Its retry policy as listed.
    pub retry: Option<RetryPolicy>,
}

/// How much is known about one coordinator's queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coverage {
    /// The last cycle listed and read everything.
    Complete,
    /// The last cycle had a gap; what is shown is the last that was known.
    Partial,
    /// Never known, or not for too long.
    Unknown,
}

impl Coverage {
    /// Every value, in metric order.
    pub const ALL: [Self; 3] = [Self::Complete, Self::Partial, Self::Unknown];

    /// The metric label and JSON value.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
        }
    }
}

/// How a cycle ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Whether the list was read and each query's last read succeeded.
    pub whole: bool,
    /// Whether the list was read and each query has facts: idle means idle.
    pub known: bool,
    /// What each worker holds: current facts, and the last complete value where the current ones prove nothing.
    pub held: Held,
    /// Age reference of the last complete cycle: the moment its oldest fact was asked for.
    pub as_of: Option<Moment>,
    /// When the last complete cycle ended.
    pub completed: Option<Moment>,
    /// Queries whose existence contradicts the list: it no longer shows them, yet they have not ended.
    pub contradictions: u64,
    /// The coordinator's `host:port` as it calls itself; empty while unknown.
    pub coordinator: String,
    /// Restarts of the coordinator that were seen: its workers of before are not known to be its own any more.
    pub restarts: u64,
}

impl Ledger {
    /// An empty ledger: nothing is known.
    #[must_use]
    pub fn new(stale_after: Duration) -> Self {
        Self {
            stale_after,
            start: None,
            queries: BTreeMap::new(),
            image: None,
            cycle: Cycle::default(),
            coordinator: String::new(),
            secure: false,
            restarts: 0,
        }
    }

    /// The coordinator's `host:port` as it calls itself; empty while unknown.
    #[must_use]
    pub fn coordinator(&self) -> &str {
        &self.coordinator
    }

    /// Whether nodes of this cluster speak https with each other, as far as documents told.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Ids of the queries that the ledger follows.
    #[must_use]
    pub fn tracked(&self) -> HashSet<String> {
        self.queries.keys().cloned().collect()
    }

    /// Workers that run tasks, as far as facts go.
    pub fn workers(&self) -> impl Iterator<Item = &WorkerKey> {
        let facts = self
            .queries
            .values()
            .filter_map(|entry| entry.facts.as_ref());
        facts.flat_map(|(_, facts)| facts.workers.iter().map(|(worker, _)| worker))
    }

    /// Starts a cycle.
    pub fn open(&mut self) {
        self.cycle = Cycle::default();
    }

    /// Forgets everything: the coordinator that told it is gone.
    pub fn restarted(&mut self) {
        self.queries.clear();
        self.image = None;
        self.start = None;
        self.coordinator.clear();
        self.restarts += 1;
    }

    /// Takes this cycle's query list. True when it shows that the coordinator was restarted.
    pub fn listed(&mut self, listing: &Listing) -> bool {
        let start = listing.newest.as_deref().and_then(coordinator_suffix);
        let restarted = matches!((start, &self.start), (Some(new), Some(old)) if new != old);
        if restarted {
            self.restarted();
        }
        if let Some(start) = start {
            self.start = Some(start.to_owned());
        }
        self.cycle.listed = Some(listing.asked);
        self.queries.retain(|id, _| !listing.ended.contains(id));
        for entry in self.queries.values_mut() {
            entry.unlisted = true;
        }
        for query in &listing.active {
            let entry = self.queries.entry(query.id.clone()).or_default();
            entry.retry = query.retry;
            entry.unlisted = false;
        }
        self.queries
            .retain(|_, entry| !(entry.gone && entry.unlisted));
        restarted
    }

    /// Queries whose rest is over. `interval` as in [`LastRead::next`].
    #[must_use]
    pub fn due(&self, now: Moment, interval: Duration) -> Vec<Due> {
        let rested = |entry: &Entry| entry.last.is_none_or(|last| last.next(interval) <= now);
        self.queries
            .iter()
            .filter(|(_, entry)| rested(entry))
            .map(|(id, entry)| Due {
                id: id.clone(),
                retry: entry.retry,
            })
            .collect()
    }

    /// A read proved what the query holds.
    pub fn facts(&mut self, id: &str, read: LastRead, facts: QueryFacts) {
        if !facts.coordinator.is_empty() {
            self.coordinator.clone_from(&facts.coordinator);
            self.secure = facts.secure;
        }
        if let Some(entry) = self.queries.get_mut(id) {
            self.cycle.contradictions += u64::from(entry.unlisted);
            entry.facts = Some((read.started, facts));
            entry.last = Some(read);
            entry.failed = false;
            entry.gone = false;
        }
    }

    /// The coordinator does not know a query that it listed. What was known of it stays until the next list: if that
    /// still shows the query, it never went. False when it was said before of a query that is listed again.
    #[must_use]
    pub fn gone(&mut self, id: &str, read: LastRead) -> bool {
        let Some(entry) = self.queries.get_mut(id) else {
            return true;
        };
        if entry.unlisted {
            self.queries.remove(id);
            return true;
        }
        let first = !entry.gone;
        entry.gone = true;
        entry.last = Some(read);
        first
    }

    /// Whether another list would tell which of the queries that are said to be gone really are.
    #[must_use]
    pub fn has_gone(&self) -> bool {
        self.queries.values().any(|entry| entry.gone)
    }

    /// Drops the queries that are said to be gone and that a later list of the same cycle does not show either.
    pub fn confirm_gone(&mut self, later: &Listing) {
        let shown: HashSet<&str> = later.active.iter().map(|query| query.id.as_str()).collect();
        self.queries
            .retain(|id, entry| !entry.gone || shown.contains(id.as_str()));
    }

    /// Trino says that the query is over.
    pub fn over(&mut self, id: &str) {
        self.queries.remove(id);
    }

    /// A read failed. `denied`: Trino knows the query and won't show it.
    pub fn failed(&mut self, id: &str, read: LastRead, denied: bool) {
        self.cycle.contradictions += u64::from(denied);
        if let Some(entry) = self.queries.get_mut(id) {
            entry.last = Some(read);
            entry.failed = true;
        }
    }

    /// Ends the cycle.
    pub fn close(&mut self, now: Moment) -> Closed {
        if let Some(listed) = self.cycle.listed.filter(|_| self.all_known(now)) {
            self.image = Some(Image {
                held: self.current(),
                as_of: self.oldest_fact().map_or(listed, |fact| fact.min(listed)),
                closed: now,
            });
        }
        Closed {
            whole: self.is_whole(now),
            known: self.cycle.listed.is_some() && self.all_known(now),
            held: self.shown(now),
            as_of: self.image.as_ref().map(|image| image.as_of),
            completed: self.image.as_ref().map(|image| image.closed),
            contradictions: self.cycle.contradictions,
            coordinator: self.coordinator.clone(),
            restarts: self.restarts,
        }
    }

    fn is_whole(&self, now: Moment) -> bool {
        let no_failure = self.queries.values().all(|entry| !entry.failed);
        self.cycle.listed.is_some() && no_failure && self.all_known(now)
    }

    fn all_known(&self, now: Moment) -> bool {
        self.queries.values().all(|entry| self.is_known(entry, now))
    }

    /// Facts that could not be renewed expire; facts that merely rest do not.
    fn is_known(&self, entry: &Entry, now: Moment) -> bool {
        let expired = |at: Moment| entry.failed && now.since(at) > self.stale_after;
        match &entry.facts {
            Some((at, _)) => !expired(*at),
            None => false,
        }
    }

    fn oldest_fact(&self) -> Option<Moment> {
        let facts = self
            .queries
            .values()
            .filter_map(|entry| entry.facts.as_ref());
        facts.map(|(at, _)| *at).min()
    }

    fn current(&self) -> Held {
        let mut held = Held::new();
        for (_, facts) in self
            .queries
            .values()
            .filter_map(|entry| entry.facts.as_ref())
        {
            let recoverable = facts.retry == RetryPolicy::Query;
            for (worker, holdings) in &facts.workers {
                held.entry(worker.clone())
                    .or_default()
                    .add(holdings, recoverable);
            }
        }
        held
    }

    /// Current facts. Where a cycle has gaps, a worker that they show idle may not be: it keeps its last complete value.
    fn shown(&self, now: Moment) -> Held {
        let mut held = self.current();
        if self.cycle.listed.is_some() && self.all_known(now) {
            return held;
        }
        held.retain(|_, holdings| holdings.at_risk() > 0);
        for (worker, last) in self.image.iter().flat_map(|image| &image.held) {
            held.entry(worker.clone()).or_insert(*last);
        }
        held
    }
}

/// How much is known at `now`, from how the last cycle ended.
#[must_use]
pub fn coverage(closed: &Closed, now: Moment, stale_after: Duration) -> Coverage {
    match closed.completed {
        Some(completed) if now.since(completed) <= stale_after => {
            if closed.whole {
                Coverage::Complete
            } else {
                Coverage::Partial
            }
        }
        _ => Coverage::Unknown,
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
