//! The plan, played by hand: a [`Stage`] performs its actions on a small cluster, second by second, and writes down what
//! was done. Each rule has a test named after it.

mod autoscaler;
mod floor;
mod giveback;
mod kicks;
mod quiet;
mod stories;
mod wants;

use std::collections::{BTreeMap, HashMap};
use std::ops::{Deref, DerefMut};

use super::scene::{SPACE, Scene, cluster};
use super::{Action, HintStep, Memory, Subject, plan};
use crate::core::guard::evidence::{
    Cycle, DrainPower, Held, Listed, Reading, Said, Sight, Supplier,
};
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::notes::{Cause, Grant, GrantKey, Hints, Notes, Number, Want};
use crate::trino::words::NodeState;

/// A cluster whose Trino answers, a leader and an executor.
struct Stage {
    scene: Scene,
    memory: Memory,
    /// What each worker says; none: it is silent.
    says: HashMap<String, Option<NodeState>>,
    /// Tasks at risk on each worker.
    tasks: BTreeMap<String, u64>,
    /// Unfinished queries; none: no list is read.
    queries: Option<u64>,
    /// Whether what the leader tells a worker arrives.
    puts: bool,
    /// Whether the coordinator is asked for proofs.
    proves: bool,
    /// Whether kicks are written.
    kicks: bool,
    log: Vec<String>,
}

impl Deref for Stage {
    type Target = Scene;
    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut Scene {
        &mut self.scene
    }
}

impl Stage {
    /// A Deployment whose workers have served for a while, with one query running.
    fn deployment(count: u32) -> Self {
        Self::on(Scene::deployment(count))
    }

    fn stateful_set(count: u32) -> Self {
        Self::on(Scene::stateful_set(count))
    }

    fn on(mut scene: Scene) -> Self {
        let cluster = cluster();
        scene.evidence.power(&cluster, DrainPower::Yes);
        let pods = scene.world.members(&cluster, Role::Worker);
        let says = pods.map(|pod| (pod.uid.clone(), Some(NodeState::Active)));
        let mut stage = Self {
            says: says.collect(),
            scene,
            memory: Memory::default(),
            tasks: BTreeMap::new(),
            queries: Some(1),
            puts: true,
            kicks: true,
            proves: true,
            log: Vec::new(),
        };
        stage.run(20);
        stage.log.clear();
        stage
    }

