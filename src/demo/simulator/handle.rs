//! Starts and stops a simulated cluster and pulls its strings: workers come and go, queries are
//! submitted, clients stop and go on. It owns the sockets; it answers no request itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::config::{Bind, Clock, SimulatorConfig};
use super::http::listen::NodeServer;
use super::http::shared::Shared;
use super::http::traffic::Documents;
use super::http::{coordinator, worker};
use super::model::STEP;
use super::model::query::Query;
use super::model::worker::Refused;
use super::spec::{Client, QuerySpec};
use crate::trino::words::{NodeState, QueryState};

/// A running cluster. Dropping it closes its sockets.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    workers: Arc<Mutex<Workers>>,
    coordinator: Mutex<Option<NodeServer>>,
    ticker: JoinHandle<()>,
}

/// A worker as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// Pod name, which is the node id.
    pub name: String,
    /// `http://host:port`.
    pub uri: String,
    /// What it says of itself.
    pub state: NodeState,
    /// Whether its process runs.
    pub alive: bool,
}

/// Servers of workers, and where the next one goes.
#[derive(Debug, Default)]
struct Workers {
    servers: BTreeMap<String, NodeServer>,
    last_host: u8,
    port: u16,
}

/// Workers that a subnet has addresses for: all but the first and the last.
const HOSTS: u8 = 254;

