//! A worker's process: its state, its drain. It checks its tasks, sleeps the grace period, and then says DRAINED without
//! looking again, as Trino 476 does.

use xtrinode::trino::words::NodeState;

use crate::agenda::Event;
use crate::invariant::Invariant;
use crate::kube::store::Pix;
use crate::sim::Sim;

/// A process opens its port so long after its start, in milliseconds.
pub const PORT: u64 = 3000;

/// A process.
#[derive(Clone, Debug)]
pub struct Jvm {
    /// Which of the pod's.
    pub inc: u32,
    /// What it says of itself.
    pub state: NodeState,
    /// Whether it still starts.
    pub starting: bool,
    /// Whether it was told to end at once: it takes nothing more.
    pub ending: bool,
    /// When it was started.
    pub began: u64,
    /// When it began to serve.
    pub served: u64,
    /// When it last changed its state.
    pub since: u64,
    /// Tasks that are not done.
    pub tasks: u32,
    /// Whether the coordinator is to look at it anyway: it polls, and does not hear of changes.
    polled: bool,
    /// Which drain this is.
    drain: u32,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    None,
    /// Lets the coordinator notice.
    First,
    /// Waits for its tasks.
    Waits,
    /// Sleeps once more.
    Last,
}

impl Jvm {
    /// Whether its port is open.
    pub const fn listens(&self, now: u64) -> bool {
        !self.starting || now >= self.began + PORT
    }

    /// A process that has just been started.
    pub const fn new(inc: u32, now: u64) -> Self {
        Self {
            inc,
            state: NodeState::Active,
            starting: true,
            ending: false,
            began: now,
            served: now,
            since: now,
            tasks: 0,
            polled: false,
            drain: 0,
            step: Step::None,
        }
    }
}

impl Sim {
    /// The process of a pod, if this one of it still lives.
    pub fn jvm(&mut self, pod: Pix, inc: u32) -> Option<&mut Jvm> {
        let jvm = self.store.cells[pod].jvm.as_mut()?;
        (jvm.inc == inc).then_some(jvm)
    }

    /// A PUT of a state arrives.
    pub fn put_state(&mut self, pod: Pix, inc: u32, drain: bool) {
        self.trace(|| {
            format!(
                "p{pod} is told {}",
                if drain { "DRAINING" } else { "ACTIVE" }
            )
        });
        let now = self.now;
        let grace = self.params.trino_grace;
        let Some(jvm) = self.jvm(pod, inc).filter(|jvm| !jvm.starting) else {
            return;
        };
        match (drain, jvm.state) {
            (true, NodeState::Active) => {
                jvm.state = NodeState::Draining;
                jvm.since = now;
                jvm.drain += 1;
                jvm.step = Step::First;
                let event = Event::Drain(pod, inc, jvm.drain);
                self.enter(grace, event);
                self.tally.drains += 1;
                self.trino.told = now;
                self.check_floor(pod);
            }
            (true, NodeState::Drained) => self.violated(
                Invariant::NoBlindPut,
                "DRAINING was put on a DRAINED worker",
                pod,
            ),
            (false, NodeState::Draining | NodeState::Drained) => {
                jvm.state = NodeState::Active;
                jvm.since = now;
                jvm.drain += 1;
                jvm.step = Step::None;
                self.tally.returned += 1;
            }
            _ => return,
        }
        self.notice_soon(pod, inc);
    }

    /// Its preStop hook says SHUTTING_DOWN.
    pub fn shut_down(&mut self, pod: Pix, inc: u32) {
        let (now, grace) = (self.now, self.params.trino_grace);
        let Some(jvm) = self.jvm(pod, inc) else {
            return;
        };
        if jvm.state == NodeState::Drained {
            self.enter(100, Event::Die(pod, inc));
            return;
        }
        jvm.state = NodeState::ShuttingDown;
        jvm.since = now;
        jvm.drain += 1;
        jvm.step = Step::First;
        let event = Event::Drain(pod, inc, jvm.drain);
        self.enter(grace, event);
        self.notice_soon(pod, inc);
    }

    /// A drain's sleep is over.
    pub fn drain_on(&mut self, pod: Pix, inc: u32, drain: u32) {
        let (now, grace) = (self.now, self.params.trino_grace);
        let Some(jvm) = self.jvm(pod, inc).filter(|jvm| jvm.drain == drain) else {
            return;
        };
        match jvm.step {
            Step::First if jvm.tasks > 0 => jvm.step = Step::Waits,
            Step::First | Step::Waits => {
                jvm.step = Step::Last;
                self.enter(grace, Event::Drain(pod, inc, drain));
            }
            Step::Last if jvm.state == NodeState::ShuttingDown => {
                self.enter(0, Event::Die(pod, inc));
            }
            Step::Last => {
                jvm.step = Step::None;
                jvm.state = NodeState::Drained;
                jvm.since = now;
                self.trace(|| format!("p{pod} is DRAINED"));
                self.notice_soon(pod, inc);
            }
            Step::None => {}
        }
    }

    /// A task of a worker is done: a drain that waited for it goes on.
    pub fn task_gone(&mut self, pod: Pix, inc: u32) {
        let pause = self.dice.between(0, 1000);
        let Some(jvm) = self.jvm(pod, inc) else {
            return;
        };
        jvm.tasks -= 1;
        if jvm.tasks == 0 && jvm.step == Step::Waits {
            let event = Event::Drain(pod, inc, jvm.drain);
            self.enter(pause, event);
        }
    }

    /// The coordinator will look at a node that has changed.
    pub fn notice_soon(&mut self, pod: Pix, inc: u32) {
        if let Some(jvm) = self.jvm(pod, inc)
            && std::mem::replace(&mut jvm.polled, true)
        {
            return;
        }
        let wait = self.dice.between(200, self.params.notice);
        self.enter(wait, Event::Notice(pod, inc));
    }

    /// The coordinator looks at a node.
    pub fn notice(&mut self, pod: Pix, inc: u32) {
        let is_coordinator = self.trino.coordinator.is_some();
        if let Some(jvm) = self.jvm(pod, inc) {
            jvm.polled = false;
        }
        let said = self
            .jvm(pod, inc)
            .filter(|jvm| !jvm.starting && !jvm.ending)
            .map(|jvm| jvm.state);
        if !is_coordinator {
            return;
        }
        self.trace(|| format!("p{pod} is noticed: {said:?}"));
        if said.is_some() && !self.trino.knows(pod, inc) {
            // Found, and taken for ACTIVE until it is asked.
            self.trino.believe(pod, inc, Some(NodeState::Active));
            self.notice_soon(pod, inc);
        } else {
            self.trino.believe(pod, inc, said);
        }
    }
}