    /// Seconds pass; in each, everything is read, planned and performed.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.pass(1);
            self.trino();
            self.read();
            self.act();
        }
    }

    /// What was done so far, but for Events, costs and probes; forgets it.
    fn done(&mut self) -> Vec<String> {
        let mut log = std::mem::take(&mut self.log);
        let dull = ["event", "cost", "probe"];
        log.retain(|line| !dull.iter().any(|word| line.starts_with(word)));
        log
    }

    /// What was done so far of one kind; forgets all.
    fn only(&mut self, kind: &str) -> Vec<String> {
        let log = std::mem::take(&mut self.log);
        let found = log.iter().filter_map(|line| line.strip_prefix(kind));
        found.map(|rest| rest.trim().to_owned()).collect()
    }

    /// A removal is refused, as the webhook writes it down.
    fn refuse(&mut self, name: &str, cause: Cause) {
        self.refuse_scale(name, cause, None);
    }

    fn refuse_scale(&mut self, name: &str, cause: Cause, target: Option<u32>) {
        let at = self.now;
        let pod = self.pod(name);
        let workload = self.world.workload_of(&pod);
        let from = workload.map_or(u32::MAX, |workload| workload.replicas);
        let number = target.map(|target| Number { target, from, at });
        self.edit(name, |pod| {
            let since = pod.notes.want.as_ref().map_or(at, |want| want.since);
            pod.notes.blocked_since.get_or_insert(at);
            pod.notes.want = Some(Want {
                at,
                since,
                cause,
                by: "somebody".to_owned(),
                number,
            });
        });
    }

    /// A removal is allowed, as the webhook writes it down.
    fn grant(&mut self, name: &str) {
        let at = self.now;
        self.edit(name, |pod| {
            pod.notes.grant = Some(Grant {
                uid: pod.uid.clone(),
                container: pod.running().unwrap_or_default().to_owned(),
                key: GrantKey::Pod,
                at,
                until: at + std::time::Duration::from_secs(120),
            });
        });
    }

    /// The pod goes.
    fn remove(&mut self, name: &str) {
        self.world.drop_pod(&Name::new(SPACE, name));
    }

    /// A new pod of the Deployment comes and serves.
    fn replace(&mut self, name: &str) {
        let mut pod = self.pod_of(Kind::ReplicaSet, "rs", name);
        pod.node = Some(format!("node-of-{name}"));
        self.says.insert(pod.uid.clone(), Some(NodeState::Active));
        self.world.put_pod(pod);
    }

    fn cordon(&mut self, node: &str, cordoned: bool) {
        let mut facts = self.world.node(node).expect("a node").clone();
        facts.cordoned = cordoned;
        self.world.put_node(node.to_owned(), facts);
    }

    fn replicas(&mut self, count: u32) {
        for uid in ["uid-w", "uid-rs"] {
            let found = self.world.workload_by_uid(uid).cloned();
            if let Some(mut workload) = found {
                workload.replicas = count;
                self.put(workload);
            }
        }
    }

    fn says(&mut self, name: &str, state: Option<NodeState>) {
        self.says.insert(format!("uid-{name}"), state);
    }

    fn state(&self, name: &str) -> Option<NodeState> {
        self.says[&format!("uid-{name}")]
    }

    /// Another leader takes over: it saw the same of Trino and remembers nothing.
    fn change_leader(&mut self) {
        self.memory = Memory::default();
    }

    fn workers(&self) -> Vec<Pod> {
        let cluster = cluster();
        let pods = self.world.members(&cluster, Role::Worker);
        pods.cloned().collect()
    }

    /// A worker that drains and has no task left says so.
    fn trino(&mut self) {
        for (uid, said) in &mut self.says {
            let idle = self.tasks.get(uid).is_none_or(|tasks| *tasks == 0);
            if idle && *said == Some(NodeState::Draining) {
                *said = Some(NodeState::Drained);
            }
        }
    }

    fn read(&mut self) {
        let now = self.now;
        for pod in self.workers() {
            let Some(container) = pod.running() else {
                continue;
            };
            let said = match self.says.get(&pod.uid).copied().flatten() {
                Some(state) => Said::State {
                    state,
                    starting: false,
                },
                None => Said::Silent,
            };
            let container = container.to_owned();
            let sight = Sight {
                container,
                at: now,
                said,
            };
            self.evidence.look(&pod.uid, &sight);
        }
        let Some(unfinished) = self.queries else {
            return;
        };
        let list = Listed {
            at: now,
            unfinished,
        };
        self.evidence.list(&cluster(), list);
        self.cycle();
    }

    fn cycle(&mut self) {
        let began = self.now;
        let busy = self.tasks.iter().filter(|(_, tasks)| **tasks > 0);
        let held = busy.map(|(uid, tasks)| {
            let held = Held {
                fatal: *tasks,
                queries: 1,
                ..Held::default()
            };
            (uid.clone(), held)
        });
        let reading = Reading {
            supplier: Supplier::Own,
            cluster: cluster(),
            heard: began,
            complete: Some(Cycle {
                began,
                ended: began,
            }),
            mapped: true,
            held: held.collect(),
        };
        let members = self.workers();
        // Proofs are asked for, so that who asks is seen.
        let proven = |stage: &Self, pod: &Pod| {
            let seen = stage.evidence.worker(pod);
            seen.is_some_and(|seen| seen.proof.is_none() && seen.drained_since().is_some())
        };
        let waits = members.iter().any(|pod| proven(self, pod));
        if !waits {
            self.evidence.read(&reading, members.iter());
        }
    }

    fn act(&mut self) {
        let actions = plan(&self.scene.view(), &mut self.memory);
        for action in actions {
            self.log.push(line(&action));
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        let name = action
            .pod()
            .map(|uid| uid.trim_start_matches("uid-").to_owned());
        let Some(name) = name else {
            return;
        };
        match action {
            Action::BeginDrain {
                uid, drain, cost, ..
            } => {
                self.edit(&name, |pod| {
                    pod.notes.drain = Some(drain);
                    pod.notes.drained = None;
                    pod.cost = cost.unwrap_or(pod.cost);
                });
                self.tell(&uid, &[NodeState::Active], NodeState::Draining);
            }
            Action::PutActive { uid } => {
                let from = [NodeState::Draining, NodeState::Drained];
                self.tell(&uid, &from, NodeState::Active);
            }
            Action::Prove { uid, .. } => {
                let pod = self.pod(&name);
                let container = pod.running().expect("a container");
                let now = self.now;
                if self.proves {
                    self.evidence.prove(&uid, container, now);
                } else {
                    self.evidence.cannot_prove(&uid, container, now);
                }
            }
            Action::Kick { .. } if !self.kicks => {}
            other => self.edit(&name, |pod| write(pod, other)),
        }
    }

    fn tell(&mut self, uid: &str, from: &[NodeState], to: NodeState) {
        let said = self.says.get_mut(uid).expect("a worker");
        if self.puts && said.is_some_and(|state| from.contains(&state)) {
            *said = Some(to);
        }
    }
}

