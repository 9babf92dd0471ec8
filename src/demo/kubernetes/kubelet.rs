//! The kubelets of all nodes: start the workers of bound pods, call them Ready, and end them on SIGTERM. Trino does not wait
//! on SIGTERM: whatever the worker held is lost then. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::objects;
use super::store::Store;
use crate::core::guard::facts::pod::{Phase, Pod, Role};
use crate::demo::simulator::Simulator;

/// How often it looks.
const TICK: Duration = Duration::from_millis(50);

/// From the container's start until Trino serves; real ones take 10 to 30 s.
pub(super) const START_UP: Duration = Duration::from_millis(1500);

/// From the deletion until the process is gone.
const STOPPING: Duration = Duration::from_millis(300);

/// The kubelets.
#[derive(Debug)]
pub(super) struct Kubelet {
    store: Store,
    simulator: Arc<Simulator>,
}

/// What is to be done for a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start,
    Serve,
    Stop,
}

impl Kubelet {
    pub(super) const fn new(store: Store, simulator: Arc<Simulator>) -> Self {
        Self { store, simulator }
    }

    /// Works until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                self.step().await;
                tokio::time::sleep(TICK).await;
            }
        })
        .await;
    }

    async fn step(&self) {
        let now = self.store.now();
        let due = self.store.read(|world| {
            let workers = world.pods().filter(|pod| pod.role == Role::Worker);
            let due = workers.filter_map(|pod| Some((pod.clone(), step_of(pod, now)?)));
            due.collect::<Vec<_>>()
        });
        for (pod, step) in due {
            match step {
                Step::Start => self.start(&pod),
                Step::Serve => self.serve(&pod).await,
                Step::Stop => self.stop(&pod),
            }
        }
    }

    fn start(&self, pod: &Pod) {
        let container = objects::container(&pod.name.name, self.store.now());
        self.store
            .change_pod(&pod.uid, |pod| pod.container = Some(container));
    }

    async fn serve(&self, pod: &Pod) {
        let address = match self.simulator.join_named(&pod.name.name).await {
            Ok(address) => address,
            Err(error) => {
                tracing::warn!(pod = %pod.name, %error, "A worker could not start");
                return;
            }
        };
        let now = self.store.now();
        self.store.change_pod(&pod.uid, |pod| {
            (pod.phase, pod.ready, pod.ready_changed) = (Phase::Running, true, Some(now));
            (pod.ip, pod.port) = (Some(address.ip()), Some(address.port()));
        });
    }

    fn stop(&self, pod: &Pod) {
        self.simulator.kill_worker(&pod.name.name);
        self.store.drop_pod(pod);
    }
}

fn step_of(pod: &Pod, now: crate::core::guard::time::Time) -> Option<Step> {
    let since = |then| now.since(then);
    if let Some(deleting) = pod.deleting {
        return (since(deleting) >= STOPPING).then_some(Step::Stop);
    }
    pod.node.as_ref()?;
    let Some(container) = &pod.container else {
        return Some(Step::Start);
    };
    let started = container.started?;
    (!pod.ready && since(started) >= START_UP).then_some(Step::Serve)
}
