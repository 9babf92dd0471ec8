//! QueryInfo, written piece by piece in either wire shape, so that a document of half a gigabyte
//! costs one chunk of memory. It decides the order of pieces; their text comes from templates.

use bytes::Bytes;

use super::context::{Context, error_code, failure_info};
use super::figures::{Figures, drivers};
use super::template::Values;
use super::time::{duration, size};
use crate::demo::simulator::config::Version;
use crate::demo::simulator::model::query::Query;
use crate::demo::simulator::model::task::{BUFFER_LIMIT, Task};
use crate::trino::words::{QueryState, RetryPolicy, TaskState};

/// Bytes collected before a chunk is handed out.
const CHUNK: usize = 64 * 1024;

/// How often the captured pipelines stand in a padding task, to make it about 50 kB.
const PADDING_REPEAT: usize = 3;

/// One part of a document.
#[derive(Clone, Copy, Debug)]
enum Piece {
    QueryHead,
    Text(&'static str),
    StageHead(usize),
    Task { stage: usize, index: usize },
    Padding(u32),
    StageMiddle,
    ChildIds(usize),
    StageTail,
    QueryTail,
}

/// A QueryInfo in chunks.
#[derive(Debug)]
pub struct Document {
    query: Query,
    context: Context,
    pruned: bool,
    pieces: std::vec::IntoIter<Piece>,
}

impl Document {
    /// The document of `query`; `pruned` leaves out what Trino leaves out.
    #[must_use]
    pub fn new(query: Query, context: Context, pruned: bool) -> Self {
        let plan = Plan {
            query: &query,
            pruned,
            pieces: Vec::new(),
        };
        let pieces = plan.pieces(context.version).into_iter();
        Self {
            query,
            context,
            pruned,
            pieces,
        }
    }

    fn write(&self, piece: Piece, out: &mut Vec<u8>) {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::QueryHead => self.query_head(out),
            Piece::StageHead(stage) => self.stage_head(stage, out),
            Piece::Task { stage, index } => {
                if let Some(task) = self
                    .query
                    .stages
                    .get(stage)
                    .and_then(|s| s.tasks.get(index))
                {
                    self.task(stage, task, out);
                }
            }
            Piece::Padding(number) => self.padding(number, out),
            Piece::StageMiddle => {
                self.context
                    .templates
                    .stage_middle
                    .render(&Values::default(), out);
            }
            Piece::ChildIds(stage) => out.extend_from_slice(self.child_ids(stage).as_bytes()),
            Piece::StageTail => self.stage_tail(out),
            Piece::QueryTail => self.query_tail(out),
        }
    }

    fn query_head(&self, out: &mut Vec<u8>) {
        let stats = self.query_stats();
        let values = self.context.describe(&self.query).set("query_stats", stats);
        self.context.templates.query_head.render(&values, out);
        match self.context.version {
            _ if self.query.stages.is_empty() => {}
            Version::V476 => out.extend_from_slice(b"\"outputStage\":"),
            Version::V482 => {
                let id = self.query.stage_id(0);
                out.extend_from_slice(
                    format!("\"stages\":{{\"outputStageId\":\"{id}\",\"stages\":[").as_bytes(),
                );
            }
        }
    }

    fn query_stats(&self) -> String {
        let (query, templates) = (&self.query, &self.context.templates);
        let figures = Figures::of_query(query);
        let values = figures.fill(self.context.times(Values::default(), query), query);
        let end = self
            .context
            .instant(query.ended.unwrap_or(self.context.now));
        let values = values
            .set("scheduled", !query.stages.is_empty())
            .set("progress", float(figures.percent(figures.drivers[2])))
            .set(
                "running_percentage",
                float(figures.percent(figures.drivers[0])),
            )
            .set(
                "end_member",
                if query.is_over() {
                    format!("\"endTime\":\"{end}\",")
                } else {
                    String::new()
                },
            );
        let template = match query.state {
            _ if query.stages.is_empty() => &templates.stats_planning,
            QueryState::Finished | QueryState::Failed => &templates.stats_ended,
            _ => &templates.stats_running,
        };
        template.text(&values)
    }

    fn query_tail(&self, out: &mut Vec<u8>) {
        let query = &self.query;
        let figures = Figures::of_query(query);
        let mut values = self
            .context
            .describe(query)
            .set("final", query.is_over())
            .set("pruned", self.pruned)
            .set("progress_members", self.progress(&figures));
        if let Some(failure) = &query.failure {
            let (info, code) = (failure_info(failure), error_code(failure));
            values = values
                .set(
                    "failure",
                    format!("\"failureInfo\":{info},\"errorCode\":{code},"),
                )
                .set("error_type", format!("\"errorType\":\"{}\",", failure.kind));
        }
        self.context.templates.query_tail.render(&values, out);
    }