impl Simulator {
    /// Starts a cluster on loopback addresses.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub async fn start(config: SimulatorConfig) -> io::Result<Self> {
        let address = SocketAddr::from((config.coordinator_host, config.coordinator_port));
        let listener = TcpListener::bind(address).await?;
        let (count, clock) = (config.workers, config.clock);
        let shared = Arc::new(Shared::new(config, listener.local_addr()?.to_string()));
        let server = NodeServer::start(listener, coordinator::router(Arc::clone(&shared)))?;
        let workers = Arc::default();
        let ticker = tokio::spawn(tick(Arc::clone(&shared), Arc::clone(&workers), clock));
        let simulator = Self {
            shared,
            workers,
            coordinator: Mutex::new(Some(server)),
            ticker,
        };
        for _ in 0..count {
            simulator.add_worker().await?;
        }
        Ok(simulator)
    }

    /// `http://host:port` of the coordinator.
    #[must_use]
    pub fn coordinator_uri(&self) -> String {
        format!("http://{}", self.shared.coordinator)
    }

    /// Lets a worker join and answers its name.
    ///
    /// # Errors
    /// When no address is left or it cannot be listened on.
    pub async fn add_worker(&self) -> io::Result<String> {
        let listener = self.listen().await?;
        let address = listener.local_addr()?;
        let name = self.shared.model().add_worker(address.to_string());
        self.serve(&name, listener)?;
        self.lock_workers().port = address.port();
        Ok(name)
    }

    /// Lets a worker join under a name that somebody else has chosen; answers its address.
    ///
    /// # Errors
    /// When a worker has that name, no address is left, or it cannot be listened on.
    pub async fn join_named(&self, name: &str) -> io::Result<SocketAddr> {
        let listener = self.listen().await?;
        let address = listener.local_addr()?;
        if !self.shared.model().join_worker(name, address.to_string()) {
            return Err(known(name));
        }
        self.serve(name, listener)?;
        self.lock_workers().port = address.port();
        Ok(address)
    }

    /// Lets a worker join under a name and at an address that somebody else has chosen.
    ///
    /// # Errors
    /// When a worker has that name, or the address cannot be listened on.
    pub async fn join_worker(&self, name: &str, address: SocketAddr) -> io::Result<()> {
        let listener = TcpListener::bind(address).await?;
        if !self.shared.model().join_worker(name, address.to_string()) {
            return Err(known(name));
        }
        self.serve(name, listener)
    }

    /// Ends a worker's process at once. Answers whether it was there.
    pub fn kill_worker(&self, name: &str) -> bool {
        let known = self.shared.model().kill_worker(name);
        self.lock_workers().servers.remove(name);
        known
    }

    /// Ends a worker as Trino's graceful shutdown does: grace period, last task, grace period.
    ///
    /// # Errors
    /// [`Refused`] when there is no such worker.
    pub fn remove_worker(&self, name: &str) -> Result<(), Refused> {
        self.set_worker_state(name, NodeState::ShuttingDown)
    }

    /// Sets a worker's state, whoever may do so over HTTP.
    ///
    /// # Errors
    /// [`Refused`] where Trino has no such transition or there is no such worker.
    pub fn set_worker_state(&self, name: &str, to: NodeState) -> Result<(), Refused> {
        self.shared.model().set_worker_state(name, to)
    }

    /// Leaves a task on a worker that never ends and that no query knows. Answers whether the worker is there.
    pub fn leak_task(&self, name: &str) -> bool {
        self.shared.model().leak_task(name)
    }

    /// All workers in the order in which they joined.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerView> {
        let view = |worker: &super::model::worker::Worker| WorkerView {
            name: worker.node.name.clone(),
            uri: format!("http://{}", worker.node.address),
            state: worker.state,
            alive: worker.is_alive(),
        };
        self.shared.model().workers().iter().map(view).collect()
    }

    /// Submits a query whose client lives in the simulator; answers its id.
    pub fn submit(&self, spec: QuerySpec) -> String {
        self.shared.model().submit(spec)
    }

    /// The client of a query stops reading, and stays. Answers whether the query is known.
    pub fn hold(&self, id: &str) -> bool {
        self.shared.model().set_client(id, Client::Held)
    }

    /// The client of a query reads on at this many pages a second.
    pub fn resume(&self, id: &str, pages_per_second: f64) -> bool {
        self.shared
            .model()
            .set_client(id, Client::Paced(pages_per_second))
    }

    /// Cancels a query.
    pub fn cancel(&self, id: &str) {
        self.shared.model().cancel(id);
    }

    /// State of a query, `None` when it is unknown or forgotten.
    #[must_use]
    pub fn query_state(&self, id: &str) -> Option<QueryState> {
        self.shared.model().query(id).map(|query| query.state)
    }

    /// A copy of a query's whole truth, for tests that compare.
    #[must_use]
    pub fn query(&self, id: &str) -> Option<Query> {
        self.shared.model().query(id).cloned()
    }

    /// Copies of all remembered queries.
    #[must_use]
    pub fn queries(&self) -> Vec<Query> {
        self.shared.model().queries().cloned().collect()
    }

    /// Names of the workers on which a task is not done whose output would be lost with its worker: the truth, not what
    /// the coordinator has heard.
    #[must_use]
    pub fn busy_workers(&self) -> BTreeSet<String> {
        let model = self.shared.model();
        let running = model.queries().filter(|query| !query.is_over());
        let tasks = running.flat_map(Query::tasks).map(|(_, task)| task);
        let at_risk =
            tasks.filter(|task| !task.live.state.is_done() && !task.live.kind.is_external());
        at_risk.map(|task| task.node.name.clone()).collect()
    }

    /// QueryInfos sent so far.
    #[must_use]
    pub fn documents(&self) -> Documents {
        self.shared.traffic.so_far()
    }

    /// A new coordinator process behind the same address: other ids, no queries.
    pub fn restart_coordinator(&self) {
        self.shared.model().restart_coordinator();
    }

    /// Ends the coordinator's process: its sockets are closed, its queries are forgotten.
    pub fn stop_coordinator(&self) {
        self.lock_coordinator().take();
        self.restart_coordinator();
    }

    /// Starts the coordinator again after [`Self::stop_coordinator`].
    ///
    /// # Errors
    /// When its address cannot be listened on.
    pub async fn start_coordinator(&self) -> io::Result<()> {
        let listener = TcpListener::bind(&self.shared.coordinator).await?;
        let router = coordinator::router(Arc::clone(&self.shared));
        self.shared.model().meet_workers();
        let server = NodeServer::start(listener, router)?;
        *self.lock_coordinator() = Some(server);
        Ok(())
    }

    /// Moves a manual clock.
    pub fn advance(&self, by: Duration) {
        self.shared.advance(by);
        self.bury_the_lost();
    }

    /// Closes all sockets and waits until nothing of the cluster runs any more.
    pub async fn shutdown(mut self) {
        self.ticker.abort();
        self.lock_workers().servers.clear();
        // An aborted task answers with an error; that it has ended is all that matters.
        let _ = (&mut self.ticker).await;
    }

    fn serve(&self, name: &str, listener: TcpListener) -> io::Result<()> {
        let router = worker::router(Arc::clone(&self.shared), name);
        let server = NodeServer::start(listener, router)?;
        self.lock_workers().servers.insert(name.to_owned(), server);
        Ok(())
    }

    /// Opens the next worker's listener, on the port of the last one where that is free.
    async fn listen(&self) -> io::Result<TcpListener> {
        let Bind::Addresses { subnet } = self.shared.config.bind else {
            return TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        };
        let (address, port) = {
            let mut workers = self.lock_workers();
            (workers.take_address(subnet)?, workers.port)
        };
        match TcpListener::bind((address, port)).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind((address, 0)).await,
        }
    }

    fn bury_the_lost(&self) {
        bury(&self.shared, &self.workers);
    }

    fn lock_coordinator(&self) -> MutexGuard<'_, Option<NodeServer>> {
        self.coordinator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_workers(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workers {
    /// The next address that no worker has. They are given out in turn, so that one that was left is not soon taken
    /// for its last owner.
    fn take_address(&mut self, subnet: u8) -> io::Result<IpAddr> {
        let taken: BTreeSet<_> = self.servers.values().map(|s| s.address.ip()).collect();
        let turn = (self.last_host..HOSTS).chain(0..self.last_host);
        let mut turn = turn.map(|host| (host + 1, IpAddr::from([127, 0, subnet, host + 1])));
        let free = turn.find(|(_, address)| !taken.contains(address));
        let none = || {
            io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "no loopback address is left for another worker",
            )
        };
        let (host, address) = free.ok_or_else(none)?;
        self.last_host = host;
        Ok(address)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}

fn known(name: &str) -> io::Error {
    let text = format!("a worker named {name} has joined before");
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// Moves a cluster that follows the real clock.
async fn tick(shared: Arc<Shared>, workers: Arc<Mutex<Workers>>, clock: Clock) {
    if clock == Clock::Manual {
        return;
    }
    let mut interval = tokio::time::interval(STEP);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        drop(shared.model());
        shared.tick();
        bury(&shared, &workers);
    }
}

/// Closes the sockets of workers whose process has ended.
fn bury(shared: &Shared, workers: &Mutex<Workers>) {
    let model = shared.model();
    let alive = |name: &str| {
        model
            .worker(name)
            .is_some_and(super::model::worker::Worker::is_alive)
    };
    let mut workers = workers.lock().unwrap_or_else(PoisonError::into_inner);
    workers.servers.retain(|name, _| alive(name));
}
