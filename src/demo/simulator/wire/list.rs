//! `GET /v1/query`: one BasicQueryInfo for each query that a user may see.

use bytes::Bytes;

use super::context::{Context, error_code};
use super::figures::Figures;
use super::template::Values;
use crate::demo::simulator::config::Version;
use crate::demo::simulator::model::query::Query;

/// The list in chunks, one query each.
pub fn list(queries: Vec<Query>, context: Context) -> impl Iterator<Item = Bytes> {
    let entries = queries.into_iter().enumerate().map(move |(index, query)| {
        let separator = if index == 0 { "" } else { "," };
        Bytes::from(format!("{separator}{}", entry(&query, &context)))
    });
    let open = std::iter::once(Bytes::from_static(b"["));
    open.chain(entries)
        .chain(std::iter::once(Bytes::from_static(b"]")))
}

/// One entry.
fn entry(query: &Query, context: &Context) -> String {
    let errors = query.failure.as_ref().map(|failure| {
        format!(
            "\"errorType\":\"{}\",\"errorCode\":{},",
            failure.kind,
            error_code(failure)
        )
    });
    let values = context
        .describe(query)
        .set("query_stats", stats(query, context))
        .set("error_members", errors.unwrap_or_default());
    context.templates.list_entry.text(&values)
}

fn stats(query: &Query, context: &Context) -> String {
    let figures = Figures::of_query(query);
    let mut values = figures.fill(context.times(Values::default(), query), query);
    if !query.stages.is_empty() {
        values = values.set(
            "progress_members",
            format!(
                ",\"progressPercentage\":{:?},\"runningPercentage\":{:?}",
                figures.percent(figures.drivers[2]),
                figures.percent(figures.drivers[0])
            ),
        );
    }
    // No list of 482 with an ended query was captured, so its entries stay without the member.
    if let (Some(ended), Version::V476) = (query.ended, context.version) {
        values = values.set(
            "end_member",
            format!("\"endTime\":\"{}\",", context.instant(ended)),
        );
    }
    context.templates.list_stats.text(&values)
}
