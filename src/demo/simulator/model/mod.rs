//! The cluster as a pure state machine: workers, queries, tasks, buffers. Time comes in through
//! `advance`, chance from a seed, so the same calls always give the same cluster. It opens no
//! socket and reads no clock.

mod flow;
mod life;
pub mod query;
pub mod task;
pub mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use self::life::Surroundings;
use self::query::Query;
use self::task::Node;
use self::worker::{Refused, Worker};
use super::config::{SimulatorConfig, Timing};
use super::random::Random;
use super::spec::{Client, QuerySpec};
use super::wire::time::query_id_date;
use crate::trino::words::{NodeState, QueryState};

/// Time moves in steps of this length.
pub const STEP: Duration = Duration::from_millis(100);

/// Characters that Kubernetes puts into the random parts of pod names.
const POD_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Characters that Trino puts into a coordinator's id.
const COORDINATOR_ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Bytes of a finished task in a document (the captures' finished tasks of real queries: 50 kB).
pub const FINISHED_TASK_BYTES: u64 = 50_000;

/// The cluster.
#[derive(Debug)]
pub struct Model {
    timing: Timing,
    epoch_millis: i64,
    padding: u32,
    now: Duration,
    random: Random,
    deployment: String,
    coordinator: String,
    counter: u32,
    workers: Vec<Worker>,
    queries: BTreeMap<String, Query>,
}

impl Model {
    /// An empty cluster at time zero.
    #[must_use]
    pub fn new(config: &SimulatorConfig) -> Self {
        let mut random = Random::new(config.seed);
        let deployment = format!("trino-worker-{}", random.word(POD_ALPHABET, 9));
        let coordinator = random.word(COORDINATOR_ALPHABET, 5);
        let padding = config.document_bytes / FINISHED_TASK_BYTES;
        Self {
            timing: config.timing.clone(),
            epoch_millis: config.epoch_millis,
            padding: u32::try_from(padding).unwrap_or(u32::MAX),
            now: Duration::ZERO,
            random,
            deployment,
            coordinator,
            counter: 0,
            workers: Vec::new(),
            queries: BTreeMap::new(),
        }
    }

    /// Time since the start.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// The coordinator's id, the last part of its query ids.
    #[must_use]
    pub fn coordinator_id(&self) -> &str {
        &self.coordinator
    }

    /// All workers, lost ones included.
    #[must_use]
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// The worker of that name.
    #[must_use]
    pub fn worker(&self, name: &str) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.node.name == name)
    }

    /// All queries that the coordinator remembers, oldest id first.
    pub fn queries(&self) -> impl Iterator<Item = &Query> {
        self.queries.values()
    }

    /// One query, unless it is unknown or forgotten.
    #[must_use]
    pub fn query(&self, id: &str) -> Option<&Query> {
        self.queries.get(id)
    }

    /// Moves time to `now`, in steps; earlier times change nothing.
    pub fn advance(&mut self, now: Duration) {
        while self.now + STEP <= now {
            self.now += STEP;
            self.step();
        }
    }

    /// Lets a worker join; answers its name, which is a pod's.
    pub fn add_worker(&mut self, address: String) -> String {
        let name = format!("{}-{}", self.deployment, self.random.word(POD_ALPHABET, 5));
        self.join(name.clone(), address);
        name
    }

    /// Lets a worker join that has a name already. False when a worker has that name, or had it and is remembered.
    pub fn join_worker(&mut self, name: &str, address: String) -> bool {
        let is_new = self.worker(name).is_none();
        if is_new {
            self.join(name.to_owned(), address);
        }
        is_new
    }

    fn join(&mut self, name: String, address: String) {
        let node = Arc::new(Node { name, address });
        let poll = self.timing.node_poll.as_millis();
        let poll = poll.try_into().unwrap_or(u64::MAX);
        let first = Duration::from_millis(self.random.between(0, poll));
        self.workers
            .push(Worker::new(node, self.now, self.now + first));
    }

    /// The worker's process is gone, without a word. Answers whether it was there.
    pub fn kill_worker(&mut self, name: &str) -> bool {
        let now = self.now;
        let worker = self
            .workers
            .iter_mut()
            .find(|w| w.node.name == name && w.is_alive());
        worker.map(|worker| worker.lost = Some(now)).is_some()
    }

    /// Sets a worker's state as `PUT /v1/info/state` does.
    ///
    /// # Errors
    /// [`Refused`] where Trino has no such transition, or where there is no such worker.
    pub fn set_worker_state(&mut self, name: &str, to: NodeState) -> Result<(), Refused> {
        let (now, grace) = (self.now, self.timing.grace);
        let worker = self
            .workers
            .iter_mut()
            .find(|w| w.node.name == name && w.is_alive());
        worker.ok_or(Refused::Transition)?.set_state(to, now, grace)
    }

    /// Leaves a task on a worker that never ends and that no query knows. Answers whether the worker is there.
    pub fn leak_task(&mut self, name: &str) -> bool {
        let worker = self
            .workers
            .iter_mut()
            .find(|w| w.node.name == name && w.is_alive());
        worker.map(|worker| worker.leaked += 1).is_some()
    }

    /// Draws the id of the next query; it is no query yet.
    pub fn next_query_id(&mut self) -> String {
        let date = query_id_date(self.epoch_millis, self.now);
        let id = format!("{date}_{:05}_{}", self.counter, self.coordinator);
        self.counter += 1;
        id
    }

    /// Makes the query `id`, QUEUED.
    pub fn create_query(&mut self, id: String, spec: QuerySpec) {
        let query = Query {
            id: id.clone(),
            transaction: self.random.uuid(),
            spec,
            state: QueryState::Queued,
            created: self.now,
            started: None,
            ended: None,
            stages: Vec::new(),
            padding: self.padding,
            attempt: 0,
            pages_ready: 0,
            pages_fetched: 0,
            failure: None,
            due: self.now,
            last_contact: self.now,
            client_credit: 0.0,
        };
        self.queries.insert(id, query);
    }

    /// Makes a query and answers its id.
    pub fn submit(&mut self, spec: QuerySpec) -> String {
        let id = self.next_query_id();
        self.create_query(id.clone(), spec);
        id
    }

    /// Changes who reads a query's results. Answers whether it is known.
    pub fn set_client(&mut self, id: &str, client: Client) -> bool {
        let query = self.queries.get_mut(id);
        query.map(|query| query.spec.client = client).is_some()
    }

    /// Fails a query as its client's DELETE does.
    pub fn cancel(&mut self, id: &str) {
        let (now, workers) = (self.now, &self.workers);
        let alive = |name: &str| workers.iter().any(|w| w.node.name == name && w.is_alive());
        if let Some(query) = self.queries.get_mut(id).filter(|query| !query.is_over()) {
            query.fail(life::canceled(), now, &alive);
        }
    }

    /// The remote client shows up and takes one page if there is one. Answers the rows taken.
    pub fn fetch_page(&mut self, id: &str) -> u64 {
        let Some(query) = self.queries.get_mut(id) else {
            return 0;
        };
        query.last_contact = self.now;
        if query.pages_ready == 0 {
            return 0;
        }
        query.pages_ready -= 1;
        query.pages_fetched += 1;
        query.spec.rows_per_page
    }

    /// A new coordinator process: another id, no queries; workers drop their tasks.
    pub fn restart_coordinator(&mut self) {
        self.coordinator = self.random.word(COORDINATOR_ALPHABET, 5);
        self.counter = 0;
        self.queries.clear();
        self.meet_workers();
    }

    /// A coordinator's process begins: it remembers none of the lost, finds who is there, takes them for ACTIVE and asks later.
    pub fn meet_workers(&mut self) {
        self.workers.retain(Worker::is_alive);
        let poll = self.timing.node_poll.as_millis();
        let poll = poll.try_into().unwrap_or(u64::MAX);
        for worker in &mut self.workers {
            let first = Duration::from_millis(self.random.between(0, poll));
            worker.be_met(self.now + first);
        }
    }

    /// Forgets a worker that is lost and that no task names any more.
    fn forget_workers(&mut self) {
        let queries = &self.queries;
        let named = |name: &str| {
            let running = queries.values().filter(|query| !query.is_over());
            running
                .flat_map(Query::tasks)
                .any(|(_, task)| task.node.name == name)
        };
        self.workers
            .retain(|w| w.is_alive() || w.seen != NodeState::Gone || named(&w.node.name));
    }

    fn step(&mut self) {
        self.step_queries();
        self.step_workers();
        self.expire_history();
        if self.workers.iter().any(|worker| !worker.is_alive()) {
            self.forget_workers();
        }
    }

    fn step_queries(&mut self) {
        let schedulable: Vec<_> = self.workers.iter().filter(|w| w.is_schedulable()).collect();
        let nodes: Vec<_> = schedulable.iter().map(|w| Arc::clone(&w.node)).collect();
        let lost: BTreeMap<&str, Duration> = self
            .workers
            .iter()
            .filter_map(|w| w.lost.map(|at| (w.node.name.as_str(), at)))
            .collect();
        let (now, timeout) = (self.now, self.timing.loss_timeout);
        let around = Surroundings {
            now,
            step: STEP,
            timing: &self.timing,
            schedulable: &nodes,
            alive: &|name| !lost.contains_key(name),
            given_up: &|name| lost.get(name).is_some_and(|at| now >= *at + timeout),
        };
        for query in self.queries.values_mut() {
            query.step(&around, &mut self.random);
        }
    }

    fn step_workers(&mut self) {
        let (now, grace, poll) = (self.now, self.timing.grace, self.timing.node_poll);
        let queries = &self.queries;
        for worker in &mut self.workers {
            let busy = worker.state != NodeState::Active && is_busy(queries, &worker.node.name);
            worker.step(now, grace, busy);
            worker.be_polled(now, poll);
        }
    }

    fn expire_history(&mut self) {
        let ended = |query: &Query| query.ended.map(|at| (at, query.id.clone()));
        let mut over: Vec<_> = self.queries.values().filter_map(ended).collect();
        if over.len() <= self.timing.max_history {
            return;
        }
        over.sort();
        let surplus = over.len() - self.timing.max_history;
        for (at, id) in over.into_iter().take(surplus) {
            if self.now >= at + self.timing.history {
                self.queries.remove(&id);
            }
        }
    }
}

/// Whether a task on that node is not done.
fn is_busy(queries: &BTreeMap<String, Query>, node: &str) -> bool {
    let running = queries.values().filter(|query| !query.is_over());
    running
        .flat_map(Query::tasks)
        .any(|(_, task)| task.node.name == node && !task.live.state.is_done())
}

#[cfg(test)]
mod tests;
