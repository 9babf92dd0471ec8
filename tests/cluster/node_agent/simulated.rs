//! A pod whose image is `simulated-trino`: a node of a simulated cluster inside the test, on the pod's own address. One
//! cluster for each namespace and instance, there from its first pod on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::sync::Mutex;
use xtrinode::demo::simulator::{Access, Simulator, SimulatorConfig, Timing, Users, Version};

use super::addresses::ClusterName;
use super::body::Place;
use super::liar::Mouth;
use super::{liar, lock, pod, trino_pod};
use crate::trino_config::{ADMIN, VIEWER};

/// A listener that was let go of is closed by then.
const CLOSING: Duration = Duration::from_millis(50);

/// So many queries that have ended stay in a list. Trino's hundred are mostly work where dozens of clusters are read.
const HISTORY: usize = 20;

/// The simulated clusters of an agent.
#[derive(Default)]
pub struct Simulators(Mutex<HashMap<ClusterName, Arc<Simulator>>>);

/// A running node.
pub struct SimulatedNode {
    simulator: Arc<Simulator>,
    /// The worker's name; nothing for a coordinator.
    worker: Option<String>,
    ended: AtomicBool,
    /// Speaks for it, where it may lie.
    _mouth: Option<Mouth>,
}

impl Simulators {
    /// A cluster that is there.
    pub async fn get(&self, cluster: &ClusterName) -> Option<Arc<Simulator>> {
        self.0.lock().await.get(cluster).cloned()
    }

    /// A pod's cluster; made for its first pod, without a coordinator.
    async fn of(&self, place: &Place, pod: &Pod, version: Version) -> Result<Arc<Simulator>> {
        let cluster = trino_pod::cluster(pod);
        let mut all = self.0.lock().await;
        if let Some(simulator) = all.get(&cluster) {
            return Ok(Arc::clone(simulator));
        }
        let writers = if trino_pod::may_drain(pod) {
            Users::only([ADMIN])
        } else {
            Users::only([])
        };
        let lies = place.shared.liars.tongue(pod).is_some();
        let config = SimulatorConfig {
            version,
            workers: 0,
            coordinator_host: lock(&place.shared.addresses).coordinator(&cluster)?,
            coordinator_port: if lies { liar::TRUTH } else { trino_pod::PORT },
            access: Access {
                view_queries: Users::only([ADMIN, VIEWER]),
                read_system: Users::only([ADMIN]),
                write_system: writers,
                ..Access::default()
            },
            timing: timing(pod)?,
            epoch_millis: Timestamp::now().as_millisecond(),
            ..SimulatorConfig::default()
        };
        let simulator = Arc::new(Simulator::start(config).await?);
        simulator.stop_coordinator();
        // Its listener closes when the runtime drops the task that had it.
        tokio::time::sleep(CLOSING).await;
        all.insert(cluster, Arc::clone(&simulator));
        Ok(simulator)
    }
}

/// Trino's own, but for what the configuration of the cluster's first pod says.
fn timing(pod: &Pod) -> Result<Timing> {
    let mut timing = Timing {
        history: Duration::from_secs(60),
        max_history: HISTORY,
        ..Timing::default()
    };
    for (key, value) in trino_pod::properties(pod)? {
        let seconds = value.strip_suffix('s').and_then(|text| text.parse().ok());
        match (key.as_str(), seconds) {
            ("shutdown.grace-period", Some(seconds)) => timing.grace = Duration::from_secs(seconds),
            _ => bail!(
                "a simulated cluster takes shutdown.grace-period in seconds, not {key}={value}"
            ),
        }
    }
    Ok(timing)
}

/// The version that a pod's image names; `None` when it is not simulated.
pub fn version(pod: &Pod) -> Option<Version> {
    let tag = pod::tag_of(pod, "simulated-trino")?;
    [Version::V476, Version::V482]
        .into_iter()
        .find(|version| version.number() == tag)
}

impl SimulatedNode {
    /// Starts it. A worker that is started again has another name, since its old tasks are not on it.
    pub async fn start(place: &Place, pod: &Pod, version: Version) -> Result<Self> {
        let simulator = place.shared.simulators.of(place, pod, version).await?;
        let mut address = SocketAddr::from((place.address, trino_pod::PORT));
        let mut mouth = None;
        if let Some(tongue) = place.shared.liars.tongue(pod) {
            let truth = SocketAddr::from((place.address, liar::TRUTH));
            mouth = Some(Mouth::open(address, truth, tongue).await?);
            address = truth;
        }
        let mut worker = None;
        if trino_pod::is_coordinator(pod) {
            simulator.start_coordinator().await?;
        } else {
            let name = match place.restarts {
                0 => pod.name_any(),
                restarts => format!("{}-{restarts}", pod.name_any()),
            };
            simulator.join_worker(&name, address).await?;
            worker = Some(name);
        }
        Ok(Self {
            simulator,
            worker,
            ended: AtomicBool::new(false),
            _mouth: mouth,
        })
    }

    /// How it ended, when it has: by an order, by the test, or by Trino's own shutdown.
    pub fn ended(&self) -> Option<ExitStatus> {
        let lives = match &self.worker {
            None => !self.ended.load(Ordering::Relaxed),
            Some(name) => {
                let workers = self.simulator.workers();
                workers
                    .iter()
                    .any(|worker| worker.name == *name && worker.alive)
            }
        };
        (!lives).then(killed)
    }

    /// Ends it at once.
    pub fn end(&self) {
        match &self.worker {
            Some(name) => {
                self.simulator.kill_worker(name);
            }
            None if !self.ended.swap(true, Ordering::Relaxed) => self.simulator.stop_coordinator(),
            None => {}
        }
    }
}

impl Drop for SimulatedNode {
    fn drop(&mut self) {
        self.end();
    }
}

/// How every node here ends: as by signal 9.
pub fn killed() -> ExitStatus {
    ExitStatus::from_raw(9)
}
