//! A QueryInfo, read strictly. Nested stages are walked without recursion, so that no document can
//! use up the stack.

use std::io::Read;

use struson::reader::ValueType;

use super::reader::{Key, Reader};
use crate::trino::error::ParseError;
use crate::trino::task::{OutputBuffer, QueryHead, TaskSink};
use crate::trino::task_slot::TaskSlot;
use crate::trino::words::{BufferState, BufferType, QueryState, RetryPolicy, TaskState};

const QUERY: [Key; 9] = [
    ("queryId", "queryId"),
    ("state", "state"),
    ("self", "self"),
    ("retryPolicy", "retryPolicy"),
    ("pruned", "pruned"),
    ("finalQueryInfo", "finalQueryInfo"),
    ("queryStats", "queryStats"),
    ("outputStage", "outputStage"),
    ("stages", "stages"),
];
const TOTAL_TASKS: Key = ("totalTasks", "queryStats.totalTasks");
const STAGE_LIST: Key = ("stages", "stages.stages");
const STAGE: [Key; 2] = [("tasks", "stage.tasks"), ("subStages", "stage.subStages")];
const TASK: [Key; 2] = [
    ("taskStatus", "task.taskStatus"),
    ("outputBuffers", "task.outputBuffers"),
];
const STATUS: [Key; 4] = [
    ("taskId", "taskStatus.taskId"),
    ("self", "taskStatus.self"),
    ("nodeId", "taskStatus.nodeId"),
    ("state", "taskStatus.state"),
];
const BUFFERS: [Key; 5] = [
    ("type", "outputBuffers.type"),
    ("state", "outputBuffers.state"),
    ("totalBufferedBytes", "outputBuffers.totalBufferedBytes"),
    ("totalBufferedPages", "outputBuffers.totalBufferedPages"),
    ("totalPagesSent", "outputBuffers.totalPagesSent"),
];

/// What is collected on the way.
struct Query<S> {
    head: QueryHead,
    slot: TaskSlot,
    sink: S,
}

pub(super) fn read<R: Read, S: TaskSink>(
    mut reader: Reader<'_, R>,
    sink: S,
) -> Result<(QueryHead, S), ParseError> {
    let mut query = Query {
        head: QueryHead::default(),
        slot: TaskSlot::default(),
        sink,
    };
    reader.expect(ValueType::Object, "$", "an object")?;
    reader.object("$", &QUERY, |reader, key| query.member(reader, key))?;
    reader.end()?;
    Ok((query.head, query.sink))
}

impl<S: TaskSink> Query<S> {
    fn member<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        key: usize,
    ) -> Result<(), ParseError> {
        let (name, path) = QUERY[key];
        match name {
            "queryId" => self.head.query_id = reader.text(path)?,
            "self" => self.head.self_uri = reader.text(path)?,
            "state" => {
                self.head.state = reader.text(path)?.map(|word| QueryState::from_word(&word));
            }
            "retryPolicy" => {
                let word = reader.text(path)?;
                self.head.retry_policy = word.map(|word| RetryPolicy::from_word(&word));
            }
            "pruned" => self.head.pruned = reader.flag(path)?,
            "finalQueryInfo" => self.head.is_final = reader.flag(path)?,
            "queryStats" => self.query_stats(reader, path)?,
            "outputStage" => self.stage(reader, path)?,
            _ => self.stages(reader, path)?,
        }
        Ok(())
    }

    fn query_stats<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        path: &'static str,
    ) -> Result<(), ParseError> {
        reader.object(path, &[TOTAL_TASKS], |reader, _| {
            self.head.total_tasks = reader.count(TOTAL_TASKS.1)?;
            Ok(())
        })?;
        Ok(())
    }

    fn stages<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        path: &'static str,
    ) -> Result<(), ParseError> {
        reader.object(path, &[STAGE_LIST], |reader, _| {
            reader.array(STAGE_LIST.1, |reader| {
                let path = "stages.stages[]";
                reader.expect(ValueType::Object, path, "an object or null")?;
                self.stage(reader, path)
            })
        })?;
        Ok(())
    }

    /// Reads a stage and all that are nested in it.
    fn stage<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        path: &'static str,
    ) -> Result<(), ParseError> {
        if !reader.begin_object(path)? {
            return Ok(());
        }
        // The keys that were met in this stage, and in those around it.
        let (mut seen, mut around) = (0, Vec::new());
        loop {
            match reader.member(&STAGE, &mut seen)? {
                Some(0) => reader.array(STAGE[0].1, |reader| self.task(reader))?,
                Some(_) => {
                    if reader.begin_array(STAGE[1].1)? {
                        around.push(std::mem::take(&mut seen));
                        seen = next_stage(reader, &mut around)?;
                    }
                }
                None if around.is_empty() => return Ok(()),
                None => seen = next_stage(reader, &mut around)?,
            }
        }
    }

    fn task<R: Read>(&mut self, reader: &mut Reader<'_, R>) -> Result<(), ParseError> {
        self.slot.clear();
        reader.object("stage.tasks[]", &TASK, |reader, key| match key {
            0 => self.status(reader, TASK[0].1),
            _ => self.buffers(reader, TASK[1].1),
        })?;
        self.head.tasks_found += 1;
        self.sink.task(&self.slot.task());
        Ok(())
    }

    fn status<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        path: &'static str,
    ) -> Result<(), ParseError> {
        reader.object(path, &STATUS, |reader, key| {
            let (name, path) = STATUS[key];
            let text = reader.text(path)?.unwrap_or_default();
            match name {
                "taskId" => self.slot.id = text,
                "self" => self.slot.self_uri = text,
                "nodeId" => self.slot.node_id = text,
                _ => self.slot.state = TaskState::from_word(&text),
            }
            Ok(())
        })?;
        Ok(())
    }

    fn buffers<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        path: &'static str,
    ) -> Result<(), ParseError> {
        let mut buffer = OutputBuffer::EMPTY;
        let present = reader.object(path, &BUFFERS, |reader, key| {
            let (name, path) = BUFFERS[key];
            match name {
                "type" => {
                    let word = reader.text(path)?.unwrap_or_default();
                    buffer.kind = BufferType::from_word(&word);
                }
                "state" => {
                    let word = reader.text(path)?.unwrap_or_default();
                    buffer.state = BufferState::from_word(&word);
                }
                "totalBufferedBytes" => buffer.bytes = reader.count(path)?.unwrap_or(0),
                "totalBufferedPages" => buffer.pages = reader.count(path)?.unwrap_or(0),
                _ => buffer.pages_sent = reader.count(path)?.unwrap_or(0),
            }
            Ok(())
        })?;
        self.slot.buffer = present.then_some(buffer);
        Ok(())
    }
}

/// In a list of sub-stages, enters the next one, or leaves the list for the stage around it: the
/// keys that were met in the stage that the reader is in then.
fn next_stage<R: Read>(
    reader: &mut Reader<'_, R>,
    around: &mut Vec<u32>,
) -> Result<u32, ParseError> {
    let path = "stage.subStages[]";
    while reader.element()? {
        if !reader.pass_text()? {
            reader.expect(ValueType::Object, path, "an object, a string or null")?;
            reader.begin_object(path)?;
            return Ok(0);
        }
    }
    Ok(around.pop().unwrap_or_default())
}
