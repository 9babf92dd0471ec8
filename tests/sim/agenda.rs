//! What happens when: events in the order of their time, then of their entry.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use xtrinode::core::guard::plan::Action;

use crate::kube::store::{Pix, Wix};

/// A query's place.
pub type Qix = usize;

/// Something that happens.
#[derive(Debug)]
pub enum Event {
    /// Somebody submits a query.
    Arrive,
    /// A query looks for workers to begin on.
    Begin(Qix, u32),
    /// The next stage of a query is placed.
    Stage(Qix, u32),
    /// A task goes on to its next phase.
    Task(Qix, u32, usize),
    /// The client has read the rest.
    End(Qix, u32),
    /// The coordinator looks at a node.
    Notice(Pix, u32),
    /// A drain goes on, if it is still the same one.
    Drain(Pix, u32, u32),
    /// A pod is bound to a node.
    Bind(Pix),
    /// Its container starts.
    Start(Pix, u32),
    /// Its process serves.
    Ready(Pix, u32),
    /// Its process is told to end.
    Terminate(Pix),
    /// Its process ends.
    Die(Pix, u32),
    /// A controller looks at its workload.
    Reconcile(Wix),
    /// The garbage collector looks at an orphaned pod.
    Collect(Pix, u32),
    /// A review reaches the guard.
    Admit(usize),
    /// Its workers and its coordinator were asked.
    Looked(usize),
    /// It is judged again, since another replica was faster.
    Again(usize),
    /// Its grants are written.
    Granted(usize),
    /// What it allowed is done.
    Commit(usize),
    /// A refusal is written on its pods.
    Wanted(usize),
    /// A caller goes on.
    Caller(usize),
    /// The next disruption begins.
    Disrupt,
    /// The autoscalers look.
    Autoscale,
    /// A guard replica looks around, and plans if it leads.
    Tick(usize, u32),
    /// A supplier begins a cycle.
    Cycle(usize),
    /// It has read half.
    CycleHalf(usize),
    /// It has read everything.
    CycleEnd(usize),
    /// An action of a leader reaches the API server.
    Act(usize, u32, Box<Action>),
    /// A PUT reaches a worker.
    Put(usize, u32, Pix, u32, bool),
    /// Somebody else ends the drain that they began.
    Foreign(Pix, u32),
    /// A replica of the guard starts again.
    Revive(usize),
    /// Something breaks.
    Fault,
    /// The machines' clocks jump.
    Jump,
    /// A replica asks what time it is.
    Misled(usize),
    /// A scripted step of a story.
    Script(u32),
}

/// What is to come.
#[derive(Default)]
pub struct Agenda {
    heap: BinaryHeap<Entry>,
    entered: u64,
}

struct Entry {
    at: u64,
    number: u64,
    event: Event,
}

impl Agenda {
    /// Enters an event.
    pub fn enter(&mut self, at: u64, event: Event) {
        self.entered += 1;
        let number = self.entered;
        self.heap.push(Entry { at, number, event });
    }

    /// The next event with its time.
    pub fn next(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
