//! What every method must find: for each worker and task state, how many tasks, bytes and pages.

use std::collections::BTreeMap;

use xtrinode::trino::task::{Task, TaskSink};

#[derive(Default)]
pub struct Facts {
    workers: BTreeMap<String, BTreeMap<&'static str, [u64; 3]>>,
    tasks: u64,
}

impl TaskSink for Facts {
    fn task(&mut self, task: &Task<'_>) {
        if !self.workers.contains_key(task.node_id) {
            self.workers
                .insert(task.node_id.to_owned(), BTreeMap::new());
        }
        let (Some(worker), Some(buffer)) = (self.workers.get_mut(task.node_id), task.buffer) else {
            return;
        };
        let sums = worker.entry(task.state.word()).or_default();
        for (sum, more) in sums.iter_mut().zip([1, buffer.bytes, buffer.pages]) {
            *sum += more;
        }
        self.tasks += 1;
    }
}

impl Facts {
    /// Tasks, and FNV-1a of one line for each worker and state, sorted; as the peers write it.
    pub fn digest(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (worker, states) in &self.workers {
            for (state, [count, bytes, pages]) in states {
                lines.push(format!("{worker} {state} {count} {bytes} {pages}\n"));
            }
        }
        lines.sort();
        let sum = lines
            .concat()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| {
                (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
        format!("{}-{sum:016x}", self.tasks)
    }
}
