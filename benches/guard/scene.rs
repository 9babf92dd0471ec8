//! A large Kubernetes cluster full of Trino clusters: pods, workloads, and what was seen of some of the workers. Judges
//! nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use xtrinode::core::guard::evidence::{
    Cycle, DrainPower, Evidence, Held, Listed, Reading, Said, Sight, Supplier,
};
use xtrinode::core::guard::facts::Name;
use xtrinode::core::guard::facts::place::{Mode, Namespace, Node};
use xtrinode::core::guard::facts::pod::{ClusterId, Container, Owner, Phase, Pod, Role};
use xtrinode::core::guard::facts::workload::{Kind, Tuning, Workload};
use xtrinode::core::guard::notes::{Drain, Notes};
use xtrinode::core::guard::time::Time;
use xtrinode::core::guard::world::World;
use xtrinode::trino::words::NodeState;

/// Workers of which something was seen, in the large scene.
pub const SEEN: usize = 2000;

/// What is put up.
#[derive(Clone, Debug)]
pub struct Scene {
    /// How many workers each cluster has; one coordinator each besides.
    pub clusters: Vec<usize>,
    /// Workers of which something was seen: of the first clusters, all.
    pub seen: usize,
    /// Where workers answer.
    pub port: u16,
}

/// What a worker that was seen does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It holds buffers of a query.
    Work,
    /// It was drained, and that was proven.
    Nothing,
}

impl Scene {
    /// 10 000 pods of 100 clusters, so 200 workloads; 2000 workers seen.
    pub fn large(port: u16) -> Self {
        let clusters = [vec![100; 20], vec![99; 60], vec![98; 20]].concat();
        let seen = SEEN;
        Self {
            clusters,
            seen,
            port,
        }
    }

    /// One cluster, all of whose workers were seen.
    pub fn one(workers: usize) -> Self {
        Self {
            clusters: vec![workers],
            seen: workers,
            port: 8080,
        }
    }

    /// The names of the workers that were seen, by what they do: every other one is drained.
    pub fn names(&self, doing: Doing) -> Vec<Name> {
        let seen = self.workers().take(self.seen);
        let chosen = seen.filter(|(_, worker)| self.doing(*worker) == doing);
        chosen
            .map(|(cluster, worker)| name(cluster, worker))
            .collect()
    }

    fn doing(&self, worker: usize) -> Doing {
        if self.clusters.len() > 1 && worker % 2 == 1 {
            Doing::Nothing
        } else {
            Doing::Work
        }
    }

    fn workers(&self) -> impl Iterator<Item = (usize, usize)> {
        let clusters = self.clusters.iter().enumerate();
        clusters.flat_map(|(cluster, count)| (0..*count).map(move |worker| (cluster, worker)))
    }

    /// What Kubernetes says at this time.
    pub fn world(&self, now: Time) -> World {
        let mut world = World::default();
        for (cluster, count) in self.clusters.iter().enumerate() {
            let namespace = Namespace {
                mode: Some(Mode::Enforce),
                ..Namespace::default()
            };
            world.put_namespace(id(cluster).namespace, namespace);
            for (role, replicas) in [(Role::Coordinator, 1), (Role::Worker, *count)] {
                let replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
                put_workloads(&mut world, cluster, role, replicas, now);
            }
            world.put_pod(pod(cluster, Role::Coordinator, 0, now, self.port));
        }
        for (cluster, worker) in self.workers() {
            let node = Node {
                ready: true,
                ..Node::default()
            };
            world.put_node(format!("node-{worker}"), node);
            let mut pod = pod(cluster, Role::Worker, worker, now, self.port);
            if self.doing(worker) == Doing::Nothing {
                let at = now.before(Duration::from_secs(90));
                let container = container(&pod.uid);
                pod.notes.drain = Some(Drain { container, at });
            }
            world.put_pod(pod);
        }
        world
    }

    /// What was seen until this time.
    pub fn evidence(&self, world: &World, now: Time) -> Evidence {
        let mut evidence = Evidence::default();
        for ago in [90, 75, 60, 45, 30, 15, 3] {
            self.look(&mut evidence, now.before(Duration::from_secs(ago)));
        }
        let mut left = self.seen;
        for (cluster, count) in self.clusters.iter().enumerate() {
            if left < *count {
                break;
            }
            left -= count;
            self.read(&mut evidence, world, cluster, now);
        }
        evidence
    }

