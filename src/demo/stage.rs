//! Everything of the demo but the screen: simulated cluster, exporter, Kubernetes, guard, clients, disruptions. Decides in
//! which order they come and go, and what the run came to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::casualties::Casualties;
use super::disruptions::Disruptions;
use super::disruptions::board::{self, Board};
use super::guarding::Guarding;
use super::kubernetes::api::{Api, Count};
use super::kubernetes::store::Store;
use super::kubernetes::{Controllers, objects};
use super::players::{self, Players};
use super::simulator::{Access, Bind, Simulator, SimulatorConfig, Timing, Users};
use super::wiring::Watcher;
use crate::cluster::calendar::Calendar;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::world::World;
use crate::trino::words::QueryState;

/// How often queries are looked over.
const LOOK: Duration = Duration::from_millis(250);

/// What is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Workers of the cluster.
    pub workers: u16,
    /// Clients, each with one query at a time.
    pub queries: u16,
    /// Decides names, and the order of disruptions.
    pub seed: u64,
    /// Whether the guard is asked.
    pub guarded: bool,
    /// So many disruptions at most; `None` goes on until stopped.
    pub disruptions: Option<u32>,
    /// Length of a query's document; 0 leaves it as it is.
    pub document_bytes: u64,
    /// The exporter's port; 0 takes any free one.
    pub port: u16,
}

/// What has happened so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Disruptions.
    pub disruptions: board::Reading,
    /// Requests to Kubernetes.
    pub requests: Count,
    /// Removed workers that were drained before.
    pub drained: u64,
    /// What the last refusal said.
    pub last_refusal: Option<String>,
    /// What clients saw.
    pub queries: players::Count,
    /// Queries that were killed.
    pub killed: usize,
    /// Of those, how many failed with which error already.
    pub errors: BTreeMap<&'static str, usize>,
}

/// Everything at work.
#[derive(Debug)]
pub struct Stage {
    /// The simulated cluster.
    pub simulator: Arc<Simulator>,
    /// The real exporter, watching.
    pub watcher: Watcher,
    api: Api,
    board: Arc<Board>,
    guarding: Option<Guarding>,
    players: Players,
    controllers: Controllers,
    casualties: Arc<Mutex<Casualties>>,
    exporter: JoinHandle<anyhow::Result<()>>,
    /// `None` once somebody has waited for it.
    disruptions: Option<JoinHandle<()>>,
    counting: JoinHandle<()>,
}

impl Stage {
    /// Starts everything; `stop` ends it.
    ///
    /// # Errors
    /// When a port can't be used.
    pub async fn set(script: &Script, stop: &CancellationToken) -> anyhow::Result<Self> {
        let simulator = Simulator::start(cluster(script)).await;
        let simulator = Arc::new(simulator.context("cannot start the simulator")?);
        let api = Api::new(objects_of(script, &simulator)?);
        let controllers = Controllers::start(&api, &simulator, stop);
        whole(&api, script.workers, stop).await;
        let uri = simulator.coordinator_uri();
        let players = Players::start(&uri, script.queries, script.workers, stop)?;
        if script.queries > 0 {
            // Of a cluster where nothing ever ran the exporter could prove nothing, and would warn of it.
            running(&simulator, stop).await;
        }
        let (watcher, exporter) = Watcher::prepare(&simulator, script.port, stop).await?;
        let exporter = tokio::spawn(exporter.run());
        let guarding = if script.guarded {
            Some(Guarding::start(&api, watcher.url(), stop)?)
        } else {
            None
        };
        let disruptions = Disruptions::new(&api, script.workers, script.seed);
        let board = disruptions.board();
        let run = disruptions.run(script.disruptions, stop.clone());
        let casualties = Arc::default();
        Ok(Self {
            board,
            disruptions: Some(tokio::spawn(run)),
            counting: tokio::spawn(count(
                Arc::clone(&simulator),
                Arc::clone(&casualties),
                stop.clone(),
            )),
            simulator,
            watcher,
            api,
            guarding,
            players,
            controllers,
            casualties,
            exporter,
        })
    }

    /// What has happened so far.
    #[must_use]
    pub fn news(&self) -> News {
        let casualties = lock(&self.casualties);
        News {
            disruptions: self.board.read(),
            requests: self.api.count(),
            drained: self.controllers.drained(),
            last_refusal: self.api.last_refusal(),
            queries: self.players.score.read(),
            killed: casualties.count(),
            errors: casualties.by_error(),
        }
    }

