//! How one task counts: at risk or not, in which grade, and the sums per worker.
//! Decides nothing about queries or documents.

use crate::core::guard::mutant::{self, Mutant};
use crate::trino::task::{OutputBuffer, Task};
use crate::trino::words::TaskState;

/// How a task at risk would hurt. Ordered from most to least data lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// Pages or bytes lie in the buffer.
    Holding,
    /// The task has written everything; its consumer has not confirmed the end.
    Flushing,
    /// The task lives but its buffer is empty; losing it still fails a query without retries.
    Empty,
}

impl Grade {
    /// Every grade, in metric order.
    pub const ALL: [Self; 3] = [Self::Holding, Self::Flushing, Self::Empty];

    /// The metric label and JSON key.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holding => "holding",
            Self::Flushing => "flushing",
            Self::Empty => "empty",
        }
    }
}

/// Tasks at risk, counted by grade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grades {
    /// Tasks with pages or bytes.
    pub holding: u64,
    /// Tasks whose last page awaits confirmation.
    pub flushing: u64,
    /// Live tasks without data.
    pub empty: u64,
}

impl Grades {
    /// All tasks at risk.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.holding + self.flushing + self.empty
    }

    /// The count of one grade.
    #[must_use]
    pub const fn of(&self, grade: Grade) -> u64 {
        match grade {
            Grade::Holding => self.holding,
            Grade::Flushing => self.flushing,
            Grade::Empty => self.empty,
        }
    }

    fn count(&mut self, grade: Grade) {
        match grade {
            Grade::Holding => self.holding += 1,
            Grade::Flushing => self.flushing += 1,
            Grade::Empty => self.empty += 1,
        }
    }

    /// Adds another count.
    pub const fn add(&mut self, other: &Self) {
        self.holding += other.holding;
        self.flushing += other.flushing;
        self.empty += other.empty;
    }
}

/// What one query has on one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Tasks at risk by grade.
    pub at_risk: Grades,
    /// Bytes retained by tasks at risk.
    pub bytes: u64,
    /// Pages retained by tasks at risk.
    pub pages: u64,
    /// Pages ever added to the buffers of all tasks, done ones included.
    pub pages_sent: u64,
    /// Live tasks whose output lies outside the worker or whose query is fault-tolerant.
    pub external: u64,
}

impl Holdings {
    /// Counts one task. Sums saturate: a hostile counter can't wrap to zero.
    pub fn count(&mut self, task: &Task<'_>) {
        let external = task.buffer.is_some_and(|b| b.kind.is_external());
        if !external {
            let sent = task.buffer.map_or(0, |b| b.pages_sent);
            self.pages_sent = self.pages_sent.saturating_add(sent);
        }
        if !is_live(task) {
            return;
        }
        if external {
            self.external += 1;
        } else {
            self.count_at_risk(task);
        }
    }

    fn count_at_risk(&mut self, task: &Task<'_>) {
        let bytes = task.buffer.map_or(0, |b| b.bytes);
        let pages = task.buffer.map_or(0, |b| b.pages);
        self.at_risk.count(grade(task.state, task.buffer));
        self.bytes = self.bytes.saturating_add(bytes);
        self.pages = self.pages.saturating_add(pages);
    }

    /// The same holdings for a query that Trino retries task by task: nothing is at risk.
    #[must_use]
    pub const fn fault_tolerant(self) -> Self {
        Self {
            at_risk: Grades {
                holding: 0,
                flushing: 0,
                empty: 0,
            },
            bytes: 0,
            pages: 0,
            pages_sent: 0,
            external: self.external + self.at_risk.total(),
        }
    }
}

/// Whether neither the task nor its buffer has ended. A task without a buffer counts by its own state:
/// what we can't see is not finished.
fn is_live(task: &Task<'_>) -> bool {
    let buffer_ended = task.buffer.is_some_and(|b| b.state.is_terminal());
    let ignored = mutant::is(Mutant::IgnoreFlushing) && task.state == TaskState::Flushing;
    !task.state.is_done() && !buffer_ended && !ignored
}

fn grade(state: TaskState, buffer: Option<OutputBuffer>) -> Grade {
    if buffer.is_some_and(|b| b.bytes > 0 || b.pages > 0) {
        Grade::Holding
    } else if state == TaskState::Flushing {
        Grade::Flushing
    } else {
        Grade::Empty
    }
}

/// What all queries have on one worker. Retry policy TASK is never in `none` or `query`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerHoldings {
    /// Tasks at risk of queries that die with the worker (retry policy NONE, or one we don't know).
    pub none: Grades,
    /// Tasks at risk of queries that Trino would run again from the start (retry policy QUERY).
    pub query: Grades,
    /// Bytes retained by tasks at risk.
    pub bytes: u64,
    /// Pages retained by tasks at risk.
    pub pages: u64,
    /// Pages ever added, by unfinished queries.
    pub pages_sent: u64,
    /// Live tasks of fault-tolerant queries.
    pub external: u64,
    /// Queries with at least one task at risk here.
    pub queries: u64,
}

