//! What Kubernetes does for the demo, in memory: objects with versions, an API server that asks the guard, controllers,
//! kubelets. `store` keeps, `api` answers users and controllers, the rest are the controllers. No part of it decides
//! what may be removed: that is the guard's, or nobody's.

pub mod api;
mod deployment;
mod kubelet;
pub mod objects;
pub mod pen;
mod replicaset;
pub mod reviews;
mod scheduler;
pub mod store;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::api::Api;
use self::deployment::Deployments;
use self::kubelet::Kubelet;
use self::replicaset::ReplicaSets;
use self::scheduler::Scheduler;
use crate::demo::simulator::Simulator;

/// The running controllers. Dropping it ends them.
#[derive(Debug)]
pub struct Controllers(JoinSet<()>);

impl Controllers {
    /// Starts all controllers; `stop` ends them.
    #[must_use]
    pub fn start(api: &Api, simulator: &Arc<Simulator>, stop: &CancellationToken) -> Self {
        let mut running = JoinSet::new();
        let kubelet = Kubelet::new(api.store().clone(), Arc::clone(simulator));
        running.spawn(Deployments::new(api.store().clone()).run(stop.clone()));
        running.spawn(Scheduler::new(api.store().clone()).run(stop.clone()));
        running.spawn(ReplicaSets::new(api.clone()).run(stop.clone()));
        running.spawn(kubelet.run(stop.clone()));
        Self(running)
    }

    /// Waits until all have ended.
    pub async fn end(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}