    /// The two percentages; 482 has them before `scheduled`, 476 after it.
    fn progress(&self, figures: &Figures) -> String {
        if self.query.stages.is_empty() {
            return String::new();
        }
        let done = float(figures.percent(figures.drivers[2]));
        let running = float(figures.percent(figures.drivers[0]));
        let members = format!("\"progressPercentage\":{done},\"runningPercentage\":{running}");
        match self.context.version {
            Version::V476 => format!(",{members}"),
            Version::V482 => format!("{members},"),
        }
    }

    fn stage_head(&self, number: usize, out: &mut Vec<u8>) {
        let templates = &self.context.templates;
        let plan = templates.plan.text(&Values::default());
        let values = self.stage_values(number).set(
            "plan_member",
            if self.pruned {
                String::new()
            } else {
                format!("\"plan\":{plan},")
            },
        );
        templates.stage_head.render(&values, out);
    }

    fn stage_tail(&self, out: &mut Vec<u8>) {
        let templates = &self.context.templates;
        let tables = if self.pruned {
            "{}".to_owned()
        } else {
            templates.tables.text(&Values::default())
        };
        templates
            .stage_tail
            .render(&Values::default().set("tables", tables), out);
    }

    fn child_ids(&self, number: usize) -> String {
        let children = children(&self.query, number);
        let ids: Vec<_> = children
            .into_iter()
            .map(|c| format!("\"{}\"", self.query.stage_id(c)))
            .collect();
        format!("[{}]", ids.join(","))
    }

    fn stage_values(&self, number: usize) -> Values {
        let query = &self.query;
        let (figures, state) = match query.stages.get(number) {
            Some(stage) => (Figures::of_stage(query, stage), stage_state(query, number)),
            None => (Figures::of_padding(query.padding), "FINISHED"),
        };
        figures
            .fill(self.context.times(Values::default(), query), query)
            .set("stage_id", query.stage_id(number))
            .set("stage_number", number)
            .set("stage_state", state)
    }

    fn task(&self, stage: usize, task: &Task, out: &mut Vec<u8>) {
        let (query, info) = (&self.query, task.seen);
        let [running, blocked, completed] = drivers(query, task);
        let memory = size(task.memory(info, query.spec.page_bytes));
        let open = !info.state.is_done() && info.state != TaskState::Flushing;
        let planned = info.state == TaskState::Planned;
        let heard = task.ended.unwrap_or(self.context.now);
        let id = query.task_id(stage, task);
        let values = Values::default()
            .set("self", format!("http://{}/v1/task/{id}", task.node.address))
            .set("task_id", id)
            .set("instance", self.instance(task.instance))
            .set("version", info.version)
            .set("state", info.state.word())
            .set("node_id", &task.node.name)
            .set("overutilized", open && query.bytes(info) >= BUFFER_LIMIT)
            .set("peak_memory", &memory)
            .set("memory", memory)
            .set("last_heartbeat", self.context.instant(heard))
            .set("buffer_type", info.kind.word())
            .set("buffer_state", info.buffer.word())
            .set("can_add_buffers", planned)
            .set("can_add_pages", open)
            .set("buffered_bytes", query.bytes(info))
            .set("buffered_pages", info.pages)
            .set("rows", info.added * query.spec.rows_per_page)
            .set("pages_sent", info.added)
            .set("output_size", size(info.added * query.spec.page_bytes))
            .set("create_time", self.context.instant(task.created))
            .set("elapsed", duration(heard.saturating_sub(task.created)))
            .set("running_drivers", running)
            .set("blocked_drivers", blocked)
            .set("completed_drivers", completed)
            .set("estimated_memory", self.estimated_memory());
        self.render_task(values, info.state.is_done(), 1, out);
    }

    /// A finished task of the stage that fills the document up.
    fn padding(&self, number: u32, out: &mut Vec<u8>) {
        let Some(node) = self
            .context
            .nodes
            .get(number as usize % self.context.nodes.len().max(1))
        else {
            return;
        };
        let query = &self.query;
        let id = format!("{}.{}.{number}.0", query.id, query.stages.len());
        let started = query.started.unwrap_or(query.created);
        let values = Values::default()
            .set("self", format!("http://{}/v1/task/{id}", node.address))
            .set("task_id", id)
            .set("instance", self.instance(u64::from(number) + 1))
            .set("version", 2)
            .set("state", "FINISHED")
            .set("node_id", &node.name)
            .set("overutilized", false)
            .set("peak_memory", size(0))
            .set("memory", size(0))
            .set("last_heartbeat", self.context.instant(started))
            .set(
                "buffer_type",
                if query.spec.retry == RetryPolicy::Task {
                    "EXTERNAL"
                } else {
                    "PARTITIONED"
                },
            )
            .set("buffer_state", "FINISHED")
            .set("can_add_buffers", false)
            .set("can_add_pages", false)
            .set("buffered_bytes", 0)
            .set("buffered_pages", 0)
            .set("rows", 0)
            .set("pages_sent", 0)
            .set("output_size", size(0))
            .set("create_time", self.context.instant(started))
            .set("elapsed", "1.02s")
            .set("running_drivers", 0)
            .set("blocked_drivers", 0)
            .set("completed_drivers", 4)
            .set("estimated_memory", self.estimated_memory());
        self.render_task(values, true, PADDING_REPEAT, out);
    }