impl WorkerHoldings {
    /// All tasks at risk, whatever their retry policy.
    #[must_use]
    pub const fn at_risk(&self) -> u64 {
        self.none.total() + self.query.total()
    }

    /// Adds what one query holds; `recoverable` when Trino retries that query as a whole.
    pub const fn add(&mut self, held: &Holdings, recoverable: bool) {
        let grades = if recoverable {
            &mut self.query
        } else {
            &mut self.none
        };
        grades.add(&held.at_risk);
        self.bytes = self.bytes.saturating_add(held.bytes);
        self.pages = self.pages.saturating_add(held.pages);
        self.pages_sent = self.pages_sent.saturating_add(held.pages_sent);
        self.external += held.external;
        if held.at_risk.total() > 0 {
            self.queries += 1;
        }
    }

    /// Adds what another address of the same worker holds (a pod can show two node ids across a restart).
    pub const fn merge(&mut self, other: &Self) {
        self.none.add(&other.none);
        self.query.add(&other.query);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.pages = self.pages.saturating_add(other.pages);
        self.pages_sent = self.pages_sent.saturating_add(other.pages_sent);
        self.external += other.external;
        self.queries += other.queries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trino::words::{BufferState, BufferType};

    fn buffer(kind: BufferType, state: BufferState, bytes: u64) -> OutputBuffer {
        OutputBuffer {
            kind,
            state,
            bytes,
            pages: u64::from(bytes > 0),
            pages_sent: 7,
        }
    }

    fn held(state: TaskState, buffer: Option<OutputBuffer>) -> Holdings {
        let mut held = Holdings::default();
        held.count(&Task {
            id: "q.0.0.0",
            self_uri: "http://10.0.0.1:8080/v1/task/q.0.0.0",
            node_id: "w",
            state,
            buffer,
        });
        held
    }

    #[test]
    fn data_a_flush_and_an_empty_buffer_are_all_at_risk() {
        use BufferState::{Flushing, NoMoreBuffers, Open};
        use BufferType::Partitioned;
        let full = held(
            TaskState::Running,
            Some(buffer(Partitioned, NoMoreBuffers, 33)),
        );
        assert_eq!((full.at_risk.holding, full.bytes, full.pages), (1, 33, 1));
        let flush = held(TaskState::Flushing, Some(buffer(Partitioned, Flushing, 0)));
        assert_eq!(flush.at_risk.flushing, 1);
        let fresh = held(
            TaskState::Planned,
            Some(buffer(BufferType::Uninitialized, Open, 0)),
        );
        assert_eq!(fresh.at_risk.empty, 1);
    }

    #[test]
    fn an_ended_task_or_buffer_is_not_but_its_pages_were_sent() {
        use BufferState::{Aborted, Failed, Finished, NoMoreBuffers};
        for state in [
            TaskState::Finished,
            TaskState::Failed,
            TaskState::Aborted,
            TaskState::Canceled,
        ] {
            let held = held(
                state,
                Some(buffer(BufferType::Partitioned, NoMoreBuffers, 33)),
            );
            assert_eq!(
                (held.at_risk.total(), held.bytes, held.pages_sent),
                (0, 0, 7)
            );
        }
        for state in [Finished, Aborted, Failed] {
            let held = held(
                TaskState::Running,
                Some(buffer(BufferType::Broadcast, state, 33)),
            );
            assert_eq!(held.at_risk.total(), 0);
        }
    }

    #[test]
    fn unknown_words_and_a_missing_buffer_are_at_risk() {
        let strange = buffer(BufferType::Unknown, BufferState::Unknown, 5);
        assert_eq!(held(TaskState::Unknown, Some(strange)).at_risk.holding, 1);
        assert_eq!(held(TaskState::Running, None).at_risk.empty, 1);
        assert_eq!(held(TaskState::Unknown, None).at_risk.empty, 1);
    }

    #[test]
    fn external_buffers_stand_apart() {
        for kind in [BufferType::External, BufferType::Spooling] {
            let held = held(
                TaskState::Running,
                Some(buffer(kind, BufferState::NoMoreBuffers, 9)),
            );
            assert_eq!((held.at_risk.total(), held.external, held.bytes), (0, 1, 0));
            assert_eq!(held.pages_sent, 0);
        }
    }

    #[test]
    fn fault_tolerance_moves_everything_aside() {
        let live = buffer(BufferType::Uninitialized, BufferState::Open, 4);
        let held = held(TaskState::Running, Some(live)).fault_tolerant();
        assert_eq!(
            held,
            Holdings {
                external: 1,
                ..Holdings::default()
            }
        );
    }

    #[test]
    fn huge_counters_saturate() {
        let mut sum = Holdings::default();
        for _ in 0..2 {
            let full = buffer(BufferType::Partitioned, BufferState::Open, u64::MAX);
            sum.count(&Task {
                id: "",
                self_uri: "",
                node_id: "",
                state: TaskState::Running,
                buffer: Some(full),
            });
        }
        assert_eq!(sum.bytes, u64::MAX);
    }
}
