//! The numbers that documents repeat at every level: tasks by state, drivers, memory, output.
//! Counted from a query's tasks as the coordinator last saw them.

use super::template::Values;
use super::time::size;
use crate::demo::simulator::model::query::{Query, Stage};
use crate::demo::simulator::model::task::Task;
use crate::trino::words::TaskState;

/// Drivers that each task has.
const DRIVERS: u64 = 4;

/// Sums over tasks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// All tasks.
    pub total: u64,
    /// Tasks that are neither done nor failed.
    pub running: u64,
    /// Tasks that ended well.
    pub completed: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Bytes in output buffers.
    pub buffered: u64,
    /// Bytes reserved.
    pub memory: u64,
    /// Pages ever added to output buffers.
    pub added: u64,
    /// Drivers that run, wait, are done.
    pub drivers: [u64; 3],
}

/// Drivers of one task: running, blocked, completed. A task with a full buffer runs none.
#[must_use]
pub fn drivers(query: &Query, task: &Task) -> [u64; 3] {
    let info = task.seen;
    match info.state {
        TaskState::Running if info.pages * query.spec.page_bytes < 32 * 1024 * 1024 => [1, 2, 1],
        TaskState::Running => [0, 3, 1],
        TaskState::Planned => [0, 0, 0],
        _ => [0, 0, DRIVERS],
    }
}

impl Figures {
    /// Sums over one stage.
    #[must_use]
    pub fn of_stage(query: &Query, stage: &Stage) -> Self {
        let mut sum = Self::default();
        for task in &stage.tasks {
            sum.count(query, task);
        }
        sum
    }

    /// Sums over all stages and the finished tasks that fill the document up.
    #[must_use]
    pub fn of_query(query: &Query) -> Self {
        let mut sum = Self::of_padding(if query.stages.is_empty() {
            0
        } else {
            query.padding
        });
        for (_, task) in query.tasks() {
            sum.count(query, task);
        }
        sum
    }

    /// Sums over finished tasks that hold nothing.
    #[must_use]
    pub fn of_padding(tasks: u32) -> Self {
        let total = u64::from(tasks);
        Self {
            total,
            completed: total,
            drivers: [0, 0, total * DRIVERS],
            ..Self::default()
        }
    }

    fn count(&mut self, query: &Query, task: &Task) {
        let info = task.seen;
        self.total += 1;
        match info.state {
            TaskState::Failed => self.failed += 1,
            state if state.is_done() => self.completed += 1,
            _ => self.running += 1,
        }
        self.buffered += query.bytes(info);
        self.memory += task.memory(info, query.spec.page_bytes);
        self.added += info.added;
        for (sum, more) in self.drivers.iter_mut().zip(drivers(query, task)) {
            *sum += more;
        }
    }

    /// All drivers.
    #[must_use]
    pub fn all_drivers(&self) -> u64 {
        self.drivers.iter().sum()
    }

    /// Share of drivers in percent.
    #[must_use]
    pub fn percent(&self, drivers: u64) -> f64 {
        let all = self.all_drivers();
        if all == 0 {
            0.0
        } else {
            drivers as f64 * 100.0 / all as f64
        }
    }

    /// Fills the slots of the same names.
    #[must_use]
    pub fn fill(&self, values: Values, query: &Query) -> Values {
        values
            .set("total_tasks", self.total)
            .set("running_tasks", self.running)
            .set("completed_tasks", self.completed)
            .set("failed_tasks", self.failed)
            .set("total_drivers", self.all_drivers())
            .set("running_drivers", self.drivers[0])
            .set("blocked_drivers", self.drivers[1])
            .set("completed_drivers", self.drivers[2])
            .set("memory", size(self.memory))
            .set("buffered_size", size(self.buffered))
            .set("output_size", size(self.added * query.spec.page_bytes))
            .set("output_rows", self.added * query.spec.rows_per_page)
    }
}
