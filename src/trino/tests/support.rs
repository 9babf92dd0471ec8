//! Runs the readers and keeps what they hand over.

use crate::trino::query_info::Extractor;
use crate::trino::query_list::{ListHead, ListReader};
use crate::trino::strict;
use crate::trino::task::{ListSink, ListedQuery, OutputBuffer, QueryHead, Task, TaskSink};
use crate::trino::words::{QueryState, RetryPolicy, TaskState};
use crate::trino::{Engine, Limits, ParseError};

pub(super) const ENGINES: [Engine; 2] = [Engine::Auto, Engine::Portable];

/// A task that outlives its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub id: String,
    pub self_uri: String,
    pub node_id: String,
    pub state: TaskState,
    pub buffer: Option<OutputBuffer>,
}

#[derive(Debug, Default)]
pub(super) struct Facts(pub Vec<Fact>);

impl TaskSink for Facts {
    fn task(&mut self, task: &Task<'_>) {
        self.0.push(Fact {
            id: task.id.to_owned(),
            self_uri: task.self_uri.to_owned(),
            node_id: task.node_id.to_owned(),
            state: task.state,
            buffer: task.buffer,
        });
    }
}

pub(super) type Entry = (String, QueryState, Option<RetryPolicy>);

#[derive(Debug, Default)]
pub(super) struct Entries(pub Vec<Entry>);

impl ListSink for Entries {
    fn query(&mut self, query: &ListedQuery<'_>) {
        self.0
            .push((query.id.to_owned(), query.state, query.retry_policy));
    }
}

pub(super) type Outcome = Result<(QueryHead, Vec<Fact>), ParseError>;

/// Reads a QueryInfo that comes in these chunks.
pub(super) fn read_chunks<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    engine: Engine,
    limits: Limits,
) -> Outcome {
    let mut extractor = Extractor::with_engine(Facts::default(), limits, engine);
    for chunk in chunks {
        extractor.push(chunk)?;
    }
    extractor.finish().map(|(head, facts)| (head, facts.0))
}

/// Reads a QueryInfo that comes in one piece.
pub(super) fn read(body: &[u8]) -> Outcome {
    read_chunks([body], Engine::Auto, Limits::default())
}

/// Reads a QueryInfo strictly.
pub(super) fn read_strictly(body: &[u8]) -> Outcome {
    strict::read_query_info(body, Facts::default(), Limits::default())
        .map(|(head, facts)| (head, facts.0))
}

pub(super) type ListOutcome = Result<(ListHead, Vec<Entry>), ParseError>;

/// Reads a query list that comes in chunks of this size.
pub(super) fn list(body: &[u8], size: usize, engine: Engine) -> ListOutcome {
    let mut reader = ListReader::with_engine(Entries::default(), Limits::default(), engine);
    for chunk in body.chunks(size) {
        reader.push(chunk)?;
    }
    reader.finish().map(|(head, entries)| (head, entries.0))
}

/// Reads a query list strictly.
pub(super) fn list_strictly(body: &[u8]) -> ListOutcome {
    strict::read_query_list(body, Entries::default(), Limits::default())
        .map(|(head, entries)| (head, entries.0))
}

/// A small document that has every wanted path, decoys, escapes and white space.
pub(super) const SMALL: &str = r#"{ "queryId" : "q_1" , "session" : {"tasks":[{"taskStatus":{"self":"decoy"}}],"x":"\\\"{["},
"state":"RUNNING","self":"http:\/\/c:8080\/v1\/query\/q_1","query":"SELECT '\"tasks\":[{' -- \\",
"queryStats":{"operatorSummaries":[{"totalTasks":9}],"totalTasks":3, "totalDrivers" : 1.5e3 },
"outputStage":{"plan":{"tasks":[1,2,{}],"subStages":"no"},"tasks":[
{"outputBuffers":{"totalPagesSent":5,"type":"PARTITIONED","x":[[]],"state":"FLUSHING","totalBufferedBytes":1.0E1,"totalBufferedPages":2},
"stats":{"pipelines":[{"a":[{}]}],"taskStatus":{"self":"decoy"}},
"taskStatus":{"failures":[{"self":"decoy"}],"\u0073elf":"http://w/\u0031","taskId":"q_1.0.0.0","nodeId":"w-ä","state":"FLUSHING","version":1}},
null,{"taskStatus":null,"outputBuffers":null},{}],
"subStages":[{"tasks":null,"subStages":null},null,{"subStages":["q_1.2"],"\u0074asks":[]}],"stageStats":{"a":"]}"}},
"retryPolicy":"QUERY","pruned":false,"finalQueryInfo":null} 
"#;
