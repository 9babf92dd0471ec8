//! A guarded cluster at work, put up from objects as the API server sends them. Names and UIDs are those of the recorded
//! reviews among the seeds, so that these are about pods that are there.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use xtrinode::cluster::raw::place::namespace;
use xtrinode::cluster::raw::pod::pod;
use xtrinode::cluster::raw::workload::workload;
use xtrinode::cluster::selection::Selection;
use xtrinode::core::guard::ask::{Ask, Caller, Request, Verdict};
use xtrinode::core::guard::class::View;
use xtrinode::core::guard::evidence::{
    Cycle, Evidence, Held, Listed, Reading, Said, Sight, Supplier,
};
use xtrinode::core::guard::facts::Name;
use xtrinode::core::guard::facts::place::Mode;
use xtrinode::core::guard::facts::pod::{ClusterId, Pod, Role};
use xtrinode::core::guard::facts::workload::Kind;
use xtrinode::core::guard::policy::Policy;
use xtrinode::core::guard::time::Time;
use xtrinode::core::guard::verdict::judge;
use xtrinode::core::guard::world::World;
use xtrinode::trino::words::NodeState;

/// Its namespace, and its release.
pub const SPACE: &str = "rec";

/// Its coordinator's pod, of the Deployment `c`.
pub const COORDINATOR: &str = "c-0";

/// The ReplicaSet of its Deployment `w`.
pub const SET: &str = "w-f9887c45b";

/// Its workers with their UIDs: three of the Deployment `w`, three of the StatefulSet `s`.
pub const WORKERS: [(&str, &str); 6] = [
    ("w-f9887c45b-82qkq", "0fc930ee-0303-4774-adaa-d91b2840dd66"),
    ("w-f9887c45b-g7nwg", "bbd4faf1-e519-4390-a107-d8637f406b12"),
    ("w-f9887c45b-dpqx9", "b27565a9-e237-4892-86f2-65dd92db29a9"),
    ("s-0", "88fa8c3f-d5d7-448d-bd06-d0635b52b3a0"),
    ("s-1", "uid-s-1"),
    ("s-2", "uid-s-2"),
];

/// A cluster and what is known of it.
pub struct Place {
    pub world: World,
    pub evidence: Evidence,
    pub policy: Policy,
    pub now: Time,
}

impl Place {
    /// Everything has run for an hour; nothing is known of what it does.
    pub fn new(now: Time) -> Self {
        let mut place = Self {
            world: World::default(),
            evidence: Evidence::default(),
            policy: Policy::default(),
            now,
        };
        let raw = json!({"metadata": {"name": SPACE, "labels": {"xtrinode.io/guard": "enforce"}}});
        place.put_namespace(&raw);
        for (kind, name, role, replicas) in WORKLOADS {
            place.put_workload(kind, &described(name, role, replicas));
        }
        place.put_pod(&running(
            COORDINATOR,
            "uid-c-0",
            "coordinator",
            ("Deployment", "c"),
            now,
        ));
        for (name, uid) in WORKERS {
            let owner = if name.starts_with('w') {
                ("ReplicaSet", SET)
            } else {
                ("StatefulSet", "s")
            };
            place.put_pod(&running(name, uid, "worker", owner, now));
        }
        place
    }

    /// Each worker says that it is ACTIVE and has two tasks at risk, of two unfinished queries.
    pub fn busy(now: Time) -> Self {
        let mut place = Self::new(now);
        for (name, _) in WORKERS {
            place.look(name, NodeState::Active);
        }
        place.tell(&WORKERS.map(|(name, _)| name));
        let list = Listed {
            at: now,
            unfinished: 2,
        };
        place.evidence.list(&cluster(), list);
        place
    }

    pub fn put_namespace(&mut self, raw: &Value) {
        let raw = serde_json::from_value(raw.clone()).expect("a namespace");
        self.world
            .put_namespace(SPACE.to_owned(), namespace(&raw, Mode::Enforce));
    }

