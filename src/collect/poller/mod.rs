//! The poll loop of one coordinator: list, read what is due, compare, report. One cycle at a time; the pause counts
//! from the end of a cycle, because a query's rest counts from the end of its read.

mod account;
mod sight;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::core::buffers::fold::Outcome;
use crate::core::buffers::ledger::{Closed, Due, Ledger};
use crate::core::buffers::listing::{ListFold, Listing};
use crate::core::buffers::pace::LastRead;
use crate::core::buffers::snapshot::{Problem, Report};
use crate::core::buffers::visibility::{Judge, Visibility};
use crate::trino::ids::is_query_id;

use super::acquaintance::Acquaintance;
use super::api::{Read, TrinoApi};
use super::board::Board;
use super::client::Client;
use super::clock::Clock;
use super::counters::{Counters, Of};
use super::demand::Demand;
use super::failure::Failure;
use super::options::Target;

/// Large documents are rendered in the coordinator's heap: two at a time do not hurt it.
const IN_FLIGHT: usize = 2;

/// Reads one coordinator for as long as the process lives.
#[derive(Debug)]
pub struct Poller {
    /// Its place on the board.
    pub index: usize,
    /// The coordinator.
    pub target: Target,
    /// How it is asked.
    pub api: TrinoApi,
    /// How its workers are asked.
    pub workers: Arc<Client>,
    /// Port of workers that only a mapping source knows.
    pub worker_port: u16,
    /// Pause between cycles.
    pub interval: Duration,
    /// See [`Ledger::new`].
    pub stale_after: Duration,
    /// Where reports go.
    pub board: Arc<Board>,
    /// Who can't wait.
    pub demand: Arc<Demand>,
    /// What is counted.
    pub counters: Counters,
}

/// What the poller knows from one cycle to the next.
struct Memory {
    ledger: Ledger,
    judge: Judge,
    known: Acquaintance,
    last: Option<Listing>,
    /// The verdict on visibility that the log knows.
    told: Option<Visibility>,
    /// Why the last read of a query failed, until it is read again.
    failing: BTreeMap<String, Problem>,
    of: Of,
}

/// What one cycle found on its way.
#[derive(Default)]
struct Findings {
    up: bool,
    problem: Option<Problem>,
}

impl Findings {
    /// The first problem of a cycle is the one that explains the others.
    fn note(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }
}

