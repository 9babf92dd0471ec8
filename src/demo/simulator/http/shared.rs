//! What all servers of one cluster share: the model behind its lock, the clock that moves it,
//! the statements under way. It keeps the lock for the length of a copy, never across a wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::statement::Statements;
use super::traffic::Traffic;
use crate::demo::simulator::config::{Clock, SimulatorConfig};
use crate::demo::simulator::model::Model;
use crate::demo::simulator::wire::context::Context;
use crate::demo::simulator::wire::templates::Templates;

/// The cluster behind its sockets.
#[derive(Debug)]
pub struct Shared {
    /// What was asked for.
    pub config: SimulatorConfig,
    /// `host:port` of the coordinator.
    pub coordinator: String,
    /// What the coordinator has sent.
    pub traffic: Arc<Traffic>,
    /// Statements by query id.
    pub statements: Mutex<Statements>,
    model: Mutex<Model>,
    templates: Arc<Templates>,
    started: Instant,
    ticks: watch::Sender<u64>,
}

impl Shared {
    /// A cluster whose coordinator listens on `coordinator`.
    #[must_use]
    pub fn new(config: SimulatorConfig, coordinator: String) -> Self {
        Self {
            coordinator,
            traffic: Arc::default(),
            statements: Mutex::default(),
            model: Mutex::new(Model::new(&config)),
            templates: Arc::new(Templates::of(config.version)),
            started: Instant::now(),
            ticks: watch::Sender::new(0),
            config,
        }
    }

    /// The model, moved to the present when it follows the real clock.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if self.config.clock == Clock::Real {
            model.advance(self.started.elapsed());
        }
        model
    }

    /// Moves the model by hand.
    pub fn advance(&self, by: Duration) {
        let mut model = self.model();
        let to = model.now() + by;
        model.advance(to);
        drop(model);
        self.tick();
    }

    /// Tells those who wait that the model has moved.
    pub fn tick(&self) {
        self.ticks.send_modify(|tick| *tick = tick.wrapping_add(1));
    }

    /// Changes whenever the model has moved.
    pub fn ticks(&self) -> watch::Receiver<u64> {
        self.ticks.subscribe()
    }

    /// What documents need beside their query.
    #[must_use]
    pub fn context(&self, model: &Model) -> Context {
        Context {
            version: self.config.version,
            templates: Arc::clone(&self.templates),
            epoch_millis: self.config.epoch_millis,
            now: model.now(),
            coordinator: self.coordinator.clone(),
            nodes: model
                .workers()
                .iter()
                .map(|worker| Arc::clone(&worker.node))
                .collect(),
        }
    }
}
