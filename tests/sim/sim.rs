//! One episode: one cluster, its guard, its disruptions; what happens next, until nothing is left to wait for.

use xtrinode::core::guard::facts::pod::{Phase, Role};
use xtrinode::core::guard::facts::workload::Kind;
use xtrinode::core::guard::notes::Notes;
use xtrinode::trino::words::NodeState;

use crate::agenda::{Agenda, Event};
use crate::callers::Caller;
use crate::dice::Dice;
use crate::guard::Guard;
use crate::guard::supply::Supply;
use crate::invariant::Violation;
use crate::kube::store::{NewSet, Pix, Store, Wix, new_container, node_name, stamp};
use crate::params::Params;
use crate::review::Reviews;
use crate::tally::Tally;
use crate::trino::Trino;
use crate::trino::worker::Jvm;

/// Everything of one episode.
pub struct Sim {
    /// Milliseconds since it began.
    pub now: u64,
    agenda: Agenda,
    /// Chance.
    pub dice: Dice,
    /// What it is made of.
    pub params: Params,
    /// The API server's objects.
    pub store: Store,
    /// The queries.
    pub trino: Trino,
    /// The guard.
    pub guard: Guard,
    /// Requests on their way.
    pub reviews: Reviews,
    /// Those who remove pods.
    pub callers: Vec<Caller>,
    /// How many of them still want something.
    pub waiting: usize,
    /// What happened.
    pub tally: Tally,
    /// What must not have.
    pub violations: Vec<Violation>,
    /// Whether clocks have jumped.
    pub jumped: bool,
    /// Whether queries arrive.
    pub loaded: bool,
    /// Whether somebody waits, or a drain is on its way: everybody looks more often.
    pub busy: bool,
    /// Disruptions that are to come.
    pub remaining: u32,
    /// When something last broke or was forced.
    pub broke: u64,
    /// When there was last no query.
    pub trino_idle: u64,
    /// Whether the end is reached.
    pub over: bool,
    /// The story that is told.
    pub story: Option<&'static crate::stories::Story>,
    /// The lowest number of workers that was refused, and when.
    pub low_target: Option<(u32, u64)>,
    /// The number before it was raised last, and when that was.
    pub raised: Option<(u32, u64)>,
    /// The list by which a leader drained the last serving worker.
    pub last_list: Option<u64>,
    /// The list by which the last serving worker was told to drain, and when its coordinator had noticed at the latest.
    pub emptied: Option<(u64, u64)>,
    /// The rule of the request that is done now.
    pub judging: Option<xtrinode::core::guard::rows::Row>,
    /// When the leader is lost in its next drain.
    pub ambush: Option<Ambush>,
    /// How many were.
    pub ambushes: u32,
    /// Whether what happens is printed.
    pub traced: bool,
}

/// A moment at which a leader is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambush {
    /// Its record is written, its PUT not sent.
    BeforePut,
    /// The worker was told; the leader does not know it.
    AfterPut,
}

/// A cluster as old as this has settled, in milliseconds.
pub const SETTLED: u64 = 600_000;

impl Sim {
    /// A settled cluster.
    pub fn new(params: Params, dice: Dice) -> Self {
        let mut sim = Self {
            now: 0,
            agenda: Agenda::default(),
            dice,
            remaining: params.disruptions,
            params,
            store: Store::default(),
            trino: Trino::default(),
            guard: Guard::default(),
            reviews: Reviews::default(),
            callers: Vec::new(),
            waiting: 0,
            tally: Tally::default(),
            violations: Vec::new(),
            jumped: false,
            loaded: true,
            busy: false,
            broke: 0,
            trino_idle: 0,
            over: false,
            story: None,
            low_target: None,
            raised: None,
            last_list: None,
            emptied: None,
            judging: None,
            ambush: None,
            ambushes: 0,
            traced: false,
        };
        sim.build();
        sim.now = SETTLED;
        sim.begin_all();
        sim
    }

    fn build(&mut self) {
        self.store.begin(self.params.nodes);
        let (kind, workers) = (self.params.kind, self.params.workers);
        let top = self.add_top(kind, "w", Role::Worker, workers);
        let coordinator = self.add_top(Kind::Deployment, "c", Role::Coordinator, 1);
        let (top, coordinator) = (self.owner_of(top), self.owner_of(coordinator));
        for number in 0..workers {
            self.settle(top, format!("w-{number}"));
        }
        self.settle(coordinator, "c-0".to_owned());
    }

    /// Makes a workload.
    fn add_top(&mut self, kind: Kind, name: &str, role: Role, replicas: u32) -> Wix {
        let new = NewSet {
            kind,
            name,
            role,
            replicas,
            owner: None,
            revision: 1,
        };
        self.store.add_set(0, new)
    }

    /// What owns a workload's pods: itself, or its first ReplicaSet.
    fn owner_of(&mut self, top: Wix) -> Wix {
        if self.store.sets[top].workload.kind != Kind::Deployment {
            return top;
        }
        let set = self.new_replica_set(top);
        let replicas = self.store.sets[top].workload.replicas;
        self.store.edit_set(0, set, |set| set.replicas = replicas);
        set
    }

    /// A pod that has served for a while.
    fn settle(&mut self, set: Wix, called: String) {
        let pix = self.store.add_pod(0, set, called, self.params.pods);
        let node = self.dice.below(self.params.nodes);
        let cell = &mut self.store.cells[pix];
        cell.inc = 1;
        let mut jvm = Jvm::new(1, 0);
        jvm.starting = false;
        cell.jvm = Some(jvm);
        let worker = cell.pod.role == Role::Worker;
        self.store.edit(0, pix, |pod| {
            pod.node = Some(node_name(node));
            pod.phase = Phase::Running;
            pod.ready = true;
            pod.ready_changed = Some(stamp(10_000));
            pod.container = Some(new_container(stamp(0), pix, 1));
            pod.notes = Notes::default();
        });
        if worker {
            self.trino.believe(pix, 1, Some(NodeState::Active));
        } else {
            self.trino.coordinator = Some((pix, 1));
        }
    }