    /// Waits until all disruptions of the script are done.
    ///
    /// # Errors
    /// When whoever asks for them has died.
    pub async fn disrupted(&mut self) -> anyhow::Result<()> {
        let Some(disruptions) = self.disruptions.take() else {
            return Ok(());
        };
        disruptions.await.context("the disruptions ended early")
    }

    /// Ends everything after `stop` was cancelled, and answers what it came to.
    ///
    /// # Errors
    /// When the exporter failed.
    pub async fn end(self) -> anyhow::Result<News> {
        // What was under way is no part of the account; what its clients wait for in vain is.
        lock(&self.casualties).look(&self.simulator);
        let news = self.news();
        self.players.leave().await;
        if let Some(guarding) = self.guarding {
            guarding.end().await;
        }
        self.controllers.end().await;
        for task in self.disruptions.into_iter().chain([self.counting]) {
            task.await.context("a part of the demo ended early")?;
        }
        let served = self.exporter.await.context("the exporter ended early")?;
        if let Ok(simulator) = Arc::try_unwrap(self.simulator) {
            simulator.shutdown().await;
        }
        served.map(|()| news)
    }
}

/// Waits until so many workers serve, or for `stop`.
async fn whole(api: &Api, workers: u16, stop: &CancellationToken) {
    until(stop, || {
        let ready = |world: &World| {
            world
                .pods()
                .filter(|pod| pod.ready && is_worker(pod))
                .count()
        };
        api.store().read(ready) >= usize::from(workers)
    })
    .await;
}

/// Waits until a query runs, or for `stop`.
async fn running(simulator: &Simulator, stop: &CancellationToken) {
    until(stop, || {
        let queries = simulator.queries();
        queries
            .iter()
            .any(|query| query.state == QueryState::Running)
    })
    .await;
}

async fn until(stop: &CancellationToken, holds: impl Fn() -> bool) {
    while !holds() && !stop.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_worker(pod: &Pod) -> bool {
    pod.role == Role::Worker
}

/// Looks for killed queries until `stop`.
async fn count(
    simulator: Arc<Simulator>,
    casualties: Arc<Mutex<Casualties>>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        lock(&casualties).look(&simulator);
        // Being stopped meanwhile is told by the next look.
        let _ = tokio::time::timeout(LOOK, stop.cancelled()).await;
    }
}

/// The objects at the beginning: workers are still to be made.
fn objects_of(script: &Script, simulator: &Simulator) -> anyhow::Result<Store> {
    let store = Store::new(script.seed, Calendar::start());
    let address = Url::parse(&simulator.coordinator_uri())?;
    let sockets = address.socket_addrs(|| None)?;
    let socket = sockets.first().context("the coordinator has no address")?;
    store.write(|world| world.put_namespace(objects::NAMESPACE.to_owned(), objects::namespace()));
    for node in objects::node_names(script.workers) {
        store.add_node(node);
    }
    store.add_pod(objects::coordinator(*socket, store.now()));
    store.put_workload(objects::deployment(script.workers.into(), store.now()));
    Ok(store)
}

/// The cluster of the demo: everybody may do everything, so that a viewer can drain by hand.
fn cluster(script: &Script) -> SimulatorConfig {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    SimulatorConfig {
        seed: script.seed,
        workers: 0,
        // A rollout has a quarter more workers for a while.
        bind: if script.workers > 200 {
            Bind::Ports
        } else {
            Bind::default()
        },
        timing: timing(),
        access: Access {
            write_system: Users::Everyone,
            ..Access::default()
        },
        document_bytes: script.document_bytes,
        epoch_millis: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
        ..SimulatorConfig::default()
    }
}

/// Shorter than Trino's own, so that a viewer sees several disruptions and what they did: the greeting says so.
fn timing() -> Timing {
    Timing {
        grace: Duration::from_secs(1),
        node_poll: Duration::from_millis(500),
        task_info_interval: Duration::from_secs(1),
        loss_timeout: Duration::from_secs(3),
        ..Timing::default()
    }
}

fn lock(casualties: &Mutex<Casualties>) -> MutexGuard<'_, Casualties> {
    casualties.lock().unwrap_or_else(PoisonError::into_inner)
}
