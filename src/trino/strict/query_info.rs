//! A QueryInfo, read strictly. The depth limit bounds the recursion through nested stages.

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

    fn stage<R: Read>(
        &mut self,
        reader: &mut Reader<'_, R>,
        path: &'static str,
    ) -> Result<(), ParseError> {
        reader.object(path, &STAGE, |reader, key| {
            reader.array(STAGE[key].1, |reader| match key {
                0 => self.task(reader),
                _ => self.sub_stage(reader),
            })
        })?;
        Ok(())
    }

    fn sub_stage<R: Read>(&mut self, reader: &mut Reader<'_, R>) -> Result<(), ParseError> {
        if reader.pass_text()? {
            return Ok(());
        }
        let path = "stage.subStages[]";
        reader.expect(ValueType::Object, path, "an object, a string or null")?;
        self.stage(reader, path)
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
