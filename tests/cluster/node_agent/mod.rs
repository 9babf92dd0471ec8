//! The tests' kubelet: it turns the pods that the real scheduler binds to its nodes into processes on loopback
//! addresses of their own, writes their status, restarts them, and ends them within their grace period. What an image
//! stands for is in `body`. It decides nothing that a kubelet would not.

mod addresses;
mod body;
pub mod liar;
mod life;
mod nodes;
mod pod;
mod program;
mod simulated;
mod sources;
mod status;
mod trino_pod;
mod volumes;
mod wire;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use xtrinode::demo::simulator::Simulator;

use crate::leash;
use crate::plane::{Access, Plane};
use addresses::Addresses;
use life::Order;
pub use nodes::RESERVED;

/// What all pods of an agent share.
pub struct Shared {
    access: Access,
    client: Client,
    folder: PathBuf,
    addresses: Mutex<Addresses>,
    /// Process ids by namespace and pod name.
    processes: Mutex<HashMap<(String, String), u32>>,
    runtimes: trino_pod::Runtimes,
    simulators: simulated::Simulators,
    liars: liar::Liars,
    wires: wire::Wires,
    /// Names of its nodes.
    nodes: Mutex<Vec<String>>,
}

/// A running agent. Dropping it kills every process that it started.
pub struct Agent {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
    _folder: TempDir,
}

impl Agent {
    /// Starts with these nodes.
    pub async fn start(plane: &Plane, names: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("xtrinode-pods-")
            .tempdir()?;
        let shared = Arc::new(Shared {
            access: plane.access.clone(),
            client: plane.client.clone(),
            folder: folder.path().to_owned(),
            addresses: Mutex::new(Addresses::reserve()?),
            processes: Mutex::default(),
            runtimes: trino_pod::Runtimes::default(),
            simulators: simulated::Simulators::default(),
            liars: liar::Liars::default(),
            wires: wire::Wires::default(),
            nodes: Mutex::default(),
        });
        for name in names {
            nodes::add(&shared, name, None).await?;
        }
        let tasks = [
            tokio::spawn(follow(Arc::clone(&shared))),
            tokio::spawn(nodes::keep_alive(Arc::clone(&shared))),
        ];
        Ok(Self {
            shared,
            tasks,
            _folder: folder,
        })
    }

    /// One more node, for the pods of one owner: only those that tolerate the taint [`RESERVED`] come to it.
    pub async fn add_node(&self, name: &str, owner: &str) -> Result<()> {
        nodes::add(&self.shared, name, Some(owner)).await
    }

    /// Sends a signal to a pod's process: `KILL` crashes its container, `STOP` and `CONT` pause it and let it go on.
    pub fn signal(&self, namespace: &str, pod: &str, signal: &str) -> Result<()> {
        let pid = self.pid(namespace, pod)?.to_string();
        let sent = Command::new("bash")
            .args(["-c", "kill -s \"$1\" \"$2\"", "kill", signal, &pid])
            .status()?;
        ensure!(sent.success(), "kill -s {signal} {pid} failed");
        Ok(())
    }

    /// Holds everything between a pod of ours and the API server, or lets it go on.
    pub fn hold_wire(&self, namespace: &str, pod: &str, held: bool) {
        let name = (namespace.to_owned(), pod.to_owned());
        self.shared.wires.hold(name, held);
    }

    /// What a pod's process holds in memory.
    pub fn resident_mib(&self, namespace: &str, pod: &str) -> Result<u64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid(namespace, pod)?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.context("VmRSS")?.parse::<u64>()? / 1024)
    }

    /// The process id of a running pod.
    pub fn pid(&self, namespace: &str, pod: &str) -> Result<u32> {
        let key = (namespace.to_owned(), pod.to_owned());
        let processes = lock(&self.shared.processes);
        let found = processes.get(&key).copied();
        found.with_context(|| format!("no process of pod {namespace}/{pod}"))
    }

    /// Makes a simulated node whose pod is annotated with [`liar::MAY_LIE`] say this of itself; nothing is the truth.
    pub fn lie(&self, pod: &Pod, lie: Option<liar::Lie>) {
        self.shared.liars.tell(pod, lie);
    }

    /// The last lines of a pod's process, as far as it was not restarted.
    pub fn log(&self, pod: &Pod, lines: usize) -> String {
        let folder = self.shared.folder.join(pod.uid().unwrap_or_default());
        leash::tail(&folder.join("log.0"), lines)
    }

    /// The simulated cluster whose pods have this instance label; there once its first pod has started.
    pub async fn simulator(&self, namespace: &str, instance: &str) -> Option<Arc<Simulator>> {
        let cluster = (namespace.to_owned(), instance.to_owned());
        self.shared.simulators.get(&cluster).await
    }

    /// `http://address:8080` of a cluster's coordinator, there or not.
    pub fn coordinator_url(&self, namespace: &str, instance: &str) -> Result<String> {
        let cluster = (namespace.to_owned(), instance.to_owned());
        let address = lock(&self.shared.addresses).coordinator(&cluster)?;
        Ok(format!("http://{address}:{}", trino_pod::PORT))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A pod's task, and what it was last told.
struct Handle {
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The pods that are on the nodes, by uid.
#[derive(Default)]
struct Pods {
    handles: HashMap<String, Handle>,
    listed: HashSet<String>,
}

async fn follow(shared: Arc<Shared>) {
    let api = Api::<Pod>::all(shared.client.clone());
    let bound = watcher::Config::default().fields("spec.nodeName!=");
    let mut events = watcher(api, bound).default_backoff().boxed();
    let mut pods = Pods::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => pods.take(&shared, event),
            Err(error) => println!("node agent: watching pods: {error:#}"),
        }
    }
}

impl Pods {
    fn take(&mut self, shared: &Arc<Shared>, event: watcher::Event<Pod>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(pod) => {
                self.listed.extend(pod.uid());
                self.see(shared, pod);
            }
            watcher::Event::InitDone => {
                let gone: Vec<String> = self.handles.keys().cloned().collect();
                for uid in gone {
                    if !self.listed.contains(&uid) {
                        self.lose(&uid);
                    }
                }
            }
            watcher::Event::Apply(pod) => self.see(shared, pod),
            watcher::Event::Delete(pod) => self.lose(&pod.uid().unwrap_or_default()),
        }
    }

    fn see(&mut self, shared: &Arc<Shared>, pod: Pod) {
        let uid = pod.uid().unwrap_or_default();
        let order = Order::of(&pod);
        self.handles.retain(|_, handle| !handle.task.is_finished());
        if let Some(handle) = self.handles.get(&uid) {
            handle.orders.send_replace(order);
            return;
        }
        if pod::is_over(&pod) && order == Order::Live {
            return;
        }
        let (orders, receiver) = watch::channel(order);
        let task = tokio::spawn(life::run(Arc::clone(shared), pod, receiver));
        self.handles.insert(uid, Handle { orders, task });
    }

    fn lose(&mut self, uid: &str) {
        if let Some(handle) = self.handles.get(uid) {
            handle.orders.send_replace(Order::Gone);
        }
    }
}

/// A lock that a panic elsewhere does not spoil.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
