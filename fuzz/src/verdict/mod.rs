//! No allow out of garbage: a small cluster to which the input's bytes do whatever they like, and every worker's eviction
//! judged after each step. An allow must rest on what its row names, and that is looked up in a record of what happened,
//! which shares no code with the guard.

mod oracle;
mod record;
mod step;

use std::collections::HashMap;
use std::time::Duration;

use xtrinode::core::guard::ask::{Ask, Caller, Outcome, Request};
use xtrinode::core::guard::class::View;
use xtrinode::core::guard::evidence::{
    Cycle, DrainPower, Evidence, Held, Listed, Reading, Said, Sight, Supplier,
};
use xtrinode::core::guard::facts::Name;
use xtrinode::core::guard::facts::place::{Mode, Namespace};
use xtrinode::core::guard::facts::pod::{ClusterId, Container, Owner, Phase, Pod, Role};
use xtrinode::core::guard::facts::workload::{Kind, Tuning, Workload};
use xtrinode::core::guard::notes::{Drain, Drained, Grant, GrantKey, Notes, Override};
use xtrinode::core::guard::policy::Policy;
use xtrinode::core::guard::time::Time;
use xtrinode::core::guard::verdict::judge;
use xtrinode::core::guard::world::World;
use xtrinode::trino::words::NodeState;

use record::Record;
use step::Step;

/// How many.
const WORKERS: usize = 3;

const SPACE: &str = "trino";

/// Any three bytes are a step. Answers whether anybody was let go.
pub fn check(input: &[u8]) -> bool {
    let mut model = Model::default();
    let mut freed = false;
    for bytes in input.chunks_exact(3).take(200) {
        model.take(Step::of([bytes[0], bytes[1], bytes[2]]));
        for worker in 0..WORKERS {
            freed |= model.judge(worker);
        }
    }
    freed
}

/// A cluster of a few workers, what the guard is told of it, and beside that a plain record of what happened.
struct Model {
    world: World,
    evidence: Evidence,
    policy: Policy,
    now: Time,
    records: Vec<Record>,
}

impl Default for Model {
    fn default() -> Self {
        let mut model = Self {
            world: World::default(),
            evidence: Evidence::default(),
            policy: Policy::default(),
            now: Time::from_millis(1_800_000_000_000),
            records: vec![Record::default(); WORKERS],
        };
        let namespace = Namespace {
            mode: Some(Mode::Enforce),
            ..Namespace::default()
        };
        model.world.put_namespace(SPACE.to_owned(), namespace);
        for (role, name) in [(Role::Coordinator, "c"), (Role::Worker, "w")] {
            model.world.put_workload(workload(role, name));
        }
        model.world.put_pod(model.pod(Role::Coordinator, "c", 0));
        for worker in 0..WORKERS {
            model.world.put_pod(model.pod(Role::Worker, "w", worker));
        }
        model
    }
}

impl Model {
    /// Lets a step happen.
    fn take(&mut self, step: Step) {
        match step {
            Step::Pass(span) => self.now = self.now + span,
            Step::Look(worker, said) => self.look(worker, said),
            Step::Cycle(cycle) => self.cycle(&cycle),
            Step::List(unfinished) => {
                let at = self.now;
                self.evidence.list(&cluster(), Listed { at, unfinished });
            }
            Step::Prove(worker) => self.prove(worker),
            Step::Power(power) => self.evidence.power(&cluster(), power),
            Step::Restart(worker) => self.restart(worker),
            Step::Ready(worker, ready) => {
                let now = self.now;
                self.edit(worker, |pod| {
                    (pod.ready, pod.ready_changed) = (ready, Some(now));
                });
            }
            Step::Refused(worker, since) => {
                let since = self.now.before(since);
                self.edit(worker, |pod| pod.notes.blocked_since = Some(since));
            }
            Step::Mark(worker, mark, ago) => self.mark(worker, mark, self.now.before(ago)),
            Step::Stop(worker) => self.edit(worker, |pod| {
                if let Some(container) = &mut pod.container {
                    container.running = false;
                }
            }),
        }
    }

    /// Judges a worker's eviction, and insists that an allow has its reason.
    fn judge(&self, worker: usize) -> bool {
        let view = View {
            world: &self.world,
            evidence: &self.evidence,
            policy: &self.policy,
            now: self.now,
        };
        let ask = Ask {
            request: Request::Evict {
                pod: name("w", worker),
                precondition: None,
            },
            caller: Caller::Other,
            user: "somebody".to_owned(),
            dry_run: false,
        };
        let verdict = judge(&view, &ask);
        let allowed = verdict.outcome == Outcome::Allow;
        if allowed {
            let pod = self.worker(worker);
            oracle::insist(
                verdict.row,
                &pod,
                &self.records[worker],
                self.now,
                &self.policy,
            );
        }
        allowed
    }