    pub fn put_workload(&mut self, kind: Kind, raw: &Value) {
        let raw = serde_json::from_value(raw.clone()).expect("a workload");
        let (workload, _) = workload(kind, &raw, &Selection::default()).expect("Trino's");
        self.world.put_workload(workload);
    }

    pub fn put_pod(&mut self, raw: &Value) {
        let raw = serde_json::from_value(raw.clone()).expect("a pod");
        self.world
            .put_pod(pod(&raw, &Selection::default()).expect("Trino's"));
    }

    pub fn pod(&self, name: &str) -> &Pod {
        self.world.pod(&Name::new(SPACE, name)).expect("a pod")
    }

    /// A worker says so now.
    pub fn look(&mut self, name: &str, state: NodeState) {
        let (pod, starting) = (self.pod(name), false);
        let sight = Sight {
            container: pod.running().expect("a container").to_owned(),
            at: self.now,
            said: Said::State { state, starting },
        };
        let uid = pod.uid.clone();
        self.evidence.look(&uid, &sight);
    }

    /// The guard's own collector tells of a complete cycle: these have tasks at risk, and the others have none.
    pub fn tell(&mut self, busy: &[&str]) {
        let held = Held {
            fatal: 2,
            recoverable: 0,
            bytes: 1,
            queries: 2,
        };
        let held: HashMap<_, _> = busy
            .iter()
            .map(|name| (self.pod(name).uid.clone(), held))
            .collect();
        let reading = Reading {
            supplier: Supplier::Own,
            cluster: cluster(),
            heard: self.now,
            complete: Some(Cycle {
                began: self.now,
                ended: self.now,
            }),
            mapped: true,
            held,
        };
        let members = self.world.members(&reading.cluster, Role::Worker);
        self.evidence.read(&reading, members);
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// What somebody is told who evicts this pod.
    pub fn evict(&self, name: &str) -> Verdict {
        let view = View {
            world: &self.world,
            evidence: &self.evidence,
            policy: &self.policy,
            now: self.now,
        };
        let ask = Ask {
            request: Request::Evict {
                pod: Name::new(SPACE, name),
                precondition: None,
            },
            caller: Caller::Other,
            user: "somebody".to_owned(),
            dry_run: false,
        };
        judge(&view, &ask)
    }
}

const WORKLOADS: [(Kind, &str, &str, u32); 4] = [
    (Kind::Deployment, "c", "coordinator", 1),
    (Kind::Deployment, "w", "worker", 3),
    (Kind::ReplicaSet, SET, "worker", 3),
    (Kind::StatefulSet, "s", "worker", 3),
];

pub fn cluster() -> ClusterId {
    ClusterId {
        namespace: SPACE.to_owned(),
        release: SPACE.to_owned(),
    }
}

fn labels(role: &str) -> Value {
    json!({"app.kubernetes.io/component": role, "app.kubernetes.io/instance": SPACE})
}

fn owned_by((kind, name): (&str, &str)) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true}])
}

/// A workload as the API server sends it.
pub fn described(name: &str, role: &str, replicas: u32) -> Value {
    let mut raw = json!({
        "metadata": {"name": name, "namespace": SPACE, "uid": format!("uid-{name}"), "resourceVersion": "1"},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": labels(role)}}},
    });
    if name == SET {
        raw["metadata"]["ownerReferences"] = owned_by(("Deployment", "w"));
    }
    raw
}

/// A pod that has run for an hour, as the API server sends it.
pub fn running(name: &str, uid: &str, role: &str, owner: (&str, &str), now: Time) -> Value {
    let born = now.before(Duration::from_secs(3600)).to_string();
    json!({
        "metadata": {"name": name, "namespace": SPACE, "uid": uid, "resourceVersion": "1", "labels": labels(role),
            "creationTimestamp": born, "ownerReferences": owned_by(owner)},
        "spec": {"nodeName": "n1", "terminationGracePeriodSeconds": 300, "containers": [{"name": "trino"}]},
        "status": {"phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": born}],
            "containerStatuses": [{"name": "trino", "containerID": format!("c-{uid}"),
                "state": {"running": {"startedAt": born}}}]},
    })
}
