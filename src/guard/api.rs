//! The admin port's API: `/v1/explain` says what a request would be told, `/v1/status` what the guard knows and does.
//! Reads only: an explanation changes nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::core::guard::ask::{Ask, Caller, Outcome, Request};
use crate::core::guard::class::View;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::Mode;
use crate::core::guard::facts::pod::Role;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::status::status;
use crate::core::guard::unguarded::{self, About};
use crate::core::guard::verdict::Clamp;
use crate::web::problem::Problem;

use super::webhook::Webhook;

/// What is to be explained.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// `evict`, `delete` or `scale`.
    pub action: String,
    /// The namespace.
    pub namespace: String,
    /// The pod or workload.
    pub name: String,
    /// `deployment`, `statefulset` or `replicaset`, for `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The new number of replicas, for `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

/// The explanation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `audit` or `enforce`; `None` where the namespace did not opt in.
    pub mode: Option<String>,
    /// Whether a real request would succeed now, as far as the guard is concerned.
    pub allowed: bool,
    /// The HTTP code of the refusal that the verdict is, or 200.
    pub code: u16,
    /// The row of the decision tables (docs/verdicts.md).
    pub row: String,
    /// Its reason word.
    pub reason: String,
    /// Why not.
    pub message: String,
    /// What whoever asks would be warned of.
    pub warnings: Vec<String>,
    /// What would be done.
    pub effects: Vec<String>,
    /// Why the guard has nothing to say, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unguarded: Option<String>,
}

/// The routes.
pub fn router(webhook: Arc<Webhook>) -> Router {
    Router::new()
        .route("/v1/explain", get(explain))
        .route("/v1/status", get(all))
        .with_state(webhook)
}

async fn all(Shared(webhook): Shared<Arc<Webhook>>) -> Response {
    Json(webhook.state.view(status)).into_response()
}

async fn explain(
    Shared(webhook): Shared<Arc<Webhook>>,
    Query(question): Query<Question>,
) -> Result<Json<Explanation>, Problem> {
    webhook.able()?;
    let bad = |detail| Problem::new(StatusCode::BAD_REQUEST, detail);
    let request = webhook
        .state
        .view(|view| request(view, &question))
        .map_err(bad)?;
    Ok(Json(explained(&webhook, request).await))
}

async fn explained(webhook: &Webhook, request: Request) -> Explanation {
    let ask = Ask {
        request,
        caller: Caller::Other,
        user: "explain".to_owned(),
        dry_run: true,
    };
    let (mode, why, slow) = webhook.state.view(|view| {
        let why = about(&ask.request).and_then(|about| unguarded::why(view, about));
        let slow = slow_drain(view, &ask.request);
        (view.mode(ask.namespace()), why, slow)
    });
    let (clamp, verdict) = webhook.tried(ask, mode).await;
    let names = |uid: &str| {
        let name = |view: &View| Some(view.world.pod_by_uid(uid)?.name.name.clone());
        webhook.state.view(name).unwrap_or_else(|| uid.to_owned())
    };
    let effects = verdict.effects.iter().map(|effect| effect.describe(names));
    let clamped = clamp.map(Clamp::warning);
    Explanation {
        mode: mode.map(|mode| mode.word().to_owned()),
        allowed: mode != Some(Mode::Enforce) || verdict.outcome == Outcome::Allow,
        code: mode.map_or(200, |_| verdict.outcome.code()),
        row: verdict.row.number().to_owned(),
        reason: verdict.row.reason().to_owned(),
        effects: effects.collect(),
        message: verdict.message,
        warnings: clamped
            .into_iter()
            .chain(verdict.warnings)
            .chain(slow)
            .collect(),
        unguarded: why,
    }
}

const fn about(request: &Request) -> Option<About<'_>> {
    match request {
        Request::Evict { pod, .. } | Request::Delete { pod, .. } => Some(About::Pod(pod)),
        Request::Scale { kind, workload, .. } => Some(About::Workload(*kind, workload)),
        _ => None,
    }
}

/// What cluster-autoscaler waits for an eviction unless told otherwise (`--max-pod-eviction-time`).
const PATIENCE: Duration = Duration::from_secs(120);

/// A warning where a drain takes longer than autoscalers wait.
fn slow_drain(view: &View, request: &Request) -> Option<String> {
    let cluster = match request {
        Request::Evict { pod, .. } | Request::Delete { pod, .. } => {
            view.world.pod(pod).map(|pod| (&pod.cluster, pod.role))
        }
        Request::Scale { kind, workload, .. } => {
            let workload = view.world.workload(*kind, workload);
            workload.map(|workload| (&workload.cluster, workload.role))
        }
        _ => None,
    };
    let (cluster, _) = cluster.filter(|(_, role)| *role == Role::Worker)?;
    let least = view.least_drain(cluster)?;
    (least > PATIENCE).then(|| {
        format!(
            "a drain takes at least {} s here, twice shutdown.grace-period; cluster-autoscaler waits {} s: see docs/callers.md",
            least.as_secs(),
            PATIENCE.as_secs()
        )
    })
}

fn request(view: &View, question: &Question) -> Result<Request, String> {
    let name = Name::new(&question.namespace, &question.name);
    match question.action.as_str() {
        "evict" => Ok(eviction(name)),
        "delete" => Ok(deletion(view, name)),
        "scale" => scale(view, question, name),
        other => Err(format!("action is {other:?}: give evict, delete or scale")),
    }
}

const fn eviction(pod: Name) -> Request {
    Request::Evict {
        pod,
        precondition: None,
    }
}

/// Of a pod that is not known the API server has to be asked, as it is for an eviction: a deletion brings its pod along.
fn deletion(view: &View, pod: Name) -> Request {
    match view.world.pod(&pod).map(|pod| pod.uid.clone()) {
        Some(uid) => Request::Delete {
            pod,
            uid,
            deleting: false,
            grace: None,
        },
        None => eviction(pod),
    }
}

fn scale(view: &View, question: &Question, workload: Name) -> Result<Request, String> {
    let kind = match question.kind.as_deref() {
        Some("deployment") => Kind::Deployment,
        Some("statefulset") => Kind::StatefulSet,
        Some("replicaset") => Kind::ReplicaSet,
        other => {
            let other = other.unwrap_or("");
            return Err(format!(
                "kind is {other:?}: give deployment, statefulset or replicaset"
            ));
        }
    };
    let new = question
        .to
        .ok_or("to is missing: give the new number of replicas")?;
    let known = view.world.workload(kind, &workload);
    Ok(Request::Scale {
        kind,
        // Of one that is not Trino's any number is lower: nobody minds.
        old: known.map_or(new.saturating_add(1), |known| known.replicas),
        workload,
        new,
        whole: false,
    })
}
