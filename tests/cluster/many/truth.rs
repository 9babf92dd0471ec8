//! When each worker was last seen to hold a task whose output would be lost with it: read from the simulator itself or from
//! the real workers, never from the guard.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::task::JoinHandle;
use xtrinode::demo::simulator::Simulator;

use super::pods::Pods;
use crate::trino::Version;
use crate::worker_truth;

/// Between two looks. Costs are given with this precision.
const LOOK: Duration = Duration::from_secs(1);

/// Where the truth is.
pub enum Source {
    Simulator(Arc<Simulator>),
    /// Each worker's own list of tasks, asked as its coordinator does.
    Workers,
}

/// Looks as long as it lives.
pub struct Truth {
    busy: Arc<Mutex<HashMap<String, Instant>>>,
    task: JoinHandle<()>,
}

impl Drop for Truth {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Truth {
    /// Begins to look at the workers among these pods.
    pub fn watch(source: Source, pods: Arc<Pods>) -> Self {
        let busy = Arc::<Mutex<HashMap<String, Instant>>>::default();
        let task = tokio::spawn(look(source, pods, Arc::clone(&busy)));
        Self { busy, task }
    }

    /// When the worker with this uid was last seen with a task at risk.
    pub fn last_busy(&self, uid: &str) -> Option<Instant> {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.get(uid).copied()
    }
}

async fn look(source: Source, pods: Arc<Pods>, busy: Arc<Mutex<HashMap<String, Instant>>>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let workers = pods.of("worker");
        let held = match &source {
            Source::Simulator(simulator) => simulator.busy_workers(),
            Source::Workers => real(&workers).await,
        };
        let now = Instant::now();
        let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
        for pod in workers.iter().filter(|pod| held.contains(&pod.name_any())) {
            busy.insert(pod.uid().unwrap_or_default(), now);
        }
    }
}

/// The names of real workers that hold something. One that does not answer says nothing.
async fn real(workers: &[Pod]) -> BTreeSet<String> {
    let mut held = BTreeSet::new();
    for pod in workers {
        let status = pod.status.as_ref();
        let Some(address) = status.and_then(|status| status.pod_ip.as_deref()) else {
            continue;
        };
        let (url, name) = (format!("http://{address}:8080"), pod.name_any());
        let tasks = worker_truth::tasks_at(&url, Version::Nested, &name).await;
        if tasks.is_ok_and(|tasks| tasks.iter().any(worker_truth::Task::is_at_risk)) {
            held.insert(name);
        }
    }
    held
}
