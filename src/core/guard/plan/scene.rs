//! A small cluster for tests: one namespace, one coordinator, workers of one Deployment (or StatefulSet), a clock that
//! the test moves. Facts are written as the adapter would write them; nothing is decided here.

use std::time::Duration;

use crate::core::guard::class::View;
use crate::core::guard::evidence::Evidence;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::{Mode, Namespace, Node};
use crate::core::guard::facts::pod::{ClusterId, Container, Owner, Phase, Pod, Role};
use crate::core::guard::facts::workload::{Kind, Tuning, Workload};
use crate::core::guard::notes::Notes;
use crate::core::guard::policy::Policy;
use crate::core::guard::time::Time;
use crate::core::guard::world::World;

/// The namespace of everything here.
pub const SPACE: &str = "trino";

/// A cluster and its clock.
pub struct Scene {
    pub world: World,
    pub evidence: Evidence,
    pub policy: Policy,
    pub now: Time,
}

impl Scene {
    /// A Deployment `w` of `count` workers `w-0` …, each on a node of its own, Ready for an hour, and its coordinator.
    pub fn deployment(count: u32) -> Self {
        let mut scene = Self::bare();
        scene.put(workload(Kind::Deployment, "w", count));
        scene.put(Workload {
            owner: Some("uid-w".to_owned()),
            ..workload(Kind::ReplicaSet, "rs", count)
        });
        scene.workers(Kind::ReplicaSet, "rs", count);
        scene
    }

    /// The same with a StatefulSet `w`.
    pub fn stateful_set(count: u32) -> Self {
        let mut scene = Self::bare();
        scene.put(workload(Kind::StatefulSet, "w", count));
        scene.workers(Kind::StatefulSet, "w", count);
        scene
    }

    fn bare() -> Self {
        let mut scene = Self {
            world: World::default(),
            evidence: Evidence::default(),
            policy: Policy::default(),
            now: Time::from_millis(1_800_000_000_000),
        };
        let enforced = Namespace {
            mode: Some(Mode::Enforce),
            ..Namespace::default()
        };
        scene.world.put_namespace(SPACE.to_owned(), enforced);
        let coordinator = workload(Kind::Deployment, "c", 1);
        scene.put(Workload {
            role: Role::Coordinator,
            ..coordinator
        });
        let mut pod = scene.pod_of(Kind::Deployment, "c", "c-0");
        pod.role = Role::Coordinator;
        scene.world.put_pod(pod);
        scene
    }

    /// Puts a workload.
    pub fn put(&mut self, workload: Workload) {
        self.world.put_workload(workload);
    }

    fn workers(&mut self, kind: Kind, owner: &str, count: u32) {
        for index in 0..count {
            let node = format!("node-{index}");
            let ready = Node {
                ready: true,
                ..Node::default()
            };
            self.world.put_node(node.clone(), ready);
            let mut pod = self.pod_of(kind, owner, &format!("w-{index}"));
            pod.node = Some(node);
            self.world.put_pod(pod);
        }
    }

    /// A Ready pod of an owner, as it was an hour after its creation.
    pub fn pod_of(&self, kind: Kind, owner: &str, name: &str) -> Pod {
        let born = self.now.before(Duration::from_secs(3600));
        Pod {
            name: Name::new(SPACE, name),
            uid: format!("uid-{name}"),
            resource_version: "1".to_owned(),
            role: Role::Worker,
            cluster: cluster(),
            owner: Some(Owner {
                kind,
                name: owner.to_owned(),
                uid: format!("uid-{owner}"),
            }),
            revision: None,
            node: Some("node-c".to_owned()),
            phase: Phase::Running,
            ready: true,
            ready_changed: Some(born),
            created: born,
            deleting: None,
            grace: Duration::from_secs(300),
            pre_stop: true,
            ip: None,
            port: None,
            container: Some(Container {
                id: format!("container-{name}"),
                started: Some(born),
                running: true,
                restarts: 0,
            }),
            cost: 0,
            notes: Notes::default(),
        }
    }

    /// What a decision sees.
    pub fn view(&self) -> View<'_> {
        View {
            world: &self.world,
            evidence: &self.evidence,
            policy: &self.policy,
            now: self.now,
        }
    }

    /// The pod of this name.
    pub fn pod(&self, name: &str) -> Pod {
        let name = Name::new(SPACE, name);
        self.world.pod(&name).expect("a pod").clone()
    }

    /// Changes the pod of this name.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut Pod)) {
        let mut pod = self.pod(name);
        change(&mut pod);
        self.world.put_pod(pod);
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

/// The one cluster.
pub fn cluster() -> ClusterId {
    ClusterId {
        namespace: SPACE.to_owned(),
        release: "demo".to_owned(),
    }
}

/// A workload of workers.
pub fn workload(kind: Kind, name: &str, replicas: u32) -> Workload {
    Workload {
        kind,
        name: Name::new(SPACE, name),
        uid: format!("uid-{name}"),
        resource_version: "1".to_owned(),
        role: Role::Worker,
        cluster: cluster(),
        replicas,
        owner: None,
        created: Time::default(),
        deleting: false,
        recreate: false,
        ordinal_start: 0,
        update_revision: None,
        rolls_from: 0,
        tuning: Tuning::default(),
    }
}