impl Poller {
    /// Polls until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut memory = self.memory();
        self.counters.begin(&memory.of);
        stop.run_until_cancelled(self.poll(&mut memory)).await;
    }

    fn memory(&self) -> Memory {
        Memory {
            ledger: Ledger::new(self.stale_after),
            judge: Judge::default(),
            known: Acquaintance::default(),
            last: None,
            told: None,
            failing: BTreeMap::new(),
            of: Of::from(&self.target.spec),
        }
    }

    async fn poll(&self, memory: &mut Memory) {
        loop {
            // Whoever is content with older facts lengthens nobody's interval.
            let interval = self.demand.pause(self.interval);
            self.demand.take();
            let started = self.clock().now();
            let report = self.cycle(memory, interval).await;
            self.account(memory, started, &report);
            self.board.report(self.index, started, report);
            self.pause().await;
        }
    }

    fn clock(&self) -> Clock {
        self.board.clock()
    }

    /// Waits for the interval, or for as long as the most impatient reader lets us.
    async fn pause(&self) {
        let ended = self.clock().now();
        loop {
            let pause = self.demand.pause(self.interval);
            let left = pause.saturating_sub(self.clock().now().since(ended));
            tokio::select! {
                () = tokio::time::sleep(left) => return,
                () = self.demand.changed() => {}
            }
        }
    }

    /// One cycle. `interval` is the least rest of a query since its last read.
    async fn cycle(&self, memory: &mut Memory, interval: Duration) -> Report {
        let mut findings = Findings::default();
        memory.ledger.open();
        match self.list(memory).await {
            Ok(listing) => {
                findings.up = true;
                let counted = self.count(memory, &listing).await;
                self.read(memory, interval, &mut findings).await;
                self.compare(memory, counted).await;
                memory.last = Some(listing);
            }
            Err(problem) => {
                let why = memory.of.why(problem.reason);
                self.counters.list_failed.get_or_create(&why).inc();
                findings.note(problem);
            }
        }
        let closed = memory.ledger.close(self.clock().now());
        Self::report(memory, closed, findings)
    }

    fn report(memory: &mut Memory, closed: Closed, findings: Findings) -> Report {
        for _ in 0..closed.contradictions.min(2) {
            memory.judge.contradicted();
        }
        let tracked = memory.ledger.tracked();
        memory.failing.retain(|id, _| tracked.contains(id));
        // A failed query that rests still leaves its gap, for the same reason.
        let resting = memory.failing.values().next().cloned();
        let by_state = memory.last.as_ref().map(|listing| listing.by_state.clone());
        Report {
            closed,
            judge: memory.judge.clone(),
            by_state: by_state.filter(|_| findings.up).unwrap_or_default(),
            up: findings.up,
            problem: findings.problem.or(resting),
            version: memory.known.version.clone(),
            node_id: memory.known.node_id.clone(),
        }
    }

    // === Listing ===

    async fn list(&self, memory: &mut Memory) -> Result<Listing, Problem> {
        if memory.known.meet(&self.api).await? {
            memory.ledger.restarted();
            Self::restart(memory, "its uptime");
        }
        let fold = ListFold::new(self.clock().now(), memory.ledger.tracked());
        let (listing, bytes) = self.api.list(fold).await.map_err(|failure| {
            self.count_parse_failure(&memory.of, &failure);
            failure.problem("reading the query list")
        })?;
        self.counters.bytes.get_or_create(&memory.of).inc_by(bytes);
        memory.known.began(listing.newest.as_deref())?;
        if memory.ledger.listed(&listing) {
            Self::restart(memory, "its query ids");
        }
        Ok(listing)
    }

    fn restart(memory: &mut Memory, shown_by: &str) {
        tracing::info!(
            coordinator = memory.of.coordinator,
            shown_by,
            "The coordinator was restarted; everything known about it is dropped"
        );
        memory.judge.restarted();
        memory.known.forget();
    }

    // === Reading ===

    async fn read(&self, memory: &mut Memory, interval: Duration, findings: &mut Findings) {
        let due = memory.ledger.due(self.clock().now(), interval);
        let resting = memory.ledger.tracked().len().saturating_sub(due.len());
        let rest = memory.of.why("resting");
        self.counters
            .skipped
            .get_or_create(&rest)
            .inc_by(resting as u64);
        let mut reads = stream::iter(due)
            .map(|due| self.read_one(due))
            .buffer_unordered(IN_FLIGHT);
        while let Some((due, read, outcome)) = reads.next().await {
            self.settle(memory, &due, read, outcome, findings);
        }
        drop(reads);
        if memory.ledger.has_gone() {
            self.confirm_gone(memory).await;
        }
    }

    /// Queries that vanished since they were listed are not in another list either.
    async fn confirm_gone(&self, memory: &mut Memory) {
        let fold = ListFold::new(self.clock().now(), memory.ledger.tracked());
        match self.api.list(fold).await {
            Ok((later, _)) => memory.ledger.confirm_gone(&later),
            Err(failure) => {
                tracing::debug!(error = %failure, "Could not confirm that a query is gone");
            }
        }
    }

    async fn read_one(&self, due: Due) -> (Due, LastRead, Result<(Read, u64), Failure>) {
        let started = self.clock().now();
        let outcome = self.api.query(&due).await;
        let ended = self.clock().now();
        (due, LastRead { started, ended }, outcome)
    }

    fn settle(
        &self,
        memory: &mut Memory,
        due: &Due,
        read: LastRead,
        outcome: Result<(Read, u64), Failure>,
        findings: &mut Findings,
    ) {
        memory.failing.remove(&due.id);
        match outcome {
            Ok((Read::Gone, _)) if memory.ledger.gone(&due.id, read) => {
                let why = memory.of.why("gone");
                self.counters.skipped.get_or_create(&why).inc();
            }
            Ok((Read::Gone, _)) => {
                self.settle_failure(memory, due, read, &Failure::StillListed, findings);
            }
            Ok((Read::Document(outcome), bytes)) => {
                self.counters.reads.get_or_create(&memory.of).inc();
                self.counters.bytes.get_or_create(&memory.of).inc_by(bytes);
                match outcome {
                    Outcome::Over => memory.ledger.over(&due.id),
                    Outcome::Facts(facts) => memory.ledger.facts(&due.id, read, facts),
                }
            }
            Err(failure) => self.settle_failure(memory, due, read, &failure, findings),
        }
    }

    fn settle_failure(
        &self,
        memory: &mut Memory,
        due: &Due,
        read: LastRead,
        failure: &Failure,
        findings: &mut Findings,
    ) {
        let why = memory.of.why(failure.reason());
        self.counters.failed.get_or_create(&why).inc();
        self.count_parse_failure(&memory.of, failure);
        tracing::warn!(
            coordinator = memory.of.coordinator,
            query_id = shown(&due.id),
            reason = failure.reason(),
            error = %failure,
            "Could not read a query; its last facts stay"
        );
        memory.ledger.failed(&due.id, read, failure.is_denied());
        let problem = failure.problem("reading a query");
        memory.failing.insert(due.id.clone(), problem.clone());
        findings.note(problem);
    }

    fn count_parse_failure(&self, of: &Of, failure: &Failure) {
        if let Failure::Parse(error) = failure {
            let why = of.why(error.reason());
            self.counters.parse_failures.get_or_create(&why).inc();
        }
    }
}

/// A query id for the log. What a server calls an id may be anything of any length.
fn shown(id: &str) -> &str {
    if is_query_id(id) {
        id
    } else {
        "(not a query id)"
    }
}
