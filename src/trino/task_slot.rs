//! One task while it is being read: owned copies of what a reader met, reused for the next task so
//! that memory does not grow with a document.

use super::task::{OutputBuffer, Task};
use super::words::TaskState;

/// The facts of the task that is open.
pub(super) struct TaskSlot {
    pub(super) id: String,
    pub(super) self_uri: String,
    pub(super) node_id: String,
    pub(super) state: TaskState,
    pub(super) buffer: Option<OutputBuffer>,
}

impl Default for TaskSlot {
    fn default() -> Self {
        Self {
            id: String::new(),
            self_uri: String::new(),
            node_id: String::new(),
            state: TaskState::Unknown,
            buffer: None,
        }
    }
}

impl TaskSlot {
    /// Forgets the last task: nothing is known of the next one.
    pub(super) fn clear(&mut self) {
        self.id.clear();
        self.self_uri.clear();
        self.node_id.clear();
        self.state = TaskState::Unknown;
        self.buffer = None;
    }

    /// What was read.
    pub(super) fn task(&self) -> Task<'_> {
        Task {
            id: &self.id,
            self_uri: &self.self_uri,
            node_id: &self.node_id,
            state: self.state,
            buffer: self.buffer,
        }
    }
}

/// Replaces a text, keeping its memory.
pub(super) fn replace(target: &mut String, text: &str) {
    target.clear();
    target.push_str(text);
}