    /// A look at every worker that was seen before.
    pub fn look(&self, evidence: &mut Evidence, at: Time) {
        for (cluster, worker) in self.workers().take(self.seen) {
            let uid = uid(cluster, Role::Worker, worker);
            let state = match self.doing(worker) {
                Doing::Work => NodeState::Active,
                Doing::Nothing => NodeState::Drained,
            };
            let starting = false;
            let sight = Sight {
                container: container(&uid),
                at,
                said: Said::State { state, starting },
            };
            evidence.look(&uid, &sight);
        }
    }

    fn read(&self, evidence: &mut Evidence, world: &World, cluster: usize, now: Time) {
        let held = Held {
            fatal: 3,
            recoverable: 0,
            bytes: 12 << 20,
            queries: 2,
        };
        let workers = 0..self.clusters[cluster];
        let busy = workers.filter(|worker| self.doing(*worker) == Doing::Work);
        let held: HashMap<_, _> = busy
            .map(|worker| (uid(cluster, Role::Worker, worker), held))
            .collect();
        let id = id(cluster);
        for ago in [20, 1] {
            let at = now.before(Duration::from_secs(ago));
            let reading = Reading {
                supplier: Supplier::Own,
                cluster: id.clone(),
                heard: at,
                complete: Some(Cycle {
                    began: at,
                    ended: at,
                }),
                mapped: true,
                held: held.clone(),
            };
            evidence.read(&reading, world.members(&id, Role::Worker));
        }
        let list = Listed {
            at: now,
            unfinished: 4,
        };
        evidence.list(&id, list);
        evidence.power(&id, DrainPower::Yes);
    }
}

/// The name of a worker.
pub fn name(cluster: usize, worker: usize) -> Name {
    Name::new(id(cluster).namespace, pod_name(Role::Worker, worker))
}

fn id(cluster: usize) -> ClusterId {
    ClusterId {
        namespace: format!("trino-{cluster}"),
        release: "trino".to_owned(),
    }
}

const fn word(role: Role) -> &'static str {
    match role {
        Role::Worker => "worker",
        Role::Coordinator => "coordinator",
    }
}

fn pod_name(role: Role, number: usize) -> String {
    format!("trino-{}-7d9f8b6c54-{number:05}", word(role))
}

fn uid(cluster: usize, role: Role, number: usize) -> String {
    format!("{}-{cluster:04}-4e1b-8f0a-{number:012}", word(role))
}

fn container(uid: &str) -> String {
    format!("containerd://{uid}")
}

fn put_workloads(world: &mut World, cluster: usize, role: Role, replicas: u32, now: Time) {
    let uid = format!("deployment-{}-{cluster}", word(role));
    let deployment = Workload {
        kind: Kind::Deployment,
        name: Name::new(id(cluster).namespace, format!("trino-{}", word(role))),
        uid: uid.clone(),
        resource_version: "1".to_owned(),
        role,
        cluster: id(cluster),
        replicas,
        owner: None,
        created: now.before(Duration::from_secs(86_400)),
        deleting: false,
        recreate: false,
        ordinal_start: 0,
        update_revision: None,
        rolls_from: 0,
        tuning: Tuning::default(),
    };
    let set = owner(cluster, role);
    world.put_workload(Workload {
        kind: Kind::ReplicaSet,
        name: Name::new(id(cluster).namespace, set.name),
        uid: set.uid,
        owner: Some(uid),
        ..deployment.clone()
    });
    world.put_workload(deployment);
}

fn owner(cluster: usize, role: Role) -> Owner {
    Owner {
        kind: Kind::ReplicaSet,
        name: format!("trino-{}-7d9f8b6c54", word(role)),
        uid: format!("replicaset-{}-{cluster}", word(role)),
    }
}

fn pod(cluster: usize, role: Role, number: usize, now: Time, port: u16) -> Pod {
    let uid = uid(cluster, role, number);
    let born = now.before(Duration::from_secs(3600));
    Pod {
        name: Name::new(id(cluster).namespace, pod_name(role, number)),
        resource_version: "1".to_owned(),
        role,
        cluster: id(cluster),
        owner: Some(owner(cluster, role)),
        revision: None,
        node: Some(format!("node-{number}")),
        phase: Phase::Running,
        ready: true,
        ready_changed: Some(born),
        created: born,
        deleting: None,
        grace: Duration::from_secs(300),
        pre_stop: true,
        ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port: Some(port),
        container: Some(Container {
            id: container(&uid),
            started: Some(born),
            running: true,
            restarts: 0,
        }),
        cost: 0,
        notes: Notes::default(),
        uid,
    }
}