/// Performs what only writes on a pod.
fn write(pod: &mut Pod, action: Action) {
    let forget = |pod: &mut Pod, keep_want: bool| {
        (pod.notes.grant, pod.notes.drained) = (None, None);
        if super::bands::is_ours(pod.cost) {
            pod.cost = 0;
        }
        if !keep_want {
            (pod.notes.want, pod.notes.blocked_since) = (None, None);
        }
    };
    match action {
        Action::Kick { cost, drained, .. } => {
            pod.cost = cost;
            pod.notes.drained = drained.or_else(|| pod.notes.drained.take());
        }
        Action::Cost { cost, .. } => pod.cost = cost.unwrap_or_default(),
        Action::Hint { step, .. } => {
            pod.notes.hints = match step {
                HintStep::Hold(at) => Some(Hints {
                    at,
                    held: true,
                    ours: Vec::new(),
                }),
                HintStep::Drop => pod.notes.hints.clone().map(|hints| Hints {
                    held: false,
                    ..hints
                }),
                HintStep::Clear => None,
            }
        }
        Action::Return { at, keep_want, .. } => {
            forget(pod, keep_want);
            pod.notes.returning = Some(at);
        }
        Action::Forget { keep_want, .. } => {
            forget(pod, keep_want);
            (pod.notes.returning, pod.notes.drain) = (None, None);
        }
        Action::Clean { returning, .. } => {
            forget(pod, false);
            pod.notes.hints = None;
            pod.notes.returning = returning;
            if returning.is_none() {
                pod.notes.drain = None;
            }
        }
        _ => {}
    }
}

/// An action in one line.
fn line(action: &Action) -> String {
    let name = |uid: &str| uid.trim_start_matches("uid-").to_owned();
    match action {
        Action::BeginDrain { uid, .. } => format!("begin {}", name(uid)),
        Action::Prove { uid, .. } => format!("prove {}", name(uid)),
        Action::Kick { uid, .. } => format!("kick {}", name(uid)),
        Action::Evict { uid } => format!("evict {}", name(uid)),
        Action::Cost { uid, cost } => {
            let cost = cost.map_or_else(|| "none".to_owned(), |cost| cost.to_string());
            format!("cost {} {cost}", name(uid))
        }
        Action::Hint { uid, step } => {
            let step = match step {
                HintStep::Hold(_) => "hold",
                HintStep::Drop => "drop",
                HintStep::Clear => "clear",
            };
            format!("hint {} {step}", name(uid))
        }
        Action::Return { uid, .. } => format!("return {}", name(uid)),
        Action::PutActive { uid } => format!("active {}", name(uid)),
        Action::Forget { uid, .. } => format!("forget {}", name(uid)),
        Action::Clean { uid, .. } => format!("clean {}", name(uid)),
        Action::ProbePower { .. } => "probe".to_owned(),
        Action::Event { about, reason, .. } => {
            let (Subject::Pod(uid) | Subject::Workload(uid)) = about;
            format!("event {} {}", name(uid), reason.word())
        }
    }
}