    fn look(&mut self, worker: usize, said: Said) {
        let pod = self.worker(worker);
        let Some(container) = pod.running() else {
            return;
        };
        self.records[worker].looked(container, self.now, &said);
        let sight = Sight {
            container: container.to_owned(),
            at: self.now,
            said,
        };
        self.evidence.look(&pod.uid, &sight);
    }

    fn cycle(&mut self, cycle: &step::Cycle) {
        let began = self.now.before(cycle.age);
        let (mut held, at_risk) = (
            HashMap::new(),
            Held {
                fatal: 1,
                recoverable: 0,
                bytes: 1,
                queries: 1,
            },
        );
        for worker in 0..WORKERS {
            let pod = self.worker(worker);
            let tasks = cycle.tasks[worker];
            if tasks {
                held.insert(pod.uid.clone(), at_risk);
            }
            let told = record::Told {
                began,
                complete: cycle.complete && cycle.mapped,
                tasks,
            };
            self.records[worker].told(pod.container.as_ref(), told);
        }
        let complete = cycle.complete.then_some(Cycle {
            began,
            ended: self.now,
        });
        let reading = Reading {
            supplier: if cycle.own {
                Supplier::Own
            } else {
                Supplier::Exporter
            },
            cluster: cluster(),
            heard: self.now,
            complete,
            mapped: cycle.mapped,
            held,
        };
        let members: Vec<_> = self
            .world
            .members(&cluster(), Role::Worker)
            .cloned()
            .collect();
        self.evidence.read(&reading, members.iter());
    }

    fn prove(&mut self, worker: usize) {
        let pod = self.worker(worker);
        if let Some(container) = pod.running() {
            self.records[worker].proven(container, self.now);
            self.evidence.prove(&pod.uid, container, self.now);
        }
    }

    fn restart(&mut self, worker: usize) {
        let now = self.now;
        self.edit(worker, |pod| {
            let restarts = pod.container.as_ref().map_or(0, |old| old.restarts + 1);
            pod.container = Some(Container {
                id: format!("{}-{restarts}", pod.uid),
                started: Some(now),
                running: true,
                restarts,
            });
        });
    }

    fn mark(&mut self, worker: usize, mark: step::Mark, at: Time) {
        let now = self.now;
        self.edit(worker, |pod| {
            let container = pod.running().unwrap_or_default().to_owned();
            match mark {
                step::Mark::Drain => pod.notes.drain = Some(Drain { container, at }),
                step::Mark::Drained => {
                    pod.notes.drained = Some(Drained {
                        container,
                        at,
                        written: None,
                    });
                }
                step::Mark::Returning => pod.notes.returning = Some(at),
                step::Mark::Grant => {
                    pod.notes.grant = Some(Grant {
                        uid: pod.uid.clone(),
                        container,
                        key: GrantKey::Pod,
                        at,
                        until: now + Duration::from_secs(120),
                    });
                }
                step::Mark::Glass(text) => pod.notes.break_glass = Some(Override::read(text)),
                step::Mark::Nothing => pod.notes = Notes::default(),
            }
        });
    }

    fn worker(&self, worker: usize) -> Pod {
        self.world
            .pod(&name("w", worker))
            .expect("a worker")
            .clone()
    }

    fn edit(&mut self, worker: usize, change: impl FnOnce(&mut Pod)) {
        let mut pod = self.worker(worker);
        change(&mut pod);
        self.world.put_pod(pod);
    }

    fn pod(&self, role: Role, owner: &str, number: usize) -> Pod {
        let born = self.now.before(Duration::from_secs(3600));
        let uid = format!("uid-{owner}-{number}");
        Pod {
            name: name(owner, number),
            resource_version: "1".to_owned(),
            role,
            cluster: cluster(),
            owner: Some(Owner {
                kind: Kind::StatefulSet,
                name: owner.to_owned(),
                uid: format!("uid-{owner}"),
            }),
            revision: None,
            node: Some(format!("node-{number}")),
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
                id: format!("{uid}-0"),
                started: Some(born),
                running: true,
                restarts: 0,
            }),
            cost: 0,
            notes: Notes::default(),
            uid,
        }
    }
}

fn name(owner: &str, number: usize) -> Name {
    Name::new(SPACE, format!("{owner}-{number}"))
}

fn cluster() -> ClusterId {
    ClusterId {
        namespace: SPACE.to_owned(),
        release: "demo".to_owned(),
    }
}

fn workload(role: Role, name: &str) -> Workload {
    Workload {
        kind: Kind::StatefulSet,
        name: Name::new(SPACE, name),
        uid: format!("uid-{name}"),
        resource_version: "1".to_owned(),
        role,
        cluster: cluster(),
        replicas: 3,
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
