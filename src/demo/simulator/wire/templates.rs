//! The templates of each wire shape, parsed once. They were cut from captured answers of Trino
//! 476 and 482, so every key and its place is Trino's; this file only names them.

use super::template::Template;
use crate::demo::simulator::config::Version;

/// Everything needed to answer in one wire shape.
#[derive(Debug)]
pub struct Templates {
    /// QueryInfo up to its stages.
    pub query_head: Template,
    /// QueryInfo after its stages.
    pub query_tail: Template,
    /// `queryStats` before execution.
    pub stats_planning: Template,
    /// `queryStats` of a query that runs.
    pub stats_running: Template,
    /// `queryStats` of a query that has ended.
    pub stats_ended: Template,
    /// StageInfo up to its tasks.
    pub stage_head: Template,
    /// StageInfo from its tasks to the stages below.
    pub stage_middle: Template,
    /// StageInfo after the stages below.
    pub stage_tail: Template,
    /// A stage's plan.
    pub plan: Template,
    /// A stage's tables.
    pub tables: Template,
    /// TaskInfo of a task that runs; Trino leaves its pipelines out.
    pub task_running: Template,
    /// TaskInfo of a task that is done.
    pub task_ended: Template,
    /// The elements of `stats.pipelines` of a finished task, with their brackets.
    pub pipelines: String,
    /// One entry of the list.
    pub list_entry: Template,
    /// The `queryStats` of an entry.
    pub list_stats: Template,
}

/// Reads one template file of a version's folder.
macro_rules! file {
    ($folder:literal, $name:literal) => {
        Template::parse(include_str!(concat!(
            "templates/",
            $folder,
            "/",
            $name,
            ".json.tmpl"
        )))
    };
}

/// All templates of a version's folder.
macro_rules! folder {
    ($folder:literal) => {{
        let (query_head, query_tail) = file!($folder, "query").split("stages");
        let (stage_head, rest) = file!($folder, "stage").split("tasks");
        let (stage_middle, stage_tail) = rest.split("sub_stages");
        Templates {
            query_head,
            query_tail,
            stats_planning: file!($folder, "query_stats_planning"),
            stats_running: file!($folder, "query_stats_running"),
            stats_ended: file!($folder, "query_stats_ended"),
            stage_head,
            stage_middle,
            stage_tail,
            plan: file!($folder, "plan"),
            tables: file!($folder, "tables"),
            task_running: file!($folder, "task_running"),
            task_ended: file!($folder, "task_ended"),
            pipelines: file!($folder, "pipelines").text(&super::template::Values::default()),
            list_entry: file!($folder, "list_entry"),
            list_stats: file!($folder, "list_stats"),
        }
    }};
}

impl Templates {
    /// The templates of a wire shape.
    #[must_use]
    pub fn of(version: Version) -> Self {
        match version {
            Version::V476 => folder!("476"),
            Version::V482 => folder!("482"),
        }
    }
}
