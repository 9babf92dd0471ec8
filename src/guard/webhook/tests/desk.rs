//! A webhook over a scene, with the bounds that its server puts around it, and reviews to send to it.

use std::io::Write as _;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::notebook::Notebook;
use crate::cluster::calendar::Calendar;
use crate::core::guard::plan::scene::{SPACE, Scene};
use crate::core::guard::review::{Identities, Path};
use crate::core::guard::staging::USER;
use crate::guard::api;
use crate::guard::config::{self, Overrides, OwnPod, Settings};
use crate::guard::counters::{Answered, Counters, Reason};
use crate::guard::effects::Effects;
use crate::guard::pen::Pen;
use crate::guard::state::{Atlas, Fresh, State};
use crate::guard::trino::lists::Lists;
use crate::guard::trino::looks::Looks;
use crate::guard::trino::workers::Workers;
use crate::guard::webhook::{Trust, Webhook, router};
use crate::web::limits::{Limits, harden};

/// What the generated configuration puts before each path.
const SECRET: &str = "s3cret";

/// The webhook and what it wrote.
pub struct Desk {
    webhook: Arc<Webhook>,
    pen: Arc<Notebook>,
}

/// Facts that never grow old.
#[derive(Debug)]
struct Always;

impl Fresh for Always {
    fn stale(&self) -> Option<String> {
        None
    }
}

impl Desk {
    /// Over this scene, at its time.
    pub fn new(scene: Scene) -> Self {
        Self::with(scene, Arc::new(Always))
    }

    /// The same with facts of this age.
    pub fn with(scene: Scene, fresh: Arc<dyn Fresh>) -> Self {
        let pen = Arc::new(Notebook::default());
        let (state, counters) = (state(scene), Counters::default());
        let settings = Arc::new(settings());
        let webhook = Webhook {
            looks: Looks {
                state: state.clone(),
                workers: Arc::new(Workers::new(settings.drain.clone())),
                port: settings.trino.worker_http_port,
            },
            lists: Lists {
                state: state.clone(),
                settings,
            },
            seeker: None,
            effects: Effects::new(
                state.clone(),
                Arc::clone(&pen) as Arc<dyn Pen>,
                counters.clone(),
            ),
            identities: Identities::default(),
            trust: trust(),
            fresh,
            deadline: Duration::from_secs(4),
            counters,
            state,
        };
        Self {
            webhook: Arc::new(webhook),
            pen,
        }
    }

    /// Sends a review as the API server does, and reads the answer.
    pub async fn review(&self, path: Path, review: &Value) -> Value {
        let url = format!("/{SECRET}{}", path.url());
        let (status, answer) = self.post(&url, JSON, review.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["response"].clone()
    }

    /// Sends anything to the router as its server serves it.
    pub async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: impl Into<Body>,
    ) -> (StatusCode, Value) {
        let request = Request::post(url).header(header::CONTENT_TYPE, content_type);
        let request = request.body(body.into()).expect("a request");
        let served = harden(router(Arc::clone(&self.webhook)), &Limits::webhook());
        answered(served, request).await
    }

    /// Everything that was written, once all of it is.
    pub async fn written(&self) -> Vec<String> {
        self.webhook.effects.finish().await;
        self.pen.lines()
    }

    /// How many answers of this kind were counted.
    pub fn counted(&self, path: Path, verdict: &'static str, reason: &'static str) -> u64 {
        let answered = Answered {
            path: path.word(),
            verdict,
            reason,
        };
        self.webhook
            .counters
            .verdicts
            .get_or_create(&answered)
            .get()
    }

    /// How many removals were let go by this rule although something may have been lost.
    pub fn forced(&self, reason: &'static str) -> u64 {
        let forced = &self.webhook.counters.forced;
        forced.get_or_create(&Reason { reason }).get()
    }

    /// What `/v1/explain` says to a question.
    pub async fn explain(&self, question: &str) -> (StatusCode, Value) {
        let request = Request::get(format!("/v1/explain?{question}"));
        let request = request.body(Body::empty()).expect("a request");
        let served = api::router(Arc::clone(&self.webhook));
        answered(served, request).await
    }

    /// How many reviews came from nobody whom we trust.
    pub fn untrusted(&self) -> u64 {
        self.webhook.counters.untrusted.get()
    }
}

async fn answered(served: Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = served.oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

/// The content type of reviews.
pub const JSON: &str = "application/json";

/// A review of an operation on `w-0` or `w`: what differs from it is in `request`.
pub fn review(operation: &str, resource: &str, sub: &str, request: &Value) -> Value {
    let mut whole = json!({
        "uid": "r-1", "operation": operation, "namespace": SPACE, "userInfo": {"username": USER},
        "resource": {"group": "", "version": "v1", "resource": resource}, "subResource": sub,
    });
    let whole_fields = whole.as_object_mut().expect("an object");
    whole_fields.extend(request.as_object().expect("an object").clone());
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": whole})
}

/// An eviction of `w-0`.
pub fn eviction() -> Value {
    let object = json!({"metadata": {"name": "w-0", "namespace": SPACE}});
    review(
        "CREATE",
        "pods",
        "eviction",
        &json!({"name": "w-0", "object": object}),
    )
}

/// Facts as the scene has them; the clock begins at its time.
fn state(scene: Scene) -> State {
    let Scene {
        world,
        evidence,
        policy,
        now,
    } = scene;
    let world = Atlas::Held(Arc::new(RwLock::new(world)));
    let state = State::new(world, policy, Calendar::agreed(now));
    state.learn(|known, _| *known = evidence);
    state
}

fn trust() -> Trust {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(SECRET.as_bytes()).expect("written");
    let path = file.path().to_path_buf();
    Trust::load(Some(&path), None).expect("a secret")
}

fn settings() -> Settings {
    let text = "namespace: xtrinode-system\nreplicaId: desk\ntls: {selfManaged: {}}\n";
    let parsed = config::parse(text, &Overrides::default(), &OwnPod::default());
    parsed.expect("a valid configuration").settings
}
