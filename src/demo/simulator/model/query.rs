//! One query: its stages, its state, what waits in the coordinator for its client.
//! Data and the questions asked of it; `life` and `flow` move it.

use std::time::Duration;

use super::task::{Task, TaskInfo};
use crate::demo::simulator::spec::QuerySpec;
use crate::trino::words::{QueryState, TaskState};

/// Why a query failed, in Trino's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Error code number.
    pub code: u32,
    /// Error code name.
    pub name: &'static str,
    /// Error type.
    pub kind: &'static str,
    /// Class of the exception.
    pub class: &'static str,
    /// What the user reads.
    pub message: String,
}

/// A stage and its tasks, of every attempt.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Tasks in the order in which they were made.
    pub tasks: Vec<Task>,
}

/// One query.
#[derive(Clone, Debug)]
pub struct Query {
    /// Query id.
    pub id: String,
    /// Transaction id.
    pub transaction: String,
    /// What it does.
    pub spec: QuerySpec,
    /// Its state.
    pub state: QueryState,
    /// When it was made.
    pub created: Duration,
    /// When execution began.
    pub started: Option<Duration>,
    /// When it ended.
    pub ended: Option<Duration>,
    /// Stage 0 feeds the client. Empty until STARTING.
    pub stages: Vec<Stage>,
    /// Finished tasks that fill the document up; they ran on `padding_nodes` in turn.
    pub padding: u32,
    /// Which try of the whole query it is.
    pub attempt: u32,
    /// Pages that wait in the coordinator for the client.
    pub pages_ready: u64,
    /// Pages that the client has taken.
    pub pages_fetched: u64,
    /// Why it failed.
    pub failure: Option<Failure>,
    pub(super) due: Duration,
    pub(super) last_contact: Duration,
    pub(super) client_credit: f64,
}

impl Query {
    /// Whether it has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.state.is_terminal()
    }

    /// All tasks with the number of their stage.
    pub fn tasks(&self) -> impl Iterator<Item = (usize, &Task)> {
        let stages = self.stages.iter().enumerate();
        stages.flat_map(|(number, stage)| stage.tasks.iter().map(move |task| (number, task)))
    }

    /// All tasks, to be changed.
    pub(super) fn tasks_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.stages
            .iter_mut()
            .flat_map(|stage| stage.tasks.iter_mut())
    }

    /// Bytes that `info` retains.
    #[must_use]
    pub const fn bytes(&self, info: TaskInfo) -> u64 {
        if info.kind.is_external() {
            0
        } else {
            info.pages * self.spec.page_bytes
        }
    }

    /// Whether every task has ended and there is at least one that ended well.
    pub(super) fn all_done(&self) -> bool {
        self.tasks().all(|(_, task)| task.live.state.is_done())
            && self
                .stages
                .iter()
                .all(|s| s.tasks.iter().any(|t| t.live.state == TaskState::Finished))
    }

    /// Id of a stage.
    #[must_use]
    pub fn stage_id(&self, number: usize) -> String {
        format!("{}.{number}", self.id)
    }

    /// Id of a task.
    #[must_use]
    pub fn task_id(&self, stage: usize, task: &Task) -> String {
        format!("{}.{stage}.{}.{}", self.id, task.partition, task.attempt)
    }
}

impl Stage {
    /// Whether no task of it will make another page.
    pub(super) fn is_finished(&self) -> bool {
        !self.tasks.is_empty()
            && self.tasks.iter().all(|t| t.live.state.is_done())
            && self
                .tasks
                .iter()
                .any(|t| t.live.state == TaskState::Finished)
    }
}
