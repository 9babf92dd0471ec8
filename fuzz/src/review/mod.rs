//! Whatever comes as an AdmissionReview on any path, to the guard's own router over a cluster where everybody but one lost
//! worker is busy: an answer or a problem, never a panic; no yes where something busy would go; no grant for it; and
//! nothing written for whoever only tries.

mod oracle;
mod pen;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;
use xtrinode::cluster::calendar::Calendar;
use xtrinode::core::guard::review::{Identities, Path};
use xtrinode::guard::config::{self, Overrides, OwnPod};
use xtrinode::guard::counters::Counters;
use xtrinode::guard::effects::Effects;
use xtrinode::guard::pen::Pen;
use xtrinode::guard::state::{Atlas, Fresh, State};
use xtrinode::guard::trino::lists::Lists;
use xtrinode::guard::trino::looks::Looks;
use xtrinode::guard::trino::workers::Workers;
use xtrinode::guard::webhook::{Trust, Webhook, router};
use xtrinode::web::tls::ClientCertificate;

use super::place::{Place, running};
pub use oracle::{is_held, only_tries};
use pen::Notebook;

/// The worker whose container has ended, and its UID: the only one that may go.
const LOST: (&str, &str) = ("lost", "uid-lost");

/// The answer to one review.
pub enum Told {
    /// It is none.
    Problem,
    /// Yes.
    Allowed,
    /// No.
    Refused,
}

/// Sends a review to every path.
pub fn check(body: &[u8]) {
    let review: Option<Value> = serde_json::from_slice(body).ok();
    for path in Path::ALL {
        DESK.with(|desk| desk.check(path, body, review.as_ref()));
    }
}

/// Sends a review to one path.
pub fn ask(path: Path, body: &[u8]) -> Told {
    DESK.with(|desk| match desk.send(path, body) {
        (StatusCode::OK, answer) if answer["response"]["allowed"] == true => Told::Allowed,
        (StatusCode::OK, _) => Told::Refused,
        _ => Told::Problem,
    })
}

thread_local! {
    static DESK: Desk = Desk::new();
}

/// The guard's router, and what it writes. What it writes does not change the cluster, so one serves all inputs.
struct Desk {
    runtime: Runtime,
    router: Router,
    effects: Effects,
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
    fn new() -> Self {
        let clock = Calendar::start();
        let mut place = Place::busy(clock.now());
        place.put_pod(&lost(&place));
        let state = State::new(
            Atlas::Held(Arc::new(RwLock::new(place.world))),
            place.policy,
            clock,
        );
        state.learn(|known, _| *known = place.evidence);
        let (pen, counters) = (Arc::new(Notebook::default()), Counters::default());
        let effects = Effects::new(
            state.clone(),
            Arc::clone(&pen) as Arc<dyn Pen>,
            counters.clone(),
        );
        let webhook = webhook(state, effects.clone(), counters);
        Self {
            runtime: Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime"),
            router: router(Arc::new(webhook)),
            effects,
            pen,
        }
    }

    fn check(&self, path: Path, body: &[u8], review: Option<&Value>) {
        let (status, answer) = self.send(path, body);
        let written = self.pen.take();
        let granted = |(pod, what): &&(String, _)| *what == "xtrinode.io/grant" && pod != LOST.0;
        assert_eq!(written.iter().find(granted), None, "a grant for a busy pod");
        if status != StatusCode::OK {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
            return;
        }
        sound(&answer["response"]);
        // A general parser counts nested brackets and we skip them, so it may see less than we do.
        if let Some(review) = review {
            compare(path, review, &answer["response"], written.is_empty());
        }
    }

    /// As the API server does, whose certificate is trusted; then waits for what is written after the answer.
    fn send(&self, path: Path, body: &[u8]) -> (StatusCode, Value) {
        let request = Request::post(path.url()).header("content-type", "application/json");
        let shown = ClientCertificate {
            common_name: None,
            names: Vec::new(),
        };
        let request = request
            .extension(Arc::new(shown))
            .body(Body::from(body.to_vec()));
        self.runtime.block_on(async {
            let served = self.router.clone().oneshot(request.expect("a request"));
            let response = served.await.expect("an answer");
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX)
                .await
                .expect("a body");
            self.effects.finish().await;
            (status, serde_json::from_slice(&body).expect("JSON"))
        })
    }
}

/// What every answer is, whatever was asked.
fn sound(answer: &Value) {
    let code = &answer["status"]["code"];
    let refused = *code == 429 || *code == 403;
    assert_eq!(answer["allowed"] == true, !refused, "{answer}");
    assert!(
        answer["uid"].as_str().is_some_and(|uid| !uid.is_empty()),
        "{answer}"
    );
    assert_eq!(answer.get("patch"), None, "nobody chose the clamp");
}

fn compare(path: Path, review: &Value, answer: &Value, nothing_written: bool) {
    let request = &review["request"];
    assert_eq!(review["kind"], "AdmissionReview");
    assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(request["uid"], answer["uid"]);
    let allowed = answer["allowed"] == true;
    assert!(
        !(allowed && oracle::is_held(path, request)),
        "{path:?}: it takes what is busy: {request}"
    );
    assert!(
        nothing_written || !oracle::only_tries(request),
        "{path:?}: written for a dry-run: {request}"
    );
}

/// Of no workload that others are judged by.
fn lost(place: &Place) -> Value {
    let mut raw = running(LOST.0, LOST.1, "worker", ("Job", "nobody"), place.now);
    raw["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 1}});
    raw
}

fn webhook(state: State, effects: Effects, counters: Counters) -> Webhook {
    let text = "namespace: xtrinode-system\nreplicaId: fuzz\ntls: {selfManaged: {}}\n";
    let parsed = config::parse(text, &Overrides::default(), &OwnPod::default());
    let settings = Arc::new(parsed.expect("a configuration").settings);
    Webhook {
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
        effects,
        identities: Identities::default(),
        trust: Trust::load(None, Some(Vec::new())).expect("no secret"),
        fresh: Arc::new(Always),
        deadline: Duration::from_secs(4),
        counters,
        state,
    }
}
