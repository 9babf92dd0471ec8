//! What a document needs beside the query it is about: shape, dates, the coordinator's address.

use std::sync::Arc;
use std::time::Duration;

use super::template::{Values, quoted};
use super::templates::Templates;
use super::time::{duration, instant};
use crate::demo::simulator::config::Version;
use crate::demo::simulator::model::query::{Failure, Query};
use crate::demo::simulator::model::task::Node;
use crate::trino::words::QueryState;

/// Everything around a query that shows in documents.
#[derive(Clone, Debug)]
pub struct Context {
    /// Wire shape.
    pub version: Version,
    /// Its templates.
    pub templates: Arc<Templates>,
    /// Wall time of the model's zero, in milliseconds since 1970.
    pub epoch_millis: i64,
    /// Model time of the answer.
    pub now: Duration,
    /// `host:port` of the coordinator, as the cluster knows it.
    pub coordinator: String,
    /// Workers on which finished tasks are said to have run.
    pub nodes: Vec<Arc<Node>>,
}

impl Context {
    /// Spells a model time as an instant.
    #[must_use]
    pub fn instant(&self, at: Duration) -> String {
        instant(self.epoch_millis, at)
    }

    /// Fills what lists and documents say of a query in the same words.
    #[must_use]
    pub fn describe(&self, query: &Query) -> Values {
        let user = quoted(&query.spec.user);
        Values::default()
            .set("query_id", &query.id)
            .set("transaction_id", &query.transaction)
            .set("user", user)
            .set("source", quoted(&query.spec.source))
            .set("user_agent", quoted("StatementClientV1/simulator"))
            .set("state", query.state.word())
            .set(
                "self",
                format!("http://{}/v1/query/{}", self.coordinator, query.id),
            )
            .set("sql", quoted(&query.spec.sql))
            .set("retry", query.spec.retry.word())
            .set("scheduled", !query.stages.is_empty())
            .set("create_time", self.instant(query.created))
    }

    /// Fills a query's times.
    #[must_use]
    pub fn times(&self, values: Values, query: &Query) -> Values {
        let end = query.ended.unwrap_or(self.now);
        let started = query.started.unwrap_or(end);
        let span = |from: Duration| duration(end.saturating_sub(from));
        let finishing = query.state == QueryState::Finishing;
        values
            .set("create_time", self.instant(query.created))
            .set("execution_start_time", self.instant(started))
            .set("last_heartbeat", self.instant(end))
            .set("end_time", self.instant(end))
            .set("elapsed", span(query.created))
            .set("queued", duration(started.saturating_sub(query.created)))
            .set("execution", span(started))
            .set(
                "finishing",
                duration(if finishing {
                    Duration::from_millis(40)
                } else {
                    Duration::ZERO
                }),
            )
    }
}

/// A failure's `errorCode`.
#[must_use]
pub fn error_code(failure: &Failure) -> serde_json::Value {
    serde_json::json!({
        "code": failure.code,
        "name": failure.name,
        "type": failure.kind,
        "fatal": failure.kind == "USER_ERROR",
    })
}

/// A failure as `failureInfo`.
#[must_use]
pub fn failure_info(failure: &Failure) -> serde_json::Value {
    serde_json::json!({
        "type": failure.class,
        "message": failure.message,
        "suppressed": [],
        "stack": [format!("{}.<init>(Simulated.java:1)", failure.class)],
        "errorCode": error_code(failure),
    })
}
