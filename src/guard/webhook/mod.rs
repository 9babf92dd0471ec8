//! The webhook server's routes: a review comes in, is judged from memory, and its answer goes out; what the verdict
//! intends is written before an allow and after a refusal. Judges nothing itself.

mod decide;
mod seek;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{self, FromRequest as _, RawPathParams, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::{Instant, timeout};

use crate::core::guard::ask::{Ask, Outcome, Request, Verdict};
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::Mode;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::review::{Answer, Identities, Patch, Path, Review, read};
use crate::core::guard::rows::Row;
use crate::core::guard::verdict::{Clamp, clamp, late};
use crate::web::problem::Problem;

use super::counters::{Answered, At, Counters};
use super::effects::Effects;
use super::state::{Fresh, State};
use super::trino::lists::Lists;
use super::trino::looks::Looks;

pub use seek::Seeker;
pub use trust::Trust;

/// What reviews are answered from.
#[derive(Debug)]
pub struct Webhook {
    /// Facts and rules.
    pub state: State,
    /// Asks workers on an allow.
    pub looks: Looks,
    /// Asks coordinators on an allow.
    pub lists: Lists,
    /// Asks for pods that the cache does not know.
    /// `None` where the index is the truth itself: the demo and the bench hold it.
    pub seeker: Option<Seeker>,
    /// Writes what verdicts intend.
    pub effects: Effects,
    /// Who is who.
    pub identities: Identities,
    /// Whose reviews may have effects.
    pub trust: Trust,
    /// Whether Kubernetes' facts are fresh enough to answer at all.
    pub fresh: Arc<dyn Fresh>,
    /// An answer that takes longer is none.
    pub deadline: Duration,
    /// What is counted.
    pub counters: Counters,
}

/// The routes of all paths, bare and behind the secret segment.
pub fn router(webhook: Arc<Webhook>) -> Router {
    let mut router = Router::new();
    for path in Path::ALL {
        let handler = move |shared: Shared<Arc<Webhook>>, segments, request| {
            answer(shared, path, segments, request)
        };
        router = router.route(path.url(), post(handler));
        router = router.route(&format!("/{{secret}}{}", path.url()), post(handler));
    }
    router.with_state(webhook)
}

async fn answer(
    Shared(webhook): Shared<Arc<Webhook>>,
    path: Path,
    segments: RawPathParams,
    request: extract::Request,
) -> Response {
    let secret = segments
        .iter()
        .find(|(name, _)| *name == "secret")
        .map(|(_, value)| value);
    let trusted = webhook.trust.is_trusted(secret, request.extensions());
    let checked = check(request.headers());
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => return rejection.into_response(),
    };
    let started = Instant::now();
    let answered = match checked {
        Ok(()) => webhook.review(path, &body, trusted).await,
        Err(problem) => Err(problem),
    };
    let at = At { path: path.word() };
    let seconds = webhook.counters.seconds.get_or_create(&at);
    seconds.observe(started.elapsed().as_secs_f64());
    match answered {
        Ok(response) => response,
        Err(problem) => {
            webhook.count(path, "error", reason_of(problem.status));
            problem.into_response()
        }
    }
}

fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|value| value.starts_with("application/json")) {
        return Ok(());
    }
    let detail = "send an AdmissionReview as application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

const fn reason_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "bad-review",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "content-type",
        StatusCode::SERVICE_UNAVAILABLE => "unable",
        _ => "other",
    }
}

impl Webhook {
    async fn review(&self, path: Path, body: &[u8], trusted: bool) -> Result<Response, Problem> {
        let bad = |detail| Problem::new(StatusCode::BAD_REQUEST, detail);
        let Review { uid, ask } = read(path, body, &self.identities).map_err(bad)?;
        let Some(ask) = ask else {
            self.count(path, "allow", "UnknownOperation");
            return Ok(json(&Answer::allowed(&uid)));
        };
        self.able()?;
        let mode = self.state.view(|view| view.mode(ask.namespace()));
        let Some(mode) = mode else {
            self.count(path, "allow", Row::NotGuarded.reason());
            return Ok(json(&Answer::allowed(&uid)));
        };
        if !trusted {
            self.counters.untrusted.inc();
        }
        let live = mode == Mode::Enforce && trusted && !ask.dry_run;
        if path == Path::MutateScale {
            return Ok(self.clamped(&uid, &ask, mode, live));
        }
        let verdict = if trusted {
            self.within_deadline(&ask, live).await
        } else {
            self.recall(&ask)
        };
        Ok(self.answer(path, &uid, ask, verdict, mode, live))
    }

