//! One task and its output buffer: what it holds, what the coordinator last heard of it.
//! It decides word changes (RUNNING, FLUSHING, FINISHED …); it never looks at other tasks.

use std::sync::Arc;
use std::time::Duration;

use crate::trino::words::{BufferState, BufferType, TaskState};

/// `sink.max-buffer-size`: a buffer takes no more pages once it holds this much.
pub const BUFFER_LIMIT: u64 = 32 * 1024 * 1024;

/// A worker as tasks know it.
#[derive(Debug, PartialEq, Eq)]
pub struct Node {
    /// Node id, which is the pod's name.
    pub name: String,
    /// `host:port`.
    pub address: String,
}

/// What a task says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// Task state.
    pub state: TaskState,
    /// Kind of its buffer.
    pub kind: BufferType,
    /// State of its buffer.
    pub buffer: BufferState,
    /// Pages waiting for a consumer; for EXTERNAL buffers pages ever added.
    pub pages: u64,
    /// Pages ever added.
    pub added: u64,
    /// Version of the status; `i64::MAX` when the coordinator failed the task itself.
    pub version: i64,
}

/// One task of a stage.
#[derive(Clone, Debug)]
pub struct Task {
    /// Place within its stage.
    pub partition: u32,
    /// Which try it is.
    pub attempt: u32,
    /// Where it runs.
    pub node: Arc<Node>,
    /// The identity that the worker gave it.
    pub instance: u64,
    /// When it was made.
    pub created: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
    /// The truth on the worker.
    pub live: TaskInfo,
    /// The coordinator's copy.
    pub seen: TaskInfo,
    /// When that copy is renewed.
    pub(super) next_look: Duration,
    /// Pages left to be made by a scanning task.
    pub(super) to_make: u64,
    /// Fraction of a page made so far.
    pub(super) credit: f64,
    /// When the end of its buffer is acknowledged.
    pub(super) acknowledged_at: Option<Duration>,
}

impl Task {
    /// A new task, before its worker has answered once.
    pub(super) const fn new(partition: u32, attempt: u32, node: Arc<Node>, at: Duration) -> Self {
        let fresh = TaskInfo {
            state: TaskState::Planned,
            kind: BufferType::Uninitialized,
            buffer: BufferState::Open,
            pages: 0,
            added: 0,
            version: 0,
        };
        Self {
            partition,
            attempt,
            node,
            instance: 0,
            created: at,
            ended: None,
            live: fresh,
            seen: fresh,
            next_look: at,
            to_make: 0,
            credit: 0.0,
            acknowledged_at: None,
        }
    }

    /// The worker has answered: the buffer has its kind, drivers run.
    pub(super) const fn start(&mut self, kind: BufferType, instance: u64) {
        self.instance = instance;
        self.live.state = TaskState::Running;
        self.live.kind = kind;
        self.live.buffer = BufferState::NoMoreBuffers;
    }

    /// Whether the buffer takes no more pages for now.
    #[must_use]
    pub const fn is_full(&self, page_bytes: u64) -> bool {
        !self.live.kind.is_external() && self.live.pages * page_bytes >= BUFFER_LIMIT
    }

    /// Adds one page of output.
    pub(super) const fn add_page(&mut self) {
        self.live.added += 1;
        self.live.pages += 1;
    }

    /// Takes one page out, if there is one. External pages are copied, not taken.
    pub(super) const fn take_page(&mut self) -> bool {
        if self.live.pages == 0 || self.live.kind.is_external() {
            return false;
        }
        self.live.pages -= 1;
        true
    }

    /// All output is made: flush it, and end once consumers have acknowledged it.
    pub(super) fn finish_when_flushed(&mut self, now: Duration, acknowledge: Duration) {
        if self.live.kind.is_external() {
            return self.end(TaskState::Finished, BufferState::Finished, now);
        }
        if self.live.state != TaskState::Flushing {
            self.live.state = TaskState::Flushing;
            self.live.buffer = BufferState::Flushing;
            self.live.version = 1;
        }
        if self.live.pages > 0 {
            return;
        }
        let at = *self.acknowledged_at.get_or_insert(now + acknowledge);
        if now >= at {
            self.end(TaskState::Finished, BufferState::Finished, now);
        }
    }

    /// Ends the task with these words; the coordinator learns of an end at once.
    pub(super) fn end(&mut self, state: TaskState, buffer: BufferState, now: Duration) {
        self.live.state = state;
        self.live.buffer = buffer;
        self.live.version = 2;
        if buffer == BufferState::Aborted {
            self.live.pages = 0;
        }
        self.ended = Some(now);
        self.seen = self.live;
    }

    /// The coordinator gives the task up: it keeps what it last heard, which may be a full buffer.
    pub(super) fn give_up(&mut self, now: Duration) {
        self.seen.state = TaskState::Failed;
        self.seen.version = i64::MAX;
        self.live = self.seen;
        self.ended = Some(now);
    }

    /// Renews the coordinator's copy when it is due.
    pub(super) fn be_seen(&mut self, now: Duration, interval: Duration) {
        if now >= self.next_look && !self.live.state.is_done() {
            self.seen = self.live;
            self.next_look = now + interval;
        }
    }

    /// Memory that the worker has reserved for it, in bytes.
    #[must_use]
    pub const fn memory(&self, info: TaskInfo, page_bytes: u64) -> u64 {
        let held = if info.kind.is_external() {
            0
        } else {
            info.pages * page_bytes
        };
        match info.state {
            TaskState::Running => held + WORKING_MEMORY,
            TaskState::Flushing => held,
            _ => 0,
        }
    }
}

/// What a running task uses beside its buffer.
const WORKING_MEMORY: u64 = 5_242;
