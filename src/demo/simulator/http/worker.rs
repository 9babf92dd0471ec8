//! Routes of a worker: its state, to be read and set, its memory, its metrics. Workers know no
//! queries, so `/v1/query` is 404 here.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;
use tower_http::compression::CompressionLayer;

use super::access::{check_forwarded, required_user};
use super::reply::{Reply, json, metrics, status, text};
use super::shared::Shared;
use crate::demo::simulator::model::Model;
use crate::demo::simulator::model::worker::Worker;
use crate::demo::simulator::wire::node;
use crate::trino::words::NodeState;

/// One worker among the others of its cluster.
#[derive(Clone, Debug)]
pub struct Me {
    shared: Arc<Shared>,
    name: Arc<str>,
}

/// The router of the worker `name`.
pub fn router(shared: Arc<Shared>, name: &str) -> Router {
    Router::new()
        .route("/v1/info", get(info))
        .route("/v1/info/state", get(state).put(set_state))
        .route("/v1/status", get(node_status))
        .route("/metrics", get(node_metrics))
        .layer(CompressionLayer::new())
        .with_state(Me {
            shared,
            name: name.into(),
        })
}

/// Refuses who may not write system information.
///
/// # Errors
/// The 401, 403 or 406 to answer.
pub fn may_write(shared: &Shared, headers: &HeaderMap) -> Result<(), Box<Reply>> {
    let access = &shared.config.access;
    let user = required_user(headers, access)?;
    if access.write_system.contains(&user) {
        return Ok(());
    }
    Err(Box::new(text(
        StatusCode::FORBIDDEN,
        "Management only resource",
    )))
}

/// Refuses who may not read system information.
///
/// # Errors
/// The 401, 403 or 406 to answer.
pub fn may_read(shared: &Shared, headers: &HeaderMap) -> Result<(), Box<Reply>> {
    let access = &shared.config.access;
    let user = required_user(headers, access)?;
    if access.read_system.contains(&user) {
        return Ok(());
    }
    Err(Box::new(text(
        StatusCode::FORBIDDEN,
        "Management only resource",
    )))
}

/// The metrics asked for by `?name[]=`.
#[must_use]
pub fn wanted_names(parameters: Option<&str>) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(parameters.unwrap_or_default().as_bytes());
    pairs
        .filter(|(key, _)| key == "name[]")
        .map(|(_, name)| name.into_owned())
        .collect()
}

impl Me {
    /// Answers from this worker's part of the model; 503 when it has just left.
    fn answer(&self, reply: impl FnOnce(&Model, &Worker) -> Reply) -> Reply {
        let model = self.shared.model();
        match model.worker(&self.name) {
            Some(worker) => reply(&model, worker),
            None => status(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

async fn info(State(me): State<Me>, headers: HeaderMap) -> Reply {
    match check_forwarded(&headers, &me.shared.config.access) {
        Ok(()) => me.answer(|model, worker| {
            json(&node::worker_info(model, worker, me.shared.config.version))
        }),
        Err(refusal) => *refusal,
    }
}

async fn state(State(me): State<Me>) -> Reply {
    me.answer(|_, worker| json(&worker.state.word().into()))
}

async fn set_state(State(me): State<Me>, headers: HeaderMap, body: Bytes) -> Reply {
    if let Err(refusal) = may_write(&me.shared, &headers) {
        return *refusal;
    }
    let word = serde_json::from_slice::<Value>(&body).ok();
    let word = word.as_ref().and_then(Value::as_str).unwrap_or_default();
    let to = NodeState::from_word(word);
    let allowed = [
        NodeState::Active,
        NodeState::Draining,
        NodeState::Drained,
        NodeState::ShuttingDown,
    ];
    if !allowed.contains(&to) {
        return text(StatusCode::BAD_REQUEST, &format!("Invalid state {word}"));
    }
    match me.shared.model().set_worker_state(&me.name, to) {
        Ok(()) => status(StatusCode::OK),
        Err(_) => text(
            StatusCode::BAD_REQUEST,
            &format!("Invalid state transition to {word}"),
        ),
    }
}

async fn node_status(State(me): State<Me>) -> Reply {
    me.answer(|model, worker| {
        json(&node::worker_status(
            model,
            worker,
            me.shared.config.version,
        ))
    })
}

async fn node_metrics(
    State(me): State<Me>,
    RawQuery(parameters): RawQuery,
    headers: HeaderMap,
) -> Reply {
    if let Err(refusal) = may_read(&me.shared, &headers) {
        return *refusal;
    }
    let names = wanted_names(parameters.as_deref());
    me.answer(|model, worker| {
        metrics(node::open_metrics(
            &node::worker_metrics(model, worker),
            &names,
        ))
    })
}
