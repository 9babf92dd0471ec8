//! Pages of the statement protocol: QueryResults with `nextUri` until the end is reached.
//! It spells one page; tokens, retries and waiting are the server's.

use serde_json::{Map, Value, json};

use super::context::{Context, failure_info};
use super::figures::Figures;
use crate::demo::simulator::model::query::Query;
use crate::trino::words::QueryState;

/// The page of a statement that waits in the queue.
#[must_use]
pub fn queued(id: &str, base: &str, next: &str, query: Option<(&Query, &Context)>) -> Value {
    let state = query.map_or("QUEUED", |(query, _)| query.state.word());
    json!({
        "id": id,
        "infoUri": format!("{base}/ui/query.html?{id}"),
        "nextUri": format!("{base}{next}"),
        "stats": {
            "state": state,
            "queued": true,
            "scheduled": false,
            "nodes": 0, "totalSplits": 0, "queuedSplits": 0, "runningSplits": 0, "completedSplits": 0,
            "cpuTimeMillis": 0, "wallTimeMillis": 0, "queuedTimeMillis": 0, "elapsedTimeMillis": 0,
            "processedRows": 0, "processedBytes": 0, "physicalInputBytes": 0, "peakMemoryBytes": 0,
            "spilledBytes": 0,
        },
        "warnings": [],
    })
}

/// A page of results. `rows` rows starting at number `first`; `next` is absent at the end.
#[must_use]
pub fn results(
    query: &Query,
    context: &Context,
    base: &str,
    next: Option<&str>,
    first: u64,
    rows: u64,
) -> Value {
    let mut page = Map::new();
    page.insert("id".into(), query.id.clone().into());
    page.insert(
        "infoUri".into(),
        format!("{base}/ui/query.html?{}", query.id).into(),
    );
    if let Some(next) = next {
        page.insert("nextUri".into(), format!("{base}{next}").into());
    }
    if !query.stages.is_empty() && query.failure.is_none() {
        page.insert("columns".into(), columns());
    }
    if rows > 0 {
        page.insert("data".into(), (first..first + rows).map(row).collect());
    }
    page.insert("stats".into(), stats(query, context));
    if let Some(failure) = &query.failure {
        page.insert("error".into(), error(failure));
    }
    page.insert("warnings".into(), json!([]));
    Value::Object(page)
}

fn columns() -> Value {
    json!([
        {"name": "orderkey", "type": "bigint", "typeSignature": {"rawType": "bigint", "arguments": []}},
        {"name": "comment", "type": "varchar(79)",
         "typeSignature": {"rawType": "varchar", "arguments": [{"kind": "LONG", "value": 79}]}},
    ])
}

fn row(number: u64) -> Value {
    json!([number, format!("row {number} of the simulated table")])
}

fn error(failure: &crate::demo::simulator::model::query::Failure) -> Value {
    let mut error = json!({
        "message": failure.message,
        "errorCode": failure.code,
        "errorName": failure.name,
        "errorType": failure.kind,
    });
    error["failureInfo"] = failure_info(failure);
    error
}

fn stats(query: &Query, context: &Context) -> Value {
    let figures = Figures::of_query(query);
    let millis = |from| {
        let end = query.ended.unwrap_or(context.now);
        u64::try_from(end.saturating_sub(from).as_millis()).unwrap_or(u64::MAX)
    };
    json!({
        "state": query.state.word(),
        "queued": query.state == QueryState::Queued,
        "scheduled": !query.stages.is_empty(),
        "progressPercentage": figures.percent(figures.drivers[2]),
        "runningPercentage": figures.percent(figures.drivers[0]),
        "nodes": figures.running,
        "totalSplits": figures.all_drivers(),
        "queuedSplits": 0,
        "runningSplits": figures.drivers[0],
        "completedSplits": figures.drivers[2],
        "cpuTimeMillis": 0,
        "wallTimeMillis": millis(query.created),
        "queuedTimeMillis": 0,
        "elapsedTimeMillis": millis(query.created),
        "processedRows": figures.added * query.spec.rows_per_page,
        "processedBytes": figures.added * query.spec.page_bytes,
        "physicalInputBytes": 0,
        "peakMemoryBytes": figures.memory,
        "spilledBytes": 0,
    })
}