    /// A 503 while what is known of Kubernetes is too old to judge by.
    pub fn able(&self) -> Result<(), Problem> {
        let Some(stale) = self.fresh.stale() else {
            return Ok(());
        };
        let detail = format!("the guard can't judge: {stale}");
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
    }

    /// What a request that only tries is told: what the clamp makes of it, and the verdict on that.
    pub async fn tried(&self, mut ask: Ask, mode: Option<Mode>) -> (Option<Clamp>, Verdict) {
        let clamp = mode.and_then(|mode| Some(self.clamp(&ask, mode)?.2));
        if let (Request::Scale { new, .. }, Some(clamp)) = (&mut ask.request, clamp) {
            *new = clamp.given;
        }
        (clamp, self.within_deadline(&ask, false).await)
    }

    /// Whoever asks gets an answer of ours, and not the API server's that nobody answered.
    async fn within_deadline(&self, ask: &Ask, live: bool) -> Verdict {
        match timeout(self.deadline, self.decide(ask, live)).await {
            Ok(decided) => decided,
            Err(_) => self.state.view(|view| late(view, ask)),
        }
    }

    fn answer(
        &self,
        path: Path,
        uid: &str,
        ask: Ask,
        verdict: Verdict,
        mode: Mode,
        live: bool,
    ) -> Response {
        let allowed = verdict.outcome == Outcome::Allow;
        let word = match (allowed, mode) {
            (true, _) => "allow",
            (false, Mode::Enforce) => "deny",
            (false, Mode::Audit) => "audit-deny",
        };
        self.count(path, word, verdict.row.reason());
        log(path, &ask, &verdict, word);
        let answer = match mode {
            Mode::Enforce => Answer::enforced(uid, &verdict, ask.dry_run),
            Mode::Audit => Answer::audited(uid, &verdict, ask.dry_run),
        };
        let response = json(&answer);
        if live {
            self.effects.after(ask, verdict);
        }
        response
    }

    /// A lower number that would take a busy worker becomes one that does not. Only ever helps: validation judges again.
    fn clamped(&self, uid: &str, ask: &Ask, mode: Mode, live: bool) -> Response {
        let Some((kind, workload, clamp)) = self.clamp(ask, mode) else {
            self.count(Path::MutateScale, "allow", "NotClamped");
            return json(&Answer::allowed(uid));
        };
        self.count(Path::MutateScale, "clamp", "Clamped");
        if live {
            self.effects.clamped(kind, workload, clamp);
        }
        let replicas = clamp.given;
        json(&Answer::patched(
            uid,
            Patch { replicas },
            &clamp.warning(),
            ask.dry_run,
        ))
    }

    /// What the clamp makes of a request, where it is at work.
    fn clamp<'a>(&self, ask: &'a Ask, mode: Mode) -> Option<(Kind, &'a Name, Clamp)> {
        let Request::Scale {
            kind,
            workload,
            old,
            new,
            whole: false,
        } = &ask.request
        else {
            return None;
        };
        let of = (*kind, workload);
        let clamp = self.state.view(|view| clamp(view, ask, of, *old, *new));
        let clamp = clamp.filter(|_| mode == Mode::Enforce)?;
        Some((*kind, workload, clamp))
    }

    fn count(&self, path: Path, verdict: &'static str, reason: &'static str) {
        let answered = Answered {
            path: path.word(),
            verdict,
            reason,
        };
        self.counters.verdicts.get_or_create(&answered).inc();
    }
}

/// Ordinary allows and repeated refusals are for metrics; the log has them at debug.
fn log(path: Path, ask: &Ask, verdict: &Verdict, word: &str) {
    tracing::debug!(
        path = path.word(),
        verdict = word,
        row = verdict.row.number(),
        reason = verdict.row.reason(),
        namespace = ask.namespace(),
        user = ask.user,
        dry_run = ask.dry_run,
        message = verdict.message,
        "Answered a review"
    );
}

fn json(answer: &Answer) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            let detail = format!("the answer could not be written: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