    fn render_task(&self, values: Values, done: bool, repeat: usize, out: &mut Vec<u8>) {
        let templates = &self.context.templates;
        if !done {
            return templates
                .task_running
                .render(&values.set("pipelines", "[]"), out);
        }
        let elements = templates.pipelines.trim_start_matches('[');
        let elements = elements.strip_suffix(']').unwrap_or(elements);
        let pipelines = vec![elements; repeat].join(",");
        templates
            .task_ended
            .render(&values.set("pipelines", format!("[{pipelines}]")), out);
    }

    /// 476 spells a task's instance as text, 482 as a number.
    fn instance(&self, instance: u64) -> String {
        match self.context.version {
            Version::V476 if instance == 0 => "\"\"".to_owned(),
            Version::V476 => format!("\"{instance:08x}-0000-4000-a000-000000000000\""),
            Version::V482 => instance.to_string(),
        }
    }

    /// Only fault-tolerant execution estimates memory; no capture of 482 shows the member.
    fn estimated_memory(&self) -> &'static str {
        match (self.context.version, self.query.spec.retry) {
            (Version::V476, RetryPolicy::Task) => "\"estimatedMemory\":\"880803840B\",",
            _ => "",
        }
    }
}

impl Iterator for Document {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(CHUNK);
        while out.len() < CHUNK {
            let Some(piece) = self.pieces.next() else {
                break;
            };
            self.write(piece, &mut out);
        }
        (!out.is_empty()).then(|| Bytes::from(out))
    }
}

/// Puts the pieces of a document in order.
struct Plan<'a> {
    query: &'a Query,
    pruned: bool,
    pieces: Vec<Piece>,
}

impl Plan<'_> {
    fn pieces(mut self, version: Version) -> Vec<Piece> {
        self.pieces.push(Piece::QueryHead);
        if !self.query.stages.is_empty() {
            match version {
                Version::V476 => self.nested(0),
                Version::V482 => self.flat(),
            }
            self.pieces.push(Piece::Text(if version == Version::V482 {
                "]},"
            } else {
                ","
            }));
        }
        self.pieces.push(Piece::QueryTail);
        self.pieces
    }

    /// 476: a stage holds the stages below it. Pruning removes those too.
    fn nested(&mut self, number: usize) {
        self.stage_open(number);
        self.pieces.extend([Piece::StageMiddle, Piece::Text("[")]);
        let below = if self.pruned {
            Vec::new()
        } else {
            children(self.query, number)
        };
        for (index, child) in below.into_iter().enumerate() {
            self.separate(index);
            self.nested(child);
        }
        self.pieces.extend([Piece::Text("]"), Piece::StageTail]);
    }

    /// 482: stages stand side by side and name each other.
    fn flat(&mut self) {
        let count = self.query.stages.len() + usize::from(self.query.padding > 0);
        for number in 0..if self.pruned { 1 } else { count } {
            self.separate(number);
            self.stage_open(number);
            let ids = if self.pruned {
                Piece::Text("[]")
            } else {
                Piece::ChildIds(number)
            };
            self.pieces
                .extend([Piece::StageMiddle, ids, Piece::StageTail]);
        }
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.pieces.push(Piece::Text(","));
        }
    }

    /// A stage up to the end of its tasks.
    fn stage_open(&mut self, number: usize) {
        self.pieces.push(Piece::StageHead(number));
        self.pieces.push(Piece::Text("["));
        if !self.pruned {
            self.tasks(number);
        }
        self.pieces.push(Piece::Text("]"));
    }

    fn tasks(&mut self, number: usize) {
        let real = self.query.stages.get(number).map(|stage| stage.tasks.len());
        let count = real.unwrap_or(self.query.padding as usize);
        for index in 0..count {
            self.separate(index);
            self.pieces.push(match real {
                Some(_) => Piece::Task {
                    stage: number,
                    index,
                },
                None => Piece::Padding(u32::try_from(index).unwrap_or(u32::MAX)),
            });
        }
    }
}

/// Stages below a stage: the next of the chain; below the last one, the padding stage.
fn children(query: &Query, number: usize) -> Vec<usize> {
    let last = query.stages.len();
    let below = number + 1;
    let exists = below < last || (below == last && query.padding > 0);
    if exists { vec![below] } else { Vec::new() }
}

/// A stage's state in Trino's words.
fn stage_state(query: &Query, number: usize) -> &'static str {
    let Some(stage) = query.stages.get(number) else {
        return "PLANNED";
    };
    let done = stage.tasks.iter().all(|task| task.seen.state.is_done());
    match query.state {
        QueryState::Failed
            if !stage
                .tasks
                .iter()
                .all(|t| t.seen.state == TaskState::Finished) =>
        {
            "FAILED"
        }
        _ if done => "FINISHED",
        QueryState::Starting => "SCHEDULING",
        _ => "RUNNING",
    }
}

/// A JSON number that stays a float, as Trino's doubles do.
fn float(value: f64) -> String {
    format!("{value:?}")
}
