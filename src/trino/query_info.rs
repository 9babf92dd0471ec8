//! The streaming reader of a QueryInfo (`GET /v1/query/{id}`). Follows the wanted paths only, in
//! both shapes: `outputStage` with nested `subStages` (up to 476) and the flat `stages` (from 477).
//! Keys may come in any order. A task is handed over when its object closes; nothing that was
//! handed over may be believed before [`Extractor::finish`] says that the document is whole.

use super::error::ParseError;
use super::json::Engine;
use super::json::model::{Element, Key, Model, Shape, Want};
use super::json::walker::Walker;
use super::limits::Limits;
use super::task::{OutputBuffer, QueryHead, TaskSink};
use super::task_slot::{TaskSlot, replace};
use super::words::{BufferState, BufferType, QueryState, RetryPolicy, TaskState};

/// Reads one QueryInfo from chunks of any size. Memory does not depend on the document.
///
/// Values that are not wanted are jumped over unchecked; [`super::strict`] checks everything.
pub struct Extractor<S: TaskSink> {
    walker: Walker<QueryModel<S>>,
}

impl<S: TaskSink> Extractor<S> {
    /// A reader with the fastest engine of this processor.
    pub fn new(sink: S, limits: Limits) -> Self {
        Self::with_engine(sink, limits, Engine::Auto)
    }

    /// A reader with a chosen engine.
    pub fn with_engine(sink: S, limits: Limits, engine: Engine) -> Self {
        let model = QueryModel {
            sink,
            head: QueryHead::default(),
            slot: TaskSlot::default(),
        };
        Self {
            walker: Walker::new(model, limits, engine),
        }
    }

    /// Reads the next bytes of the body; any split is allowed.
    ///
    /// # Errors
    /// The first problem of the document, and the same again from every later call.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        self.walker.push(chunk)
    }

    /// Ends the body; gives back what the document says of the query, and the sink.
    ///
    /// # Errors
    /// An earlier problem, or [`ParseError::Truncated`] where the document is not closed.
    pub fn finish(self) -> Result<(QueryHead, S), ParseError> {
        let model = self.walker.finish()?;
        Ok((model.head, model.sink))
    }
}

struct QueryModel<S> {
    sink: S,
    head: QueryHead,
    slot: TaskSlot,
}

/// The containers on wanted paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Query,
    QueryStats,
    Stages,
    StageList,
    Stage,
    SubStages,
    Tasks,
    Task,
    Status,
    Buffers,
}

/// The wanted values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    QueryId,
    QueryState,
    QuerySelf,
    RetryPolicy,
    Pruned,
    Final,
    TotalTasks,
    TaskId,
    TaskSelf,
    NodeId,
    TaskState,
    BufferType,
    BufferState,
    Bytes,
    Pages,
    PagesSent,
}

use Field as F;
use Node as N;
use Want::{Array, Count, Flag, Object, Text};

const fn key(name: &'static str, path: &'static str, want: Want<Node, Field>) -> Key<Node, Field> {
    Key { name, path, want }
}

static QUERY: [Key<Node, Field>; 9] = [
    key("queryId", "queryId", Text(F::QueryId)),
    key("state", "state", Text(F::QueryState)),
    key("self", "self", Text(F::QuerySelf)),
    key("queryStats", "queryStats", Object(N::QueryStats)),
    key("outputStage", "outputStage", Object(N::Stage)),
    key("stages", "stages", Object(N::Stages)),
    key("finalQueryInfo", "finalQueryInfo", Flag(F::Final)),
    key("retryPolicy", "retryPolicy", Text(F::RetryPolicy)),
    key("pruned", "pruned", Flag(F::Pruned)),
];

static QUERY_STATS: [Key<Node, Field>; 1] = [key(
    "totalTasks",
    "queryStats.totalTasks",
    Count(F::TotalTasks),
)];

static STAGES: [Key<Node, Field>; 1] = [key("stages", "stages.stages", Array(N::StageList))];

static STAGE: [Key<Node, Field>; 2] = [
    key("tasks", "stage.tasks", Array(N::Tasks)),
    key("subStages", "stage.subStages", Array(N::SubStages)),
];

static TASK: [Key<Node, Field>; 2] = [
    key("taskStatus", "task.taskStatus", Object(N::Status)),
    key("outputBuffers", "task.outputBuffers", Object(N::Buffers)),
];

