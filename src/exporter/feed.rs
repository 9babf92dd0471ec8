//! `/v1/snapshot`: what is known now as JSON, and with `?watch` a stream of it: the whole snapshot first, then
//! changes, with a heartbeat. A slow reader skips to the latest state; nothing queues up for it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use crate::collect::Collector;
use crate::core::buffers::wire::WireSnapshot;
use crate::process::secret::Secret;
use crate::web::problem::Problem;

/// A watcher hears something at least this often, so that a dead connection shows.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// States also change because time passes (stale, proof lapsed), so the state is looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// What the endpoint answers from.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Where the state is.
    pub collector: Collector,
    /// Published as it is.
    pub source_lag: Duration,
    /// How long `maxAge` waits at most.
    pub patience: Duration,
    /// Holds the token that is demanded.
    pub token_file: Option<PathBuf>,
    /// Ends the streams.
    pub stop: CancellationToken,
}

impl Feed {
    /// The present state.
    #[must_use]
    pub fn snapshot(&self) -> WireSnapshot {
        WireSnapshot::new(&self.collector.board.snapshot(), self.source_lag)
    }
}

/// The route.
pub fn router(feed: Feed) -> Router {
    Router::new()
        .route("/v1/snapshot", get(answer))
        .with_state(Arc::new(feed))
}

async fn answer(
    State(feed): State<Arc<Feed>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match admit(&feed, &headers).and_then(|()| Question::parse(query.as_deref().unwrap_or(""))) {
        Ok(question) => reply(feed, question).await,
        Err(problem) => problem.into_response(),
    }
}

async fn reply(feed: Arc<Feed>, question: Question) -> Response {
    if let Some(max_age) = question.max_age {
        feed.collector.wait_for(max_age, feed.patience).await;
    }
    if question.watch {
        return Sse::new(events(feed)).into_response();
    }
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (no_store, Json(feed.snapshot())).into_response()
}

// === Who may ask ===

fn admit(feed: &Feed, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(file) = &feed.token_file else {
        return Ok(());
    };
    let token = std::fs::read_to_string(file).map_err(|error| {
        tracing::error!(file = %file.display(), %error, "Cannot read the snapshot token");
        let detail = "the server cannot read its own token";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    let token = Secret::new(token.trim_end_matches(['\r', '\n']));
    let presented = headers.get(header::AUTHORIZATION);
    let presented = presented.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match presented {
        Some(presented) if !token.expose().is_empty() && token.matches(presented) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "send the snapshot token as Authorization: Bearer TOKEN",
        )),
    }
}

// === What is asked ===

#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    max_age: Option<Duration>,
    watch: bool,
}

impl Question {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut question = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*key, &*value) {
                ("maxAge", age) => question.max_age = Some(age_of(age)?),
                ("watch", "" | "true" | "1") => question.watch = true,
                ("watch", "false" | "0") => question.watch = false,
                ("watch", other) => {
                    return Err(bad(format!("watch={other}: give watch or watch=true")));
                }
                (other, _) => {
                    let other: String = other.chars().take(40).collect();
                    return Err(bad(format!(
                        "unknown parameter {other}: give maxAge or watch"
                    )));
                }
            }
        }
        Ok(question)
    }
}

/// `500ms`, `5s`, `2m`, or a number of seconds.
fn age_of(text: &str) -> Result<Duration, Problem> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0)];
    let unit = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    let seconds = number.parse::<f64>().map(|number| number * factor);
    match seconds {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => {
            let text: String = text.chars().take(40).collect();
            Err(bad(format!(
                "maxAge={text}: give a time up to 60m, for example 5s or 500ms"
            )))
        }
    }
}

fn bad(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

// === The stream ===

/// One watcher.
struct Watcher {
    feed: Arc<Feed>,
    changes: watch::Receiver<u64>,
    told: Option<WireSnapshot>,
    heard: Instant,
}

fn events(feed: Arc<Feed>) -> impl Stream<Item = Result<Event, Infallible>> {
    let watcher = Watcher {
        changes: feed.collector.board.subscribe(),
        feed,
        told: None,
        heard: Instant::now(),
    };
    stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        watcher.heard = Instant::now();
        Some((Ok(event), watcher))
    })
}

impl Watcher {
    /// The next thing to say; `None` when the process stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let now = self.feed.snapshot();
            let event = match &self.told {
                None => named("snapshot", &now),
                Some(told) => now.since(told).and_then(|change| named("change", &change)),
            };
            if event.is_some() {
                self.told = Some(now);
                return event;
            }
            if self.heard.elapsed() >= HEARTBEAT {
                return Some(Event::default().event("heartbeat").data("{}"));
            }
            self.wait().await?;
        }
    }

    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            () = self.feed.stop.cancelled() => None,
            changed = self.changes.changed() => changed.ok(),
            () = sleep(LOOK) => Some(()),
        }
    }
}

/// Plain data always becomes JSON; if it did not, saying nothing is all that is left.
fn named(name: &str, data: &impl serde::Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(query: &str) -> Result<Question, String> {
        Question::parse(query).map_err(|problem| problem.detail)
    }

    #[test]
    fn questions_are_understood() {
        let five = Some(Duration::from_secs(5));
        assert_eq!(question("").map(|q| q.watch), Ok(false));
        assert_eq!(question("watch").map(|q| q.watch), Ok(true));
        let both = question("watch=true&maxAge=5s");
        assert_eq!(both.map(|q| (q.max_age, q.watch)), Ok((five, true)));
        let max_age = |text| question(text).map(|q| q.max_age);
        assert_eq!(
            max_age("maxAge=500ms"),
            Ok(Some(Duration::from_millis(500)))
        );
        assert_eq!(max_age("maxAge=5"), Ok(five));
    }

    #[test]
    fn bad_questions_say_what_is_allowed() {
        for bad in [
            "maxAge=-1s",
            "maxAge=soon",
            "maxAge=NaN",
            "maxAge=2h",
            "maxAge=",
        ] {
            let told = question(bad).expect_err(bad);
            assert!(told.contains("for example 5s"), "{told}");
        }
        assert!(
            question("max_age=5s")
                .expect_err("unknown")
                .contains("maxAge or watch")
        );
        assert!(
            question("watch=perhaps")
                .expect_err("odd")
                .contains("watch=true")
        );
    }
}
