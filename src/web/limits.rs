//! What one client may take from us. Decides bounds on connections, heads, bodies and
//! times, and wraps a router so that every error, panics included, has a clear body.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

use super::budget::{self, Budget};
use super::problem::Problem;
use crate::process::tasks::panic_message;

/// Bounds of one server. The defaults suit an admin port: a scraper, a few watchers, probes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Open connections; further clients wait in the listen queue. Default 256.
    pub connections: usize,
    /// Bytes of a request head, at least 8192. A longer one is answered 431. Default 32 KiB.
    pub head_bytes: usize,
    /// Requests that one HTTP/2 connection may have open; a client waits, or connects once
    /// more. Default 100.
    pub streams: u32,
    /// For a TLS handshake. Default 10 s.
    pub handshake_time: Duration,
    /// For a whole request head counted from the end of the answer before it; so this is
    /// the idle timeout of a kept connection too. Default 75 s, above the usual scrape
    /// intervals, so that scrapers keep their connection. HTTP/2 connections are pinged
    /// instead and may stay while the peer answers.
    pub head_time: Duration,
    /// Bytes of a request body. A longer one is answered 413. Default 64 KiB.
    pub body_bytes: usize,
    /// Bytes of all request bodies together that are in memory at one moment, from their coming to the end of their
    /// handlers. A request that needs more is answered 503. Default 4 MiB.
    pub bodies_bytes: usize,
    /// The longest pause within a body, theirs or ours: a peer that neither sends nor reads
    /// for this long is cut off. Default 30 s.
    pub stall: Duration,
    /// Until a handler answers; a body streamed after that is not counted. Then the client
    /// gets 503. Default 60 s.
    pub answer: Duration,
    /// After shutdown began, connections and requests are still accepted for this long: for
    /// clients that have not yet heard of it. HTTP/1.1 answers ask them to reconnect, so that
    /// they find another server. Default 0.
    pub lame_duck: Duration,
    /// After that, open requests may take this long. Default 5 s.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head_bytes: 32 << 10,
            streams: 100,
            handshake_time: Duration::from_secs(10),
            head_time: Duration::from_secs(75),
            body_bytes: 64 << 10,
            bodies_bytes: 4 << 20,
            stall: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            lame_duck: Duration::ZERO,
            shutdown: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// For a port that an API server calls for admission, with a timeout of 5 s a call.
    ///
    /// A review holds two objects of at most 1.5 MiB each (etcd's limit for a request), some
    /// of their bytes escaped: 8 MiB fits any. An API server keeps idle connections for 90 s;
    /// ours outlive that, so that it never sends a review into a connection that we just closed.
    /// Bodies together get 64 MiB: thousands of ordinary reviews (about 10 KiB), or eight of the longest.
    pub fn webhook() -> Self {
        Self {
            connections: 1024,
            streams: 250,
            handshake_time: Duration::from_secs(5),
            head_time: Duration::from_secs(100),
            body_bytes: 8 << 20,
            bodies_bytes: 64 << 20,
            stall: Duration::from_secs(10),
            answer: Duration::from_secs(5),
            lame_duck: Duration::from_secs(15),
            ..Self::default()
        }
    }
}

/// Puts bounds and error bodies around a router. [`super::serve::Server::run`] does it to
/// the router that it gets; tests that drive a router directly do it themselves.
pub fn harden(router: Router, limits: &Limits) -> Router {
    let router = router
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method);
    router
        // The limit stands next to the handler: extractors know its error and answer 413.
        .layer(RequestBodyLimitLayer::new(limits.body_bytes))
        // Extractors have a limit of their own (2 MB), which would be met first.
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyTimeoutLayer::new(limits.stall))
        .layer(from_fn_with_state(
            Budget::new(limits.bodies_bytes),
            budget::count,
        ))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            limits.answer,
        ))
        .layer(map_response(explain))
        .layer(CatchPanicLayer::custom(panicked))
}

async fn not_found(uri: Uri) -> Problem {
    let detail = format!(
        "there is nothing at {}; GET / lists what there is",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, detail)
}

async fn wrong_method(method: Method, request: Request) -> Problem {
    let path = request.uri().path();
    let detail = format!("{path} does not answer {method}; the header Allow says what it answers");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Layers answer with a bare status, or 413 with a text of their own.
async fn explain(response: Response) -> Response {
    let status = response.status();
    let bare = !response.headers().contains_key(CONTENT_TYPE);
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(status, "the request body is longer than this server reads")
                .into_response()
        }
        StatusCode::SERVICE_UNAVAILABLE if bare => Problem::new(
            status,
            "no answer within this server's time limit; try again",
        )
        .into_response(),
        _ => response,
    }
}

/// The panic's message may hold data, so it goes to the log and not to the client.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    tracing::error!(panic = panic_message(panic), "A request handler panicked");
    let detail = "the handler failed; the log of this process says more";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::{get, post};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    fn router() -> Router {
        let limits = Limits {
            body_bytes: 10,
            answer: Duration::from_millis(50),
            ..Limits::default()
        };
        let router = Router::new()
            .route("/fine", get(async || "fine"))
            .route(
                "/panics",
                get(async || -> &'static str { panic!("hunter2") }),
            )
            .route(
                "/slow",
                get(async || std::future::pending::<&'static str>().await),
            )
            .route("/echo", post(async |body: String| body));
        harden(router, &limits)
    }

    async fn answer(method: &str, path: &str, body: impl Into<Body>) -> (Response<()>, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(body.into())
            .unwrap();
        answered(request).await
    }

    async fn answered(request: Request) -> (Response<()>, String) {
        let response = router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            Response::from_parts(parts, ()),
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    #[track_caller]
    fn is_problem((response, body): (Response<()>, String), status: u16, detail: &str) {
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["status"], status);
        assert!(body["detail"].as_str().unwrap().contains(detail), "{body}");
    }

    #[tokio::test]
    async fn an_ordinary_answer_passes() {
        assert_eq!(answer("GET", "/fine", "").await.1, "fine");
        assert_eq!(answer("POST", "/echo", "1234567890").await.1, "1234567890");
    }

    #[tokio::test]
    async fn wrong_paths_and_methods_are_told() {
        is_problem(
            answer("GET", "/nowhere?token=x", "").await,
            404,
            "nothing at /nowhere;",
        );
        let (response, body) = answer("DELETE", "/fine", "").await;
        assert_eq!(response.headers()["allow"], "GET,HEAD");
        is_problem((response, body), 405, "/fine does not answer DELETE");
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_gives_nothing_away() {
        let (response, body) = answer("GET", "/panics", "").await;
        assert!(!body.contains("hunter2"), "{body}");
        is_problem((response, body), 500, "the log of this process");
    }

    #[tokio::test]
    async fn a_slow_handler_is_a_503() {
        is_problem(answer("GET", "/slow", "").await, 503, "time limit");
    }

    #[tokio::test]
    async fn long_bodies_are_refused_whether_announced_or_not() {
        let announced = Request::post("/echo").header("content-length", "11");
        let announced = announced.body(Body::from("12345678901")).unwrap();
        is_problem(answered(announced).await, 413, "longer than");
        let chunks = futures::stream::iter(["12345678", "901"].map(Ok::<_, std::io::Error>));
        let chunked = Request::post("/echo")
            .body(Body::from_stream(chunks))
            .unwrap();
        is_problem(answered(chunked).await, 413, "longer than");
    }
}
