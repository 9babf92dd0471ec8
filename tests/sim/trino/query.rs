//! Queries: stages of tasks that run, hold their output until somebody has read it, and end. What a query loses decides
//! whether it lives on.

use xtrinode::core::buffers::holdings::Holdings;
use xtrinode::core::guard::evidence::Held;
use xtrinode::core::guard::facts::pod::Role;
use xtrinode::core::guard::time::Time;
use xtrinode::trino::task::{OutputBuffer, Task};
use xtrinode::trino::words::{BufferState, BufferType, RetryPolicy, TaskState};

use crate::agenda::Event;
use crate::checks::Blame;
use crate::kube::store::{Pix, ahead};
use crate::sim::Sim;

/// A statement of a transaction takes at least so long, and so long passes at most between two, in milliseconds: the
/// guard's lists, at most 10 s apart in one run, see a statement in between.
const STATEMENT: u64 = 12_000;
const PAUSE: u64 = 4000;

/// How far a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for a worker.
    Queued,
    /// Is planned; has no task.
    Planning,
    /// Has tasks.
    Running,
    /// Its client reads the rest, which lies in the coordinator.
    Finishing,
    /// A transaction between two of its statements: no query, and lost with the coordinator all the same.
    Between,
    /// Is over.
    Over,
}

/// A query.
pub struct Query {
    /// How far it is.
    pub phase: Phase,
    /// What it does with a loss.
    pub retry: RetryPolicy,
    /// When it, or the present statement of a transaction, was submitted.
    pub created: u64,
    /// The same, as its id says.
    pub named: Time,
    /// When its transaction began.
    pub begun: u64,
    /// Statements of the transaction that are to come.
    more: u32,
    /// Since when this try has waited for workers.
    queued: u64,
    /// Which try this is.
    pub attempt: u32,
    /// How many times it began again.
    pub again: u32,
    stages: Vec<Plan>,
    placed: usize,
    /// The tasks of this try.
    pub tasks: Vec<Placed>,
}

/// A stage as planned.
#[derive(Clone, Copy)]
struct Plan {
    width: usize,
    run: u64,
    hold: u64,
    gap: u64,
}

/// A task.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// Where.
    pub pod: Pix,
    /// In which process.
    pub inc: u32,
    /// How far.
    pub step: Step,
    stage: usize,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// On its way to the worker.
    Coming,
    /// RUNNING.
    Running,
    /// FLUSHING: done, its output not read.
    Flushing,
    /// Done.
    Done,
}

impl Query {
    /// What this query has at risk on workers, as the exporter counts its QueryInfo.
    pub fn held(&self) -> impl Iterator<Item = (Pix, Held)> + '_ {
        let kept = self.phase == Phase::Running;
        let tasks = self.tasks.iter().filter(move |_| kept);
        tasks.filter_map(|task| {
            let mut holdings = Holdings::default();
            holdings.count(&self.reported(task.step));
            let count = holdings.at_risk.total();
            let fatal = if self.retry == RetryPolicy::Query {
                0
            } else {
                count
            };
            let held = Held {
                fatal,
                recoverable: count - fatal,
                bytes: holdings.bytes,
                queries: count,
            };
            (count > 0).then_some((task.pod, held))
        })
    }

    /// A task as Trino reports it.
    fn reported(&self, step: Step) -> Task<'static> {
        let (state, buffer) = match step {
            Step::Coming | Step::Running => (TaskState::Running, BufferState::Open),
            Step::Flushing => (TaskState::Flushing, BufferState::Flushing),
            Step::Done => (TaskState::Finished, BufferState::Finished),
        };
        let external = self.retry == RetryPolicy::Task;
        let kind = if external {
            BufferType::External
        } else {
            BufferType::Partitioned
        };
        Task {
            id: "",
            self_uri: "",
            node_id: "",
            state,
            buffer: Some(OutputBuffer {
                kind,
                state: buffer,
                ..OutputBuffer::EMPTY
            }),
        }
    }
}

impl Sim {
    /// Somebody submits a query; the next one comes after a while.
    pub fn arrive(&mut self) {
        if !self.loaded {
            return;
        }
        let next = self.dice.skewed(10, self.params.query_every * 3);
        self.enter(next, Event::Arrive);
        if self.trino.open.len() < self.params.query_limit {
            self.submit_query();
        }
    }

    /// Submits a query, if there is a coordinator.
    pub fn submit_query(&mut self) {
        if self.trino.coordinator.is_none() {
            return;
        }
        let mut query = self.draw_query();
        if self.dice.mille(self.params.transactions) {
            query.more = 2;
        }
        let qix = self.trino.queries.len();
        self.trace(|| format!("q{qix} is submitted"));
        self.trino.newest = self.trino.newest.max(Some(query.named));
        self.trino.queries.push(query);
        self.trino.open.push(qix);
        self.tally.submitted += 1;
        let wait = self.dice.skewed(5, 1500);
        self.enter(wait, Event::Begin(qix, 0));
    }

    fn coordinators_time(&self) -> Time {
        ahead(self.store.stamp(self.now), self.params.trino_ahead)
    }

