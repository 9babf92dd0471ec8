//! One pod's life on a node: started, watched, restarted when its process ends, ended when the API says so. Writes the
//! pod's status and in the end deletes it, as its kubelet would.

use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;

use super::body::{Body, Place};
use super::status::{Facts, State};
use super::{Shared, lock, pod, trino_pod};

/// Between two looks at the process and its readiness.
const LOOK: Duration = Duration::from_millis(400);
/// Between two tries of something that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// So many tries a start that fails is nobody's business: a file that comes in a moment, a name that is about to be free.
const QUIET_TRIES: u32 = 10;
/// Failed probes in a row until a ready pod is not ready.
const FAILURES: u32 = 3;
/// A container that ends again and again waits this long at most.
const LONGEST_BACK_OFF: u32 = 10;

/// What the API says about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Live,
    /// End it within so many seconds.
    Stop {
        grace: u64,
    },
    /// Its object is gone.
    Gone,
}

impl Order {
    /// What this object says.
    pub fn of(pod: &Pod) -> Self {
        match &pod.metadata.deletion_timestamp {
            None => Self::Live,
            Some(_) => {
                let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
                Self::Stop {
                    grace: grace.unsigned_abs(),
                }
            }
        }
    }
}

/// Leads one pod from its binding to its end.
pub async fn run(shared: Arc<Shared>, pod: Pod, orders: watch::Receiver<Order>) {
    let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
    trino_pod::wait_for_sibling(&shared, &pod).await;
    let address = match trino_pod::address(&shared, &pod) {
        Ok(address) => address,
        Err(error) => return println!("node agent: {name}: {error:#}"),
    };
    let mut life = Life::new(Arc::clone(&shared), pod, orders, address);
    if let Err(error) = life.live().await {
        println!("node agent: {name}: {error:#}");
    }
    lock(&shared.addresses).give_back(address);
}

struct Life {
    shared: Arc<Shared>,
    pod: Pod,
    orders: watch::Receiver<Order>,
    address: Ipv4Addr,
    facts: Facts,
}

impl Life {
    fn new(
        shared: Arc<Shared>,
        pod: Pod,
        orders: watch::Receiver<Order>,
        address: Ipv4Addr,
    ) -> Self {
        let facts = Facts {
            address: address.to_string(),
            containers: pod::images(&pod),
            container_id: String::new(),
            restarts: 0,
            begun: Timestamp::now(),
            state: State::Waiting("ContainerCreating".into()),
            last_exit: None,
        };
        Self {
            shared,
            pod,
            orders,
            address,
            facts,
        }
    }

    async fn live(&mut self) -> Result<()> {
        while self.order() == Order::Live {
            let Some(mut body) = self.start().await? else {
                break;
            };
            let ended = self.attend(&mut body).await?;
            let code = match ended {
                Some(status) => code(status),
                None => code(self.stop(body).await?),
            };
            self.forget();
            self.facts.last_exit = Some(code);
            if ended.is_none() || !pod::restarts(&self.pod, code) {
                let at = Timestamp::now();
                self.facts.state = State::Ended { code, at };
                self.report().await?;
                break;
            }
            println!(
                "node agent: {} ended by itself with {code}; it is started again",
                self.pod.name_any()
            );
            self.back_off().await?;
        }
        self.delete_when_told().await
    }

