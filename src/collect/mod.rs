//! The Trino adapter: polls coordinators, proves visibility, maps workers to pods and publishes snapshots.
//! Its client can only GET. Whoever needs buffer state starts one [`Collector`].

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::buffers::identity::Rules;
use crate::core::moment::Moment;

pub mod acquaintance;
pub mod api;
pub mod board;
pub mod body;
pub mod client;
pub mod clock;
pub mod counters;
pub mod credentials;
pub mod demand;
pub mod evidence;
pub mod failure;
pub mod kubernetes;
pub mod metric_text;
pub mod options;
pub mod plain;
pub mod poller;
pub mod prometheus;
pub mod strict;

use api::TrinoApi;
use board::Board;
use client::Client;
use clock::Clock;
use counters::Counters;
use demand::Demand;
use options::{Options, Target};
use poller::Poller;
use prometheus::{Matched, PrometheusSource};

/// A running collector: where its snapshots are and how to hurry it.
#[derive(Clone, Debug)]
pub struct Collector {
    /// The latest state of everything.
    pub board: Arc<Board>,
    /// What it counts about itself.
    pub counters: Counters,
    /// The Prometheus metric that maps workers.
    pub matched: Arc<Matched>,
    demands: Vec<Arc<Demand>>,
}

/// Work that a collector needs done until it is stopped.
pub type Task = (
    String,
    std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
);

/// All work of a collector.
pub struct Work {
    /// The mapping sources; a poller that starts before they have answered knows no pods at first.
    pub sources: Vec<Task>,
    /// One for each coordinator.
    pub pollers: Vec<Task>,
}

impl Collector {
    /// Prepares a collector and the work that it consists of; nothing runs until the caller spawns it.
    #[must_use]
    pub fn prepare(options: &Options, stop: &CancellationToken) -> (Self, Work) {
        let collector = Self::new(options);
        let sources = collector.source_tasks(options, stop);
        let targets = options.coordinators.iter().enumerate();
        let pollers = targets.map(|(index, target)| {
            let poller = collector.poller(index, target, options);
            let stop = stop.clone();
            let work = async move {
                poller.run(stop).await;
                Ok(())
            };
            let work: Task = (format!("poll {}", target.spec.name), Box::pin(work));
            work
        });
        let pollers = pollers.collect();
        (collector, Work { sources, pollers })
    }

    fn new(options: &Options) -> Self {
        let rules = Rules {
            mapping: options.mapping,
            has_source: options.kubernetes.is_some() || options.prometheus.is_some(),
        };
        let specs = options
            .coordinators
            .iter()
            .map(|target| target.spec.clone());
        let board = Board::new(Clock::start(), rules, options.stale_after, specs);
        let demand = |_: &Target| Arc::new(Demand::default());
        Self {
            board: Arc::new(board),
            counters: Counters::default(),
            matched: Arc::default(),
            demands: options.coordinators.iter().map(demand).collect(),
        }
    }

    fn source_tasks(&self, options: &Options, stop: &CancellationToken) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        if let Some(kubernetes) = options.kubernetes.clone() {
            let work = kubernetes::run(kubernetes, self.board.clone(), stop.clone());
            tasks.push(("watch pods".to_owned(), Box::pin(work)));
        }
        if let Some(prometheus) = options.prometheus.clone() {
            let port = options.worker_http_port;
            let source = PrometheusSource::new(prometheus, port, self.matched.clone());
            let (board, stop, interval) = (self.board.clone(), stop.clone(), options.poll_interval);
            let work = Box::pin(async move {
                source.run(board, interval, stop).await;
                Ok(())
            });
            tasks.push(("ask Prometheus".to_owned(), work));
        }
        tasks
    }

    fn poller(&self, index: usize, target: &Target, options: &Options) -> Poller {
        let client = Arc::new(Client::new(options.trino.clone()));
        let url = target.url.clone();
        Poller {
            index,
            target: target.clone(),
            api: TrinoApi::new(client, url, options.max_response_bytes, options.strict),
            workers: Arc::new(Client::new(evidence::worker_access(&options.trino))),
            worker_port: options.worker_http_port,
            interval: options.poll_interval,
            stale_after: options.stale_after,
            board: self.board.clone(),
            demand: self.demands[index].clone(),
            counters: self.counters.clone(),
        }
    }

    /// Waits until everything known is at most `max_age` old, or a cycle that began after the call has ended for
    /// each coordinator, or `patience` is over.
    pub async fn wait_for(&self, max_age: Duration, patience: Duration) {
        let asked = self.board.clock().now();
        let mut changes = self.board.subscribe();
        if self.serves(asked, max_age) {
            return;
        }
        for demand in &self.demands {
            demand.ask(max_age);
        }
        let served =
            async { while !self.serves(asked, max_age) && changes.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(patience, served).await;
    }

    fn serves(&self, asked: Moment, max_age: Duration) -> bool {
        self.board.serves(asked, max_age)
    }
}
