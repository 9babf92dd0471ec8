//! What the tests of the guard let happen in a [`Scene`]: looks, cycles, lists, refusals, drains, and the requests of its
//! callers. Decides nothing.

use std::time::Duration;

use crate::trino::words::NodeState;

use super::ask::{Ask, Caller, Request, Verdict};
use super::evidence::{Cycle, DrainPower, Held, Listed, Reading, Said, Sight, Supplier};
use super::facts::Name;
use super::facts::pod::{Container, Role};
use super::facts::workload::{Kind, Workload};
use super::notes::{Drain, Drained, Grant, GrantKey, Override};
use super::plan::scene::{SPACE, Scene, cluster};
use super::time::Time;
use super::verdict::judge;

/// Who asks in the tests: never to be read in an answer.
pub const USER: &str = "alice@example.com";

impl Scene {
    /// A look at a pod's running container, now.
    pub fn look(&mut self, name: &str, said: Said) {
        let pod = self.pod(name);
        let container = pod.running().expect("a running container").to_owned();
        let sight = Sight {
            container,
            at: self.now,
            said,
        };
        self.evidence.look(&pod.uid, &sight);
    }

    /// A worker answers, now.
    pub fn says(&mut self, name: &str, state: NodeState) {
        let starting = false;
        self.look(name, Said::State { state, starting });
    }

    /// A worker answers the same every few seconds for a while.
    pub fn keeps_saying(&mut self, name: &str, state: NodeState, seconds: u64) {
        self.says(name, state);
        for _ in 0..seconds {
            self.pass(1);
            self.says(name, state);
        }
    }

    /// A worker gives no answer, once a second, for a while.
    pub fn keeps_failing(&mut self, name: &str, said: &Said, seconds: u64) {
        self.look(name, said.clone());
        for _ in 0..seconds {
            self.pass(1);
            self.look(name, said.clone());
        }
    }

    /// Tells what workers hold: tasks by name.
    pub fn hear(&mut self, supplier: Supplier, complete: Option<Time>, tasks: &[(&str, u64)]) {
        let held = tasks.iter().map(|(name, tasks)| {
            let held = held(*tasks);
            (self.pod(name).uid, held)
        });
        let reading = Reading {
            supplier,
            cluster: cluster(),
            heard: self.now,
            complete: complete.map(|began| Cycle {
                began,
                ended: self.now,
            }),
            mapped: true,
            held: held.collect(),
        };
        let members = self.world.members(&reading.cluster, Role::Worker);
        self.evidence.read(&reading, members);
    }

    /// A complete cycle of the guard's own collector, now.
    pub fn cycle(&mut self, tasks: &[(&str, u64)]) {
        self.hear(Supplier::Own, Some(self.now), tasks);
    }

    /// Complete cycles without anything at risk, one each second.
    pub fn calm(&mut self, seconds: u64) {
        self.cycle(&[]);
        for _ in 0..seconds {
            self.pass(1);
            self.cycle(&[]);
        }
    }

    /// A task that belongs to no pod.
    pub fn unmapped(&mut self) {
        let reading = Reading {
            supplier: Supplier::Own,
            cluster: cluster(),
            heard: self.now,
            complete: Some(Cycle {
                began: self.now,
                ended: self.now,
            }),
            mapped: false,
            held: std::collections::HashMap::new(),
        };
        let members = self.world.members(&reading.cluster, Role::Worker);
        self.evidence.read(&reading, members);
    }

    /// A query list.
    pub fn list(&mut self, unfinished: u64) {
        let at = self.now;
        self.evidence.list(&cluster(), Listed { at, unfinished });
    }

    /// Whether workers let themselves be drained.
    pub fn power(&mut self, power: DrainPower) {
        self.evidence.power(&cluster(), power);
    }

    /// A pod's removal was first refused so many seconds ago.
    pub fn refused(&mut self, name: &str, seconds: u64) {
        let since = self.now.before(Duration::from_secs(seconds));
        self.edit(name, |pod| pod.notes.blocked_since = Some(since));
    }

    /// A drain of ours was recorded so many seconds ago.
    pub fn recorded(&mut self, name: &str, seconds: u64) {
        let at = self.now.before(Duration::from_secs(seconds));
        let container = self.pod(name).running().expect("a container").to_owned();
        self.edit(name, |pod| pod.notes.drain = Some(Drain { container, at }));
    }