    fn draw_query(&mut self) -> Query {
        let long = self.params.query_long;
        let count = self.dice.between(1, 4);
        let stages = (0..count).map(|_| self.draw_stage(long)).collect();
        let retry = match self.dice.below(10) {
            0 => RetryPolicy::Query,
            1 => RetryPolicy::Task,
            _ => RetryPolicy::None,
        };
        Query {
            phase: Phase::Queued,
            retry,
            created: self.now,
            named: self.coordinators_time(),
            begun: self.now,
            more: 0,
            queued: self.now,
            attempt: 0,
            again: 0,
            stages,
            placed: 0,
            tasks: Vec::new(),
        }
    }

    fn draw_stage(&mut self, long: u64) -> Plan {
        let slow = self.dice.mille(150);
        Plan {
            width: self.dice.pick(&[1, 2, 4, 99]),
            run: self.dice.skewed(20, long),
            hold: if slow {
                self.dice.skewed(100, long * 3)
            } else {
                self.dice.between(0, 500)
            },
            gap: if self.dice.mille(700) {
                0
            } else {
                self.dice.skewed(100, long)
            },
        }
    }

    /// A query looks for workers to begin on.
    pub fn begin(&mut self, qix: usize, attempt: u32) {
        if self.is_stale(qix, attempt) {
            return;
        }
        let (now, named) = (self.now, self.coordinators_time());
        let query = &mut self.trino.queries[qix];
        if query.phase == Phase::Between {
            self.trino.between -= 1;
            query.phase = Phase::Queued;
            (query.created, query.queued) = (now, now);
            query.named = named;
            self.trino.newest = self.trino.newest.max(Some(query.named));
        }
        if !self.trino.active().is_empty() {
            self.trino.queries[qix].phase = Phase::Planning;
            let planning = self.dice.skewed(5, 2000);
            self.enter(planning, Event::Stage(qix, attempt));
            return;
        }
        let waited = self.now - self.trino.queries[qix].queued;
        if waited > 300_000 {
            self.fail_query(qix, Blame::Starved);
        } else {
            self.enter(1000, Event::Begin(qix, attempt));
        }
    }

    /// The next stage of a query is placed on what the coordinator believes ACTIVE.
    pub fn place_stage(&mut self, qix: usize, attempt: u32) {
        if self.is_stale(qix, attempt) {
            return;
        }
        let mut active = self.trino.active();
        if active.is_empty() {
            self.fail_query(qix, Blame::NoNodes);
            return;
        }
        let query = &mut self.trino.queries[qix];
        let stage = query.placed;
        let plan = query.stages[stage];
        query.phase = Phase::Running;
        query.placed += 1;
        let next = query.stages.get(query.placed).map(|next| next.gap);
        while active.len() > plan.width {
            active.swap_remove(self.dice.below(active.len()));
        }
        for node in active {
            self.place_task(qix, attempt, stage, node);
        }
        if let Some(gap) = next {
            self.enter(gap, Event::Stage(qix, attempt));
        }
    }

    fn place_task(&mut self, qix: usize, attempt: u32, stage: usize, (pod, inc): (Pix, u32)) {
        let query = &mut self.trino.queries[qix];
        let task = query.tasks.len();
        let step = Step::Coming;
        query.tasks.push(Placed {
            pod,
            inc,
            step,
            stage,
        });
        let way = self.dice.skewed(1, 500);
        self.enter(way, Event::Task(qix, attempt, task));
    }

    /// A task goes on to its next phase.
    pub fn task_on(&mut self, qix: usize, attempt: u32, task: usize) {
        if self.is_stale(qix, attempt) {
            return;
        }
        let Placed {
            pod,
            inc,
            step,
            stage,
        } = self.trino.queries[qix].tasks[task];
        let plan = self.trino.queries[qix].stages[stage];
        let next = match step {
            Step::Coming => match self.jvm(pod, inc) {
                Some(jvm) => {
                    jvm.tasks += 1;
                    Step::Running
                }
                // Nobody there: the coordinator had not noticed.
                None => return self.task_lost(qix, task),
            },
            Step::Running if self.trino.queries[qix].retry == RetryPolicy::Task => Step::Done,
            Step::Running => Step::Flushing,
            Step::Flushing | Step::Done => Step::Done,
        };
        self.trino.queries[qix].tasks[task].step = next;
        match next {
            Step::Done => {
                self.task_gone(pod, inc);
                self.maybe_finish(qix, attempt);
            }
            _ => {
                let span = if next == Step::Running {
                    plan.run
                } else {
                    plan.hold
                };
                let span = self.dice.between(span / 2, span);
                self.enter(span, Event::Task(qix, attempt, task));
            }
        }
    }

    fn maybe_finish(&mut self, qix: usize, attempt: u32) {
        let query = &mut self.trino.queries[qix];
        let placed = query.placed == query.stages.len();
        if placed && query.tasks.iter().all(|task| task.step == Step::Done) {
            query.phase = Phase::Finishing;
            let tail = if query.begun < query.created || query.more > 0 {
                STATEMENT
            } else {
                self.dice.skewed(10, 8000)
            };
            self.enter(tail, Event::End(qix, attempt));
        }
    }

