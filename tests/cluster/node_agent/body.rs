//! What a pod's image stands for: a Trino node, a simulated one, our own program, or a process that sleeps. Starts it, says whether it is
//! ready, and ends it; when to do so is `life`'s decision.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::program::{self, Program};
use super::simulated::{self, SimulatedNode};
use super::{Shared, pod, trino_pod};
use crate::leash::Leashed;

/// Where a pod's process runs.
pub struct Place {
    pub shared: Arc<Shared>,
    pub address: Ipv4Addr,
    /// How often it was started before.
    pub restarts: u32,
}

impl Place {
    /// The pod's own folder.
    pub fn folder(&self, pod: &Pod) -> PathBuf {
        self.shared.folder.join(pod.uid().unwrap_or_default())
    }

    /// Where this start's output goes.
    pub fn log(&self, pod: &Pod) -> PathBuf {
        self.folder(pod).join(format!("log.{}", self.restarts))
    }
}

/// How to see that a process is ready.
pub enum Probe {
    /// It is from the start.
    Always,
    /// `/v1/info` says that it is not starting any more, as the health check of Trino's image asks.
    Trino(String),
    /// A GET that any status below 400 satisfies.
    Http(String),
}

/// What runs for a pod.
pub struct Body {
    being: Being,
    probe: Probe,
    hook: Hook,
}

enum Being {
    Process {
        process: Leashed,
        /// Keeps the files that the process mounts up to date, while it lives.
        _program: Option<Program>,
    },
    /// A node of a cluster inside the test.
    Simulated(SimulatedNode),
}

/// What a container does before it gets SIGTERM.
#[derive(Clone, Copy)]
enum Hook {
    None,
    Sleep(Duration),
}

/// A hook that runs.
pub struct RunningHook {
    until: Instant,
}

impl Body {
    /// Starts what the pod stands for.
    pub async fn start(place: &Place, pod: &Pod) -> Result<Self> {
        std::fs::create_dir_all(place.folder(pod))?;
        let (being, probe) = Being::start(place, pod).await?;
        Ok(Self {
            being,
            probe,
            hook: hook(pod),
        })
    }

    /// How it ended, when it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.being {
            Being::Process { process, .. } => process.ended(),
            Being::Simulated(node) => Ok(node.ended()),
        }
    }

    /// Whether it is ready at this moment.
    pub async fn is_ready(&self) -> bool {
        self.probe.succeeds().await
    }

    /// How long until it is looked at again, once it is ready. There may be hundreds of simulated nodes.
    pub const fn period(&self) -> Duration {
        match self.being {
            Being::Process { .. } => Duration::from_secs(1),
            Being::Simulated(_) => Duration::from_secs(3),
        }
    }

    /// Starts the preStop hook.
    pub fn before_stop(&self) -> RunningHook {
        let wait = match self.hook {
            Hook::None => Duration::ZERO,
            Hook::Sleep(time) => time,
        };
        RunningHook {
            until: Instant::now() + wait,
        }
    }

    /// SIGTERM.
    pub fn ask_to_end(&self) -> Result<()> {
        match &self.being {
            Being::Process { process, .. } => process.signal("TERM"),
            Being::Simulated(node) => {
                node.end();
                Ok(())
            }
        }
    }

    /// SIGKILL, and how it ended.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        match &mut self.being {
            Being::Process { process, .. } => process.kill_and_reap(),
            Being::Simulated(node) => {
                node.end();
                Ok(simulated::killed())
            }
        }
    }

    /// The process id, when it is a process.
    pub fn pid(&self) -> Option<u32> {
        match &self.being {
            Being::Process { process, .. } => Some(process.pid()),
            Being::Simulated(_) => None,
        }
    }
}

impl Being {
    async fn start(place: &Place, pod: &Pod) -> Result<(Self, Probe)> {
        let info = format!("http://{}:{}/v1/info", place.address, trino_pod::PORT);
        if let Some(version) = simulated::version(pod) {
            let node = SimulatedNode::start(place, pod, version).await?;
            return Ok((Self::Simulated(node), Probe::Trino(info)));
        }
        if let Some(version) = trino_pod::version(pod) {
            let process = trino_pod::start(place, pod, version)?;
            return Ok((Self::process(process), Probe::Trino(info)));
        }
        if program::is_ours(pod) {
            let (process, program) = Program::start(place, pod).await?;
            let probe = program.probe(pod);
            let being = Self::Process {
                process,
                _program: Some(program),
            };
            return Ok((being, probe));
        }
        let (sleep, folder) = (Path::new("sleep"), place.folder(pod));
        let process = Leashed::start(sleep, ["infinity"], &folder, &place.log(pod))?;
        Ok((Self::process(process), Probe::Always))
    }

    const fn process(process: Leashed) -> Self {
        Self::Process {
            process,
            _program: None,
        }
    }
}

impl RunningHook {
    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl Probe {
    async fn succeeds(&self) -> bool {
        match self {
            Self::Always => true,
            Self::Trino(url) => {
                let answer = probing().get(url).send().await;
                let Ok(Ok(info)) = answer.map(reqwest::Response::error_for_status) else {
                    return false;
                };
                let info = info.text().await.unwrap_or_default();
                serde_json::from_str::<serde_json::Value>(&info)
                    .is_ok_and(|info| info["starting"] == false)
            }
            Self::Http(url) => {
                let answer = probing().get(url).send().await;
                answer.is_ok_and(|answer| answer.status().as_u16() < 400)
            }
        }
    }
}

/// A kubelet's probes don't look at certificates, and wait a second.
fn probing() -> &'static reqwest::Client {
    static CLIENT: std::sync::OnceLock<reqwest::Client> = std::sync::OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .danger_accept_invalid_certs(true)
            .timeout(Duration::from_secs(1))
            .build()
            .expect("a client of these options can be built")
    })
}

/// `preStop.sleep`; other hooks are commands of an image that is not here.
fn hook(pod: &Pod) -> Hook {
    let lifecycle = pod::container(pod).and_then(|container| container.lifecycle.as_ref());
    let pre_stop = lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    match pre_stop.and_then(|handler| handler.sleep.as_ref()) {
        Some(sleep) => Hook::Sleep(Duration::from_secs(sleep.seconds.unsigned_abs())),
        None => Hook::None,
    }
}