    /// Starts the process; tries again while something that it mounts is missing. `None` when it is to end before.
    async fn start(&mut self) -> Result<Option<Body>> {
        let id = format!("xtrinode-test://{}-{}", self.uid(), self.facts.restarts);
        self.facts.container_id = id;
        let mut tries = 0;
        while self.order() == Order::Live {
            let place = Place {
                shared: Arc::clone(&self.shared),
                address: self.address,
                restarts: self.facts.restarts,
            };
            match Body::start(&place, &self.pod).await {
                Ok(body) => {
                    self.remember(&body);
                    self.set_ready(false).await?;
                    return Ok(Some(body));
                }
                Err(error) => {
                    tries += 1;
                    if tries == QUIET_TRIES {
                        println!("node agent: {:?} waits: {error:#}", self.key());
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        Ok(None)
    }

    /// Watches the process and its readiness until it ends (how) or is to end (`None`).
    async fn attend(&mut self, body: &mut Body) -> Result<Option<ExitStatus>> {
        let mut failures = 0;
        loop {
            if self.order() != Order::Live {
                return Ok(None);
            }
            if let Some(status) = body.ended()? {
                return Ok(Some(status));
            }
            let is_ready = body.is_ready().await;
            failures = if is_ready { 0 } else { failures + 1 };
            if is_ready && !self.is_ready() {
                self.set_ready(true).await?;
            } else if self.is_ready() && failures >= FAILURES {
                self.set_ready(false).await?;
            }
            let next = if is_ready { body.period() } else { LOOK };
            self.pause(next).await;
        }
    }

    /// The hook, SIGTERM, the rest of the grace period, SIGKILL; at once when the object is gone.
    async fn stop(&mut self, mut body: Body) -> Result<ExitStatus> {
        let begun = Instant::now();
        let mut asked = false;
        let hook = body.before_stop();
        loop {
            if let Some(status) = body.ended()? {
                return Ok(status);
            }
            let left = match self.order() {
                Order::Stop { grace } => Duration::from_secs(grace).saturating_sub(begun.elapsed()),
                Order::Live | Order::Gone => Duration::ZERO,
            };
            if left.is_zero() {
                return body.kill();
            }
            if !asked && hook.is_over() {
                body.ask_to_end()?;
                asked = true;
            }
            self.pause(left.min(Duration::from_millis(100))).await;
        }
    }

    async fn back_off(&mut self) -> Result<()> {
        self.facts.state = State::Waiting("CrashLoopBackOff".into());
        self.report().await?;
        let seconds = self.facts.restarts.min(LONGEST_BACK_OFF);
        self.facts.restarts += 1;
        self.pause(Duration::from_secs(u64::from(seconds))).await;
        Ok(())
    }

    /// Deletes the object for good once a deletion was asked for; until then there is nothing to do.
    async fn delete_when_told(&mut self) -> Result<()> {
        while self.order() == Order::Live {
            self.orders.changed().await?;
        }
        let node = self
            .shared
            .access
            .acting_as_node(pod::node(&self.pod))
            .await?;
        let api = Api::<Pod>::namespaced(node, &self.namespace());
        let now = DeleteParams::default()
            .grace_period(0)
            .preconditions(Preconditions {
                uid: Some(self.uid()),
                resource_version: None,
            });
        while self.order() != Order::Gone {
            match api.delete(&self.pod.name_any(), &now).await {
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => break,
                Err(error) => println!("node agent: {}: {error:#}", self.pod.name_any()),
                Ok(_) => {}
            }
            self.pause(AGAIN).await;
        }
        Ok(())
    }

    async fn set_ready(&mut self, is_ready: bool) -> Result<()> {
        let now = Timestamp::now();
        let since = match self.facts.state {
            State::Running { since, .. } => since,
            State::Waiting(_) | State::Ended { .. } => now,
        };
        let ready = if is_ready { Ok(now) } else { Err(now) };
        self.facts.state = State::Running { since, ready };
        self.report().await
    }

    fn is_ready(&self) -> bool {
        matches!(self.facts.state, State::Running { ready: Ok(_), .. })
    }

    /// Writes the status; again and again while the API server is away.
    async fn report(&mut self) -> Result<()> {
        let api = Api::<Pod>::namespaced(self.shared.client.clone(), &self.namespace());
        let patch = Patch::Merge(self.facts.patch(&self.uid()));
        while self.order() != Order::Gone {
            let name = self.pod.name_any();
            match api
                .patch_status(&name, &PatchParams::default(), &patch)
                .await
            {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return Ok(()),
                // Another pod has its name.
                Err(kube::Error::Api(status))
                    if status.code == 422 && status.message.contains("metadata.uid") =>
                {
                    return Ok(());
                }
                Err(kube::Error::Api(status)) if status.code == 422 => {
                    return Err(kube::Error::Api(status)).context("write the pod's status");
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
        Ok(())
    }

    /// Waits, at most until the next order.
    async fn pause(&mut self, time: Duration) {
        // A closed channel means that the agent is going; its tasks are aborted.
        let _ = tokio::time::timeout(time, self.orders.changed()).await;
    }

    fn order(&mut self) -> Order {
        // Marks it as seen, or the next pause would end at once.
        *self.orders.borrow_and_update()
    }

    fn remember(&self, body: &Body) {
        if let Some(pid) = body.pid() {
            lock(&self.shared.processes).insert(self.key(), pid);
        }
    }

    fn forget(&self) {
        lock(&self.shared.processes).remove(&self.key());
    }

    fn key(&self) -> (String, String) {
        (self.namespace(), self.pod.name_any())
    }

    fn namespace(&self) -> String {
        self.pod.namespace().unwrap_or_default()
    }

    fn uid(&self) -> String {
        self.pod.uid().unwrap_or_default()
    }
}

/// The exit code as a container runtime gives it: 128 and the signal's number for a killed process.
fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
