//! Routes of the coordinator: queries, statements, node information, metrics. Each handler
//! checks access as Trino does and then answers from a copy of the model.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use super::access::{check_forwarded, required_user};
use super::reply::{Reply, json, metrics, status, stream, text};
use super::shared::Shared;
use super::{statement, worker};
use crate::demo::simulator::model::query::Query;
use crate::demo::simulator::wire::document::Document;
use crate::demo::simulator::wire::list::list;
use crate::demo::simulator::wire::node;

/// The coordinator's router.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/query", get(query_list))
        .route("/v1/query/{id}", get(query_info))
        .route("/v1/info", get(info))
        .route("/v1/info/state", get(state).put(refuse_state))
        .route("/v1/info/coordinator", get(is_coordinator))
        .route("/v1/status", get(node_status))
        .route("/metrics", get(node_metrics))
        .route("/v1/statement", post(statement::submit))
        .route(
            "/v1/statement/queued/{id}/{slug}/{token}",
            get(statement::queued).delete(statement::cancel),
        )
        .route(
            "/v1/statement/executing/{id}/{slug}/{token}",
            get(statement::executing).delete(statement::cancel),
        )
        .layer(CompressionLayer::new())
        .with_state(shared)
}

/// Everybody sees his own queries, others' only with the permission.
fn may_see(shared: &Shared, user: &str, query: &Query) -> bool {
    query.spec.user == user || shared.config.access.view_queries.contains(user)
}

async fn query_list(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Reply {
    let user = match required_user(&headers, &shared.config.access) {
        Ok(user) => user,
        Err(refusal) => return *refusal,
    };
    let model = shared.model();
    let visible = model
        .queries()
        .filter(|query| may_see(&shared, &user, query));
    let (queries, context) = (visible.cloned().collect(), shared.context(&model));
    drop(model);
    stream(list(queries, context))
}

async fn query_info(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(parameters): RawQuery,
    headers: HeaderMap,
) -> Reply {
    let user = match required_user(&headers, &shared.config.access) {
        Ok(user) => user,
        Err(refusal) => return *refusal,
    };
    let pruned = parameters.is_some_and(|text| text.split('&').any(|p| p == "pruned=true"));
    let model = shared.model();
    let Some(query) = model.query(&id) else {
        return status(StatusCode::GONE);
    };
    if !may_see(&shared, &user, query) {
        return text(
            StatusCode::FORBIDDEN,
            &format!(
                "Access Denied: Cannot view query owned by {}",
                query.spec.user
            ),
        );
    }
    let (query, context) = (query.clone(), shared.context(&model));
    drop(model);
    stream(shared.traffic.count(Document::new(query, context, pruned)))
}

async fn info(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Reply {
    match check_forwarded(&headers, &shared.config.access) {
        Ok(()) => json(&node::coordinator_info(
            &shared.model(),
            shared.config.version,
        )),
        Err(refusal) => *refusal,
    }
}

async fn state() -> Reply {
    json(&"ACTIVE".into())
}

/// A coordinator cannot be drained.
async fn refuse_state(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Reply {
    match worker::may_write(&shared, &headers) {
        Ok(()) => text(
            StatusCode::BAD_REQUEST,
            "Cannot drain or shut down coordinator",
        ),
        Err(refusal) => *refusal,
    }
}

async fn is_coordinator() -> Reply {
    status(StatusCode::OK)
}

async fn node_status(State(shared): State<Arc<Shared>>) -> Reply {
    let model = shared.model();
    json(&node::coordinator_status(
        &model,
        shared.config.version,
        &shared.coordinator,
    ))
}

async fn node_metrics(
    State(shared): State<Arc<Shared>>,
    RawQuery(parameters): RawQuery,
    headers: HeaderMap,
) -> Reply {
    if let Err(refusal) = worker::may_read(&shared, &headers) {
        return *refusal;
    }
    let values = node::coordinator_metrics(&shared.model());
    metrics(node::open_metrics(
        &values,
        &worker::wanted_names(parameters.as_deref()),
    ))
}