    fn begin_all(&mut self) {
        for at in 0..self.params.replicas {
            self.add_replica(at);
        }
        let (every, takes) = (self.params.cycle_every, self.params.cycle_takes);
        let exporter = self.params.exporter.then_some(None);
        let own = (0..self.params.replicas)
            .filter(|_| self.params.own)
            .map(Some);
        let supplies = exporter.into_iter().chain(own);
        self.guard.supplies = supplies.map(|of| Supply::new(of, every, takes)).collect();
        for at in 0..self.guard.supplies.len() {
            let first = self.dice.between(0, every);
            self.enter(first, Event::Cycle(at));
        }
        self.enter(0, Event::Arrive);
        self.enter(10_000, Event::Autoscale);
        if self.params.jumps {
            let first = self.dice.between(60_000, 600_000);
            self.enter(first, Event::Jump);
        }
        if self.params.faults {
            let first = self.dice.between(30_000, 300_000);
            self.enter(first, Event::Fault);
        }
    }

    fn add_replica(&mut self, at: usize) {
        let skew = self.dice.between(0, 2 * self.params.skew);
        let skew = i64::try_from(skew).expect("a small skew")
            - i64::try_from(self.params.skew).expect("a small skew");
        let replica = self.guard.begin(&self.store, self.now, 0, skew);
        self.guard.replicas.push(replica);
        let first = self.dice.between(0, 1000);
        self.enter(first, Event::Tick(at, 0));
    }

    /// Something happens so much later.
    pub fn enter(&mut self, wait: u64, event: Event) {
        self.agenda.enter(self.now + wait, event);
    }

    /// Prints what happens, where somebody looks.
    pub fn trace(&self, told: impl FnOnce() -> String) {
        if self.traced {
            println!("{:>10.3} {}", self.now as f64 / 1000.0, told());
        }
    }

    /// Runs until nothing is left to wait for, or for so long.
    pub fn run(&mut self, limit: u64) {
        let end = self.now + limit;
        while !self.over && self.violations.len() < 5 {
            let Some((at, event)) = self.agenda.next() else {
                break;
            };
            if at > end {
                break;
            }
            self.now = at;
            self.happen(event);
        }
        self.tally.simulated += self.now - SETTLED;
    }

    fn happen(&mut self, event: Event) {
        if self.trino.unfinished() == 0 {
            self.trino_idle = self.now;
        }
        match event {
            Event::Arrive => self.arrive(),
            Event::Begin(query, attempt) => self.begin(query, attempt),
            Event::Stage(query, attempt) => self.place_stage(query, attempt),
            Event::Task(query, attempt, task) => self.task_on(query, attempt, task),
            Event::End(query, attempt) => self.end_query(query, attempt),
            Event::Notice(pod, inc) => self.notice(pod, inc),
            Event::Drain(pod, inc, drain) => self.drain_on(pod, inc, drain),
            Event::Bind(pod) => self.bind(pod),
            Event::Start(pod, inc) => self.start(pod, inc),
            Event::Ready(pod, inc) => self.ready(pod, inc),
            Event::Terminate(pod) => self.terminate(pod),
            Event::Die(pod, inc) => self.die(pod, inc),
            Event::Reconcile(set) => self.reconcile(set),
            Event::Collect(pod, tries) => self.collect(pod, tries),
            Event::Admit(review) => self.admit(review),
            Event::Looked(review) => self.looked(review),
            Event::Again(review) => self.again(review),
            Event::Granted(review) => self.grants(review),
            Event::Commit(review) => self.commit(review),
            Event::Wanted(review) => self.wanted(review),
            other => self.happen_around(other),
        }
    }

    fn happen_around(&mut self, event: Event) {
        match event {
            Event::Caller(caller) => self.caller_on(caller),
            Event::Disrupt => self.disrupt(),
            Event::Autoscale => self.autoscale(),
            Event::Tick(replica, epoch) => self.tick(replica, epoch),
            Event::Cycle(supply) => self.cycle(supply),
            Event::CycleHalf(supply) => self.cycle_half(supply),
            Event::CycleEnd(supply) => self.cycle_end(supply),
            Event::Act(replica, epoch, action) => self.act(replica, epoch, *action),
            Event::Put(replica, epoch, pod, inc, drain) => {
                self.put_arrives(replica, epoch, pod, inc, drain)
            }
            Event::Foreign(pod, inc) => self.foreign_end(pod, inc),
            Event::Revive(replica) => self.revive(replica),
            Event::Fault => self.fault(),
            Event::Jump => self.jump(),
            Event::Misled(replica) => self.misled(replica),
            Event::Script(step) => self.script(step),
            _ => {}
        }
    }

    /// How many seconds it has lasted.
    pub fn spent(&self) -> f64 {
        (self.now - SETTLED) as f64 / 1000.0
    }

    /// A pod was let go.
    pub fn count_removal(&mut self, _pod: Pix) {
        self.tally.removed += 1;
    }

    /// Whether anybody waits or anything of ours is on a pod.
    pub fn measure_busy(&mut self) {
        // Once everybody has gone, what is left to wait for is silence.
        let leaving = |pix: &Pix| {
            let notes = &self.store.cells[*pix].pod.notes;
            notes.drained.is_some() || notes.returning.is_some()
        };
        self.busy = self.waiting > 0 || self.store.live.iter().any(leaving);
    }
}
