//! What one task of a QueryInfo says that matters to us, and where a reader hands it over.
//! Borrowed text only: a task lives until the next one is read, so memory stays constant.

use super::words::{BufferState, BufferType, QueryState, RetryPolicy, TaskState};

/// One task as Trino reported it, complete: readers commit it at its closing brace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task<'a> {
    /// `taskStatus.taskId`, `<query>.<stage>.<partition>.<attempt>`; empty when absent.
    pub id: &'a str,
    /// `taskStatus.self`, the task's own URI on its worker; empty when absent.
    pub self_uri: &'a str,
    /// `taskStatus.nodeId`; empty when absent.
    pub node_id: &'a str,
    /// `taskStatus.state`; `Unknown` when absent.
    pub state: TaskState,
    /// `outputBuffers`; `None` when absent or null.
    pub buffer: Option<OutputBuffer>,
}

/// `outputBuffers` of a task. Counters are totals over all partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputBuffer {
    /// `type`; `Unknown` when absent.
    pub kind: BufferType,
    /// `state`; `Unknown` when absent.
    pub state: BufferState,
    /// `totalBufferedBytes`, bytes retained on the worker; 0 when absent or null.
    pub bytes: u64,
    /// `totalBufferedPages`; for EXTERNAL buffers Trino counts pages ever added.
    pub pages: u64,
    /// `totalPagesSent`: despite its name, pages ever *added* to the buffer.
    pub pages_sent: u64,
}

impl OutputBuffer {
    /// An `outputBuffers` object that says nothing.
    pub const EMPTY: Self = Self {
        kind: BufferType::Unknown,
        state: BufferState::Unknown,
        bytes: 0,
        pages: 0,
        pages_sent: 0,
    };
}

/// What a QueryInfo says about the query itself. `None` = the document did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryHead {
    /// `queryId`.
    pub query_id: Option<String>,
    /// `state`.
    pub state: Option<QueryState>,
    /// `self`: the coordinator's internal URI of this query.
    pub self_uri: Option<String>,
    /// `retryPolicy`; stands after the stages.
    pub retry_policy: Option<RetryPolicy>,
    /// `pruned`: true when Trino has removed tasks from the document.
    pub pruned: Option<bool>,
    /// `finalQueryInfo`.
    pub is_final: Option<bool>,
    /// `queryStats.totalTasks`, Trino's own count.
    pub total_tasks: Option<u64>,
    /// Tasks that the reader found and handed to the sink.
    pub tasks_found: u64,
}

/// One entry of `GET /v1/query`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedQuery<'a> {
    /// `queryId`, never empty.
    pub id: &'a str,
    /// `state`; `Unknown` when absent.
    pub state: QueryState,
    /// `retryPolicy`; `None` when absent.
    pub retry_policy: Option<RetryPolicy>,
}

/// Takes the tasks of one QueryInfo, in document order.
pub trait TaskSink {
    /// Called once for each complete task.
    fn task(&mut self, task: &Task<'_>);
}

/// Takes the entries of one query list, in document order.
pub trait ListSink {
    /// Called once for each complete entry.
    fn query(&mut self, query: &ListedQuery<'_>);
}

impl<F: FnMut(&Task<'_>)> TaskSink for F {
    fn task(&mut self, task: &Task<'_>) {
        self(task);
    }
}
