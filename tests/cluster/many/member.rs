//! One cluster of a run: its pods, its load, what is really on its workers. Starts it and ends it; what happens to it is
//! `act`'s business.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::Client;

use super::pods::Pods;
use super::truth::{Source, Truth};
use crate::load::{Load, Question, Report, WIDE};
use crate::simulated_load::SimulatedLoad;
use crate::trino_on_plane::{Spec, TrinoOnPlane};
use crate::world::World;

/// Queries under way on a simulated cluster.
const QUERIES: usize = 3;
/// Clients of a real one.
const CLIENTS: usize = 1;

/// What the client of a real cluster asks: a join on all workers whose rows are padded to 200 characters instead of 2000. It
/// is read slowly enough that buffers are held nearly all the time.
const ASKED: Question = Question {
    sql: "SELECT l.*, rpad('', 200, o.comment) FROM lineitem l JOIN orders o ON l.orderkey = o.orderkey",
    pause: Duration::from_secs(1),
    ..WIDE
};

/// A running cluster.
pub struct Member<'w> {
    pub world: &'w World,
    pub cluster: TrinoOnPlane,
    pub pods: Arc<Pods>,
    pub truth: Truth,
    /// Acts as the HorizontalPodAutoscaler.
    pub hpa: Client,
    /// What its start took, which is about what a replacement takes.
    pub started: Duration,
    /// How long its guard gives a coordinator to notice a drain.
    pub notice: Duration,
    load: Option<Queries>,
}

enum Queries {
    Simulated(SimulatedLoad),
    Real(Load),
}

impl<'w> Member<'w> {
    /// Starts a cluster, without load.
    pub async fn start(world: &'w World, spec: Spec, notice: Duration) -> Result<Self> {
        let begun = Instant::now();
        let (namespace, workers) = (spec.namespace, spec.workers);
        let cluster = TrinoOnPlane::start(world, spec).await?;
        let pods = Arc::new(Pods::follow(world.plane.client.clone(), namespace));
        pods.whole(workers).await?;
        let source = if cluster.spec.simulated {
            Source::Simulator(cluster.simulator(world).await?)
        } else {
            Source::Workers
        };
        let groups = [
            "system:serviceaccounts",
            "system:serviceaccounts:kube-system",
            "system:authenticated",
        ];
        let account = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
        Ok(Self {
            world,
            truth: Truth::watch(source, Arc::clone(&pods)),
            hpa: world.plane.access.acting_once_as(account, &groups).await?,
            pods,
            cluster,
            started: begun.elapsed(),
            notice,
            load: None,
        })
    }

    /// Begins the load.
    pub async fn ask(&mut self) -> Result<()> {
        self.load = Some(if self.cluster.spec.simulated {
            let simulator = self.cluster.simulator(self.world).await?;
            Queries::Simulated(SimulatedLoad::start(&simulator, QUERIES))
        } else {
            Queries::Real(Load::start(&self.cluster.client(), CLIENTS, ASKED))
        });
        Ok(())
    }

    /// What became of the queries until now; nothing of a cluster without load.
    pub fn queries(&self) -> Report {
        match &self.load {
            Some(Queries::Simulated(load)) => load.so_far(),
            Some(Queries::Real(load)) => load.so_far(),
            None => Report::default(),
        }
    }

    /// Whether queries that end are followed by others. Real clients don't pause.
    pub fn pause(&self, paused: bool) {
        if let Some(Queries::Simulated(load)) = &self.load {
            load.pause(paused);
        }
    }

    /// Lets the queries end. The cluster goes with its control plane. Fails when any of all its queries failed.
    pub async fn end(mut self) -> Result<u64> {
        let report = match self.load.take() {
            Some(Queries::Simulated(load)) => load.finish().await?,
            Some(Queries::Real(load)) => load.finish().await?,
            None => Report::default(),
        };
        ensure!(report.is_clean(), "{}: {report}", self.name());
        Ok(report.finished)
    }

    /// Its namespace.
    pub const fn name(&self) -> &'static str {
        self.cluster.spec.namespace
    }
}
