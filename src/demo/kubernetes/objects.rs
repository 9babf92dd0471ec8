//! The objects of the demo's cluster as they are first made: one namespace that opted in, a coordinator, a Deployment of
//! workers, nodes. Plain data.

use std::net::SocketAddr;
use std::time::Duration;

use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::{Mode, Namespace, Node};
use crate::core::guard::facts::pod::{ClusterId, Container, Owner, Phase, Pod, Role};
use crate::core::guard::facts::workload::{Kind, Tuning, Workload};
use crate::core::guard::notes::Notes;
use crate::core::guard::time::Time;

/// The namespace of everything.
pub const NAMESPACE: &str = "demo";

/// The release, as labels name it.
pub const RELEASE: &str = "trino";

/// The Deployment of the workers.
pub const WORKERS: &str = "trino-worker";

/// The node of the coordinator, which nobody drains.
const COORDINATORS_NODE: &str = "node-0";

/// The one cluster.
#[must_use]
pub fn cluster() -> ClusterId {
    ClusterId {
        namespace: NAMESPACE.to_owned(),
        release: RELEASE.to_owned(),
    }
}

/// A name in the one namespace.
#[must_use]
pub fn name(name: &str) -> Name {
    Name::new(NAMESPACE, name)
}

/// The namespace, guarded.
#[must_use]
pub fn namespace() -> Namespace {
    Namespace {
        mode: Some(Mode::Enforce),
        ..Namespace::default()
    }
}

/// A node that takes pods.
#[must_use]
pub fn node() -> Node {
    Node {
        ready: true,
        ..Node::default()
    }
}

/// The names of the nodes for so many workers: two on each, and never fewer than two nodes.
#[must_use]
pub fn node_names(workers: u16) -> Vec<String> {
    let count = workers.div_ceil(2).max(2);
    (1..=count).map(|n| format!("node-{n}")).collect()
}

/// The Deployment of the workers.
#[must_use]
pub fn deployment(replicas: u32, now: Time) -> Workload {
    workload(Kind::Deployment, WORKERS, replicas, now)
}

/// A ReplicaSet of a Deployment.
#[must_use]
pub fn replica_set(of: &Workload, hash: &str, now: Time) -> Workload {
    let set = set_name(&of.name.name, hash);
    Workload {
        owner: Some(of.uid.clone()),
        ..workload(Kind::ReplicaSet, &set, 0, now)
    }
}

/// The name of the ReplicaSet for a template.
#[must_use]
pub fn set_name(deployment: &str, hash: &str) -> String {
    format!("{deployment}-{hash}")
}

fn workload(kind: Kind, called: &str, replicas: u32, now: Time) -> Workload {
    Workload {
        kind,
        name: name(called),
        uid: format!("uid-{called}"),
        resource_version: String::new(),
        role: Role::Worker,
        cluster: cluster(),
        replicas,
        owner: None,
        created: now,
        deleting: false,
        recreate: false,
        ordinal_start: 0,
        update_revision: None,
        rolls_from: 0,
        tuning: Tuning::default(),
    }
}

/// A worker that no node has yet.
#[must_use]
pub fn worker(set: &Workload, called: &str, now: Time) -> Pod {
    Pod {
        owner: Some(Owner {
            kind: Kind::ReplicaSet,
            name: set.name.name.clone(),
            uid: set.uid.clone(),
        }),
        revision: set.name.name.rsplit('-').next().map(str::to_owned),
        ..pod(called, Role::Worker, now)
    }
}

/// The coordinator, running at this address.
#[must_use]
pub fn coordinator(address: SocketAddr, now: Time) -> Pod {
    Pod {
        node: Some(COORDINATORS_NODE.to_owned()),
        phase: Phase::Running,
        ready: true,
        ready_changed: Some(now),
        ip: Some(address.ip()),
        port: Some(address.port()),
        container: Some(container("trino-coordinator", now)),
        ..pod("trino-coordinator", Role::Coordinator, now)
    }
}

/// The first container of a pod.
#[must_use]
pub fn container(pod: &str, now: Time) -> Container {
    Container {
        id: format!("containerd://{pod}-0"),
        started: Some(now),
        running: true,
        restarts: 0,
    }
}

fn pod(called: &str, role: Role, now: Time) -> Pod {
    Pod {
        name: name(called),
        uid: format!("uid-{called}"),
        resource_version: String::new(),
        role,
        cluster: cluster(),
        owner: None,
        revision: None,
        node: None,
        phase: Phase::Pending,
        ready: false,
        ready_changed: None,
        created: now,
        deleting: None,
        grace: Duration::from_secs(30),
        pre_stop: false,
        ip: None,
        port: None,
        container: None,
        cost: 0,
        notes: Notes::default(),
    }
}