    /// The client has read everything.
    pub fn end_query(&mut self, qix: usize, attempt: u32) {
        if self.is_stale(qix, attempt) {
            return;
        }
        let query = &mut self.trino.queries[qix];
        if query.more == 0 {
            self.close(qix);
            self.tally.finished += 1;
            return;
        }
        self.trino.between += 1;
        query.more -= 1;
        query.phase = Phase::Between;
        query.attempt += 1;
        query.placed = 0;
        query.tasks = Vec::new();
        let attempt = query.attempt;
        let pause = self.dice.between(100, PAUSE);
        self.enter(pause, Event::Begin(qix, attempt));
    }

    /// A task is lost with its worker.
    fn task_lost(&mut self, qix: usize, task: usize) {
        let lost = self.trino.queries[qix].tasks[task];
        let blame = Blame::Removal(lost.pod);
        match self.trino.queries[qix].retry {
            RetryPolicy::None | RetryPolicy::Unknown => self.fail_query(qix, blame),
            RetryPolicy::Query => self.run_again(qix, blame),
            RetryPolicy::Task => self.task_again(qix, task),
        }
    }

    /// Trino runs a lost task of a fault-tolerant query elsewhere.
    fn task_again(&mut self, qix: usize, task: usize) {
        let query = &mut self.trino.queries[qix];
        let attempt = query.attempt;
        let stage = query.tasks[task].stage;
        query.tasks[task].step = Step::Done;
        self.tally.tasks_again += 1;
        let active = self.trino.active();
        if active.is_empty() {
            self.fail_query(qix, Blame::NoNodes);
            return;
        }
        let node = active[self.dice.below(active.len())];
        self.place_task(qix, attempt, stage, node);
    }

    fn run_again(&mut self, qix: usize, blame: Blame) {
        if self.trino.queries[qix].again >= 4 {
            self.fail_query(qix, blame);
            return;
        }
        self.lost(qix, blame, true);
        self.drop_tasks(qix);
        let query = &mut self.trino.queries[qix];
        query.attempt += 1;
        query.again += 1;
        query.placed = 0;
        query.phase = Phase::Queued;
        let attempt = query.attempt;
        query.queued = self.now;
        self.enter(500, Event::Begin(qix, attempt));
    }

    /// A query fails.
    pub fn fail_query(&mut self, qix: usize, blame: Blame) {
        self.lost(qix, blame, false);
        self.drop_tasks(qix);
        self.close(qix);
    }

    fn drop_tasks(&mut self, qix: usize) {
        let tasks = std::mem::take(&mut self.trino.queries[qix].tasks);
        for task in tasks {
            if matches!(task.step, Step::Running | Step::Flushing) {
                self.task_gone(task.pod, task.inc);
            }
        }
    }

    fn close(&mut self, qix: usize) {
        let query = &mut self.trino.queries[qix];
        self.trino.between -= u64::from(query.phase == Phase::Between);
        query.phase = Phase::Over;
        query.tasks = Vec::new();
        self.trino.open.retain(|open| *open != qix);
    }

    fn is_stale(&self, qix: usize, attempt: u32) -> bool {
        let query = &self.trino.queries[qix];
        query.phase == Phase::Over || query.attempt != attempt
    }

    /// A worker's process is gone with everything on it. Done tasks of running queries are no loss: their output was read.
    pub fn worker_gone(&mut self, pod: Pix, inc: u32) {
        for qix in self.trino.open.clone() {
            let tasks = &self.trino.queries[qix].tasks;
            let lost: Vec<_> = (0..tasks.len())
                .filter(|at| {
                    let task = &tasks[*at];
                    (task.pod, task.inc) == (pod, inc) && task.step != Step::Done
                })
                .collect();
            for task in lost {
                let query = &self.trino.queries[qix];
                // The first loss may have ended this try already.
                let still = query
                    .tasks
                    .get(task)
                    .is_some_and(|task| (task.pod, task.inc) == (pod, inc));
                if query.phase != Phase::Over && still {
                    self.task_lost(qix, task);
                }
            }
        }
    }

    /// The coordinator's process is gone, and every query with it.
    pub fn coordinator_gone(&mut self, pod: Pix) {
        self.trino.coordinator = None;
        self.trino.newest = None;
        self.trino.beliefs.clear();
        for qix in self.trino.open.clone() {
            self.fail_query(qix, Blame::Coordinator(pod));
        }
    }

    /// A coordinator begins to serve: workers announce themselves to it.
    pub fn coordinator_up(&mut self, pod: Pix, inc: u32) {
        self.trino.coordinator = Some((pod, inc));
        self.trino.came = self.now;
        for worker in self.store.members(Role::Worker).collect::<Vec<_>>() {
            if let Some(jvm) = &self.store.cells[worker].jvm {
                let inc = jvm.inc;
                self.notice_soon(worker, inc);
            }
        }
    }
}
