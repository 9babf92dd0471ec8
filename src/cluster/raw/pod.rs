//! Pods, reduced to what decisions need. Finds the container that runs Trino; where that is not certain, or the kubelet
//! has not said everything, the pod counts as running: an error here must never look like a dead worker.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::keys;
use crate::cluster::selection::Selection;
use crate::core::guard::facts::pod::{ClusterId, Container, Phase, Pod, Role};
use crate::core::guard::notes::Notes;
use crate::core::guard::time::Time;

use super::{Meta, Object, or_default, time};

/// The API server fills it in; for objects that never went through one.
const DEFAULT_GRACE: i64 = 30;

/// Trino's HTTP port where nothing else is configured.
const TRINO_PORT: i64 = 8080;

/// `v1 Pod`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawPod {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: Option<String>,
    termination_grace_period_seconds: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    containers: Vec<ContainerSpec>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerSpec {
    name: String,
    #[serde(deserialize_with = "or_default")]
    ports: Vec<Port>,
    #[serde(deserialize_with = "or_default")]
    lifecycle: Lifecycle,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Port {
    #[serde(deserialize_with = "or_default")]
    name: String,
    container_port: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Lifecycle {
    pre_stop: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    r#type: String,
    status: String,
    last_transition_time: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    #[serde(rename = "containerID", deserialize_with = "or_default")]
    container_id: String,
    #[serde(deserialize_with = "or_default")]
    restart_count: i64,
    #[serde(deserialize_with = "or_default")]
    state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<Running>,
    waiting: Option<IgnoredAny>,
    terminated: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Running {
    started_at: Option<String>,
}

impl Object for RawPod {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// A pod's facts; `None` where it is not Trino's.
#[must_use]
pub fn pod(raw: &RawPod, selection: &Selection) -> Option<Pod> {
    let meta = &raw.metadata;
    let (role, cluster) = selection.identify(&meta.namespace, &meta.labels)?;
    let tls = selection.workers_over_tls && role == Role::Worker;
    let mut pod = pod_as(raw, role, cluster);
    let secure = raw.trino().filter(|_| tls).and_then(ContainerSpec::https);
    pod.port = secure.or(pod.port);
    Some(pod)
}

/// The facts of a pod whose place is known already.
#[must_use]
pub fn pod_as(raw: &RawPod, role: Role, cluster: ClusterId) -> Pod {
    let (meta, spec, status) = (&raw.metadata, &raw.spec, &raw.status);
    let trino = raw.trino();
    let (ready, ready_changed) = status.ready();
    let grace = spec
        .termination_grace_period_seconds
        .unwrap_or(DEFAULT_GRACE);
    let annotations = meta.annotations.as_ref();
    Pod {
        name: meta.full_name(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        role,
        cluster,
        owner: meta.owner(),
        revision: revision(meta),
        node: spec.node_name.clone().filter(|name| !name.is_empty()),
        phase: status.phase(),
        ready,
        ready_changed,
        created: meta.created(),
        deleting: meta.deleting(),
        grace: Duration::from_secs(u64::try_from(grace).unwrap_or(0)),
        pre_stop: trino.is_some_and(|container| container.lifecycle.pre_stop.is_some()),
        ip: status
            .pod_ip
            .as_deref()
            .and_then(|ip| ip.parse::<IpAddr>().ok()),
        port: trino.and_then(ContainerSpec::http),
        container: status.container(trino),
        cost: meta
            .annotation(keys::DELETION_COST)
            .and_then(|cost| cost.parse().ok())
            .unwrap_or(0),
        notes: annotations.map_or_else(Notes::default, |all| Notes::read(all, &meta.uid)),
    }
}

fn revision(meta: &Meta) -> Option<String> {
    let label = |key: &str| meta.labels.get(key).cloned();
    label("controller-revision-hash").or_else(|| label("pod-template-hash"))
}

impl RawPod {
    /// The container that runs Trino: by name and port, by name, by port; else whichever runs, else the first.
    fn trino(&self) -> Option<&ContainerSpec> {
        let containers = &self.spec.containers;
        let by = |fits: &dyn Fn(&&ContainerSpec) -> bool| containers.iter().find(fits);
        by(&|one| one.is_named() && one.http().is_some())
            .or_else(|| by(&|one| one.is_named()))
            .or_else(|| by(&|one| one.http().is_some()))
            .or_else(|| by(&|one| self.status.of(&one.name).is_some_and(ContainerStatus::runs)))
            .or_else(|| containers.first())
    }
}

impl ContainerSpec {
    fn is_named(&self) -> bool {
        self.name.starts_with("trino")
    }

    /// The port of its HTTP server: `http`, then `http-coord` and the like, then 8080 under any name.
    fn http(&self) -> Option<u16> {
        let by = |fits: fn(&&Port) -> bool| self.ports.iter().find(fits);
        let found = by(|port| port.name == "http")
            .or_else(|| by(|port| port.name.starts_with("http-")))
            .or_else(|| by(|port| port.container_port == TRINO_PORT));
        u16::try_from(found?.container_port).ok()
    }

    /// The port of its HTTPS server: `https`, then `https-coord` and the like.
    fn https(&self) -> Option<u16> {
        let by = |fits: fn(&&Port) -> bool| self.ports.iter().find(fits);
        let found =
            by(|port| port.name == "https").or_else(|| by(|port| port.name.starts_with("https-")));
        u16::try_from(found?.container_port).ok()
    }
}

impl Status {
    fn phase(&self) -> Phase {
        match self.phase.as_deref() {
            None | Some("" | "Pending") => Phase::Pending,
            Some("Running") => Phase::Running,
            Some("Succeeded") => Phase::Succeeded,
            Some("Failed") => Phase::Failed,
            Some(_) => Phase::Unknown,
        }
    }

    fn ready(&self) -> (bool, Option<Time>) {
        let mut conditions = self.conditions.iter();
        let found = conditions.find(|condition| condition.r#type == "Ready");
        let changed = found.and_then(|found| time(found.last_transition_time.as_deref()));
        (found.is_some_and(|found| found.status == "True"), changed)
    }

    fn of(&self, name: &str) -> Option<&ContainerStatus> {
        self.container_statuses
            .iter()
            .find(|status| status.name == name)
    }

    /// What the kubelet says of the container. A pod that runs although nothing is said of the container may run it.
    fn container(&self, trino: Option<&ContainerSpec>) -> Option<Container> {
        let said = trino.and_then(|container| self.of(&container.name));
        match said {
            Some(said) => Some(said.container()),
            None if matches!(self.phase(), Phase::Running | Phase::Unknown) => {
                Some(ContainerStatus::default().container())
            }
            None => None,
        }
    }
}

impl ContainerStatus {
    fn container(&self) -> Container {
        let running = self.state.running.as_ref();
        Container {
            id: self.identity(),
            started: running.and_then(|running| time(running.started_at.as_deref())),
            running: self.runs(),
            restarts: u32::try_from(self.restart_count).unwrap_or(0),
        }
    }

    /// Only what waits or has ended does not run.
    const fn runs(&self) -> bool {
        let stands_still = self.state.waiting.is_some() || self.state.terminated.is_some();
        self.state.running.is_some() || !stands_still
    }

    /// Its id. Where the kubelet gives none, the number of restarts tells its lives apart.
    fn identity(&self) -> String {
        if self.container_id.is_empty() {
            return format!("restart-{}", self.restart_count);
        }
        self.container_id.clone()
    }
}

#[cfg(test)]
mod tests;