static STATUS: [Key<Node, Field>; 4] = [
    key("taskId", "taskStatus.taskId", Text(F::TaskId)),
    key("state", "taskStatus.state", Text(F::TaskState)),
    key("self", "taskStatus.self", Text(F::TaskSelf)),
    key("nodeId", "taskStatus.nodeId", Text(F::NodeId)),
];

static BUFFERS: [Key<Node, Field>; 5] = [
    key("type", "outputBuffers.type", Text(F::BufferType)),
    key("state", "outputBuffers.state", Text(F::BufferState)),
    key(
        "totalBufferedBytes",
        "outputBuffers.totalBufferedBytes",
        Count(F::Bytes),
    ),
    key(
        "totalBufferedPages",
        "outputBuffers.totalBufferedPages",
        Count(F::Pages),
    ),
    key(
        "totalPagesSent",
        "outputBuffers.totalPagesSent",
        Count(F::PagesSent),
    ),
];

static STAGE_LIST: Element<Node> = Element {
    node: N::Stage,
    path: "stages.stages[]",
    texts: false,
};

/// Objects in the nested shape; in the flat one, ids of stages that stand elsewhere.
static SUB_STAGES: Element<Node> = Element {
    node: N::Stage,
    path: "stage.subStages[]",
    texts: true,
};

static TASKS: Element<Node> = Element {
    node: N::Task,
    path: "stage.tasks[]",
    texts: false,
};

impl<S: TaskSink> Model for QueryModel<S> {
    type Node = Node;
    type Field = Field;

    const ROOT: Node = N::Query;

    #[inline]
    fn shape(node: Node) -> Shape<Node, Field> {
        match node {
            N::Query => Shape::Object(&QUERY),
            N::QueryStats => Shape::Object(&QUERY_STATS),
            N::Stages => Shape::Object(&STAGES),
            N::StageList => Shape::Array(&STAGE_LIST),
            N::Stage => Shape::Object(&STAGE),
            N::SubStages => Shape::Array(&SUB_STAGES),
            N::Tasks => Shape::Array(&TASKS),
            N::Task => Shape::Object(&TASK),
            N::Status => Shape::Object(&STATUS),
            N::Buffers => Shape::Object(&BUFFERS),
        }
    }

    fn open(&mut self, node: Node) {
        match node {
            N::Task => self.slot.clear(),
            N::Buffers => self.slot.buffer = Some(OutputBuffer::EMPTY),
            _ => {}
        }
    }

    fn close(&mut self, node: Node) -> Result<(), &'static str> {
        if node == N::Task {
            self.head.tasks_found += 1;
            self.sink.task(&self.slot.task());
        }
        Ok(())
    }

    fn text(&mut self, field: Field, text: &str) {
        match field {
            F::QueryId => self.head.query_id = Some(text.to_owned()),
            F::QueryState => self.head.state = Some(QueryState::from_word(text)),
            F::QuerySelf => self.head.self_uri = Some(text.to_owned()),
            F::RetryPolicy => self.head.retry_policy = Some(RetryPolicy::from_word(text)),
            F::TaskId => replace(&mut self.slot.id, text),
            F::TaskSelf => replace(&mut self.slot.self_uri, text),
            F::NodeId => replace(&mut self.slot.node_id, text),
            F::TaskState => self.slot.state = TaskState::from_word(text),
            F::BufferType | F::BufferState => self.buffer_word(field, text),
            _ => {}
        }
    }

    fn count(&mut self, field: Field, count: u64) {
        if field == F::TotalTasks {
            self.head.total_tasks = Some(count);
            return;
        }
        let Some(buffer) = &mut self.slot.buffer else {
            return;
        };
        match field {
            F::Bytes => buffer.bytes = count,
            F::Pages => buffer.pages = count,
            F::PagesSent => buffer.pages_sent = count,
            _ => {}
        }
    }

    fn flag(&mut self, field: Field, flag: bool) {
        match field {
            F::Pruned => self.head.pruned = Some(flag),
            F::Final => self.head.is_final = Some(flag),
            _ => {}
        }
    }
}

impl<S> QueryModel<S> {
    fn buffer_word(&mut self, field: Field, word: &str) {
        let Some(buffer) = &mut self.slot.buffer else {
            return;
        };
        if field == F::BufferType {
            buffer.kind = BufferType::from_word(word);
        } else {
            buffer.state = BufferState::from_word(word);
        }
    }
}