    /// The proof and the cost were written on a pod, now.
    pub fn announced(&mut self, name: &str) {
        let at = self.now;
        let container = self.pod(name).running().expect("a container").to_owned();
        let drained = Drained {
            container,
            at,
            written: None,
        };
        self.edit(name, |pod| {
            pod.notes.drained = Some(drained);
            pod.cost = -100;
        });
    }

    /// Our drain of a worker until it says DRAINED; nobody has confirmed anything yet.
    pub fn drain(&mut self, name: &str) {
        self.recorded(name, 0);
        self.keeps_saying(name, NodeState::Draining, 20);
        self.says(name, NodeState::Drained);
    }

    /// The same until everything is proven and written down.
    pub fn drained(&mut self, name: &str) {
        self.drain(name);
        self.cycle(&[]);
        self.announced(name);
    }

    /// A grant on a pod that still counts.
    pub fn granted(&mut self, name: &str, key: GrantKey) {
        let pod = self.pod(name);
        let grant = Grant {
            uid: pod.uid.clone(),
            container: pod.running().unwrap_or_default().to_owned(),
            key,
            at: self.now,
            until: self.now + self.policy.bounds.grant_ttl,
        };
        self.edit(name, |pod| pod.notes.grant = Some(grant));
    }

    /// The container of a pod ended and another one runs.
    pub fn restart(&mut self, name: &str) {
        let (now, next) = (self.now, format!("container-{name}-next"));
        self.edit(name, |pod| {
            pod.container = Some(Container {
                id: next,
                started: Some(now),
                running: true,
                restarts: 1,
            });
        });
    }

    /// The container of a pod ended and none runs.
    pub fn crash(&mut self, name: &str) {
        self.edit(name, |pod| {
            let container = pod.container.as_mut().expect("a container");
            container.running = false;
            pod.ready = false;
        });
    }

    /// The kubelet no longer calls a pod Ready.
    pub fn unready(&mut self, name: &str) {
        let now = self.now;
        self.edit(name, |pod| {
            (pod.ready, pod.ready_changed) = (false, Some(now));
        });
    }

    /// Changes a workload.
    pub fn tune(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Workload)) {
        let found = self.world.workload(kind, &Name::new(SPACE, name));
        let mut workload = found.expect("a workload").clone();
        change(&mut workload);
        self.put(workload);
    }

    /// Takes a pod away.
    pub fn remove(&mut self, name: &str) {
        self.world.drop_pod(&Name::new(SPACE, name));
    }

    /// Break-glass text, with its end so many seconds ahead.
    pub fn glass(&self, seconds: u64) -> Override {
        let end = self.now + Duration::from_secs(seconds);
        Override::read(&format!("{end};the node is on fire"))
    }

    /// The answer.
    pub fn judge(&self, ask: &Ask) -> Verdict {
        judge(&self.view(), ask)
    }
}

/// So many tasks at risk, in 34.0 MiB, of two queries; nothing for none.
pub fn held(tasks: u64) -> Held {
    match tasks {
        0 => Held::default(),
        _ => Held {
            fatal: tasks,
            recoverable: 0,
            bytes: 34 << 20,
            queries: 2,
        },
    }
}

/// A request by a person.
pub fn by_person(request: Request) -> Ask {
    by(Caller::Other, request)
}

/// A request.
pub fn by(caller: Caller, request: Request) -> Ask {
    Ask {
        request,
        caller,
        user: USER.to_owned(),
        dry_run: false,
    }
}

/// The eviction of a pod.
pub fn evict(pod: &str) -> Request {
    Request::Evict {
        pod: Name::new(SPACE, pod),
        precondition: None,
    }
}

/// The deletion of a pod.
pub fn delete(pod: &str) -> Request {
    Request::Delete {
        pod: Name::new(SPACE, pod),
        uid: format!("uid-{pod}"),
        deleting: false,
        grace: None,
    }
}

/// Another number of replicas for the workers.
pub fn scale(kind: Kind, old: u32, new: u32) -> Request {
    scale_of(kind, "w", old, new)
}

/// Another number of replicas.
pub fn scale_of(kind: Kind, name: &str, old: u32, new: u32) -> Request {
    Request::Scale {
        kind,
        workload: Name::new(SPACE, name),
        old,
        new,
        whole: false,
    }
}
