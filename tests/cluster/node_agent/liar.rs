//! Simulated nodes that lie about themselves: a mouth on the pod's address, which repeats what the node says until a test
//! tells it something else. What a worker does, and what its coordinator says of it, stays true.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::TRANSFER_ENCODING;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::pod;
use crate::http;

/// The annotation of pods that get a mouth.
pub const MAY_LIE: &str = "tests/may-lie";

/// Where such a node itself listens.
pub const TRUTH: u16 = 18_080;

/// Longer than any answer that anybody waits for.
const PIECE: usize = 1 << 20;

/// What a node says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// This state, whatever it is told.
    State(&'static str),
    /// This state; it does what it is told.
    Deaf(&'static str),
    /// That it starts.
    Starting,
    /// What the node at this address says.
    As(SocketAddr),
    /// Nothing that anybody understands.
    Garbage,
    /// 10 MB in one answer.
    Huge,
    /// An answer without an end, 12 MB a second.
    Endless,
    /// A byte each half second.
    Slow,
    /// Nothing at all, whatever it is asked, as a process that is stopped.
    Silent,
}

/// What one mouth is told to say.
pub type Tongue = Arc<Mutex<Option<Lie>>>;

/// The mouths of an agent, by the UID of their pods.
#[derive(Default)]
pub struct Liars(Mutex<HashMap<String, Tongue>>);

/// A mouth. Dropping it closes it.
pub struct Mouth(JoinHandle<()>);

impl Drop for Mouth {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Liars {
    /// The tongue of a pod that may lie.
    pub fn tongue(&self, pod: &Pod) -> Option<Tongue> {
        let may = !pod::annotation(pod, MAY_LIE).is_empty();
        may.then(|| self.of(pod))
    }

    /// Tells a pod's mouth what to say.
    pub fn tell(&self, pod: &Pod, lie: Option<Lie>) {
        *lock(&self.of(pod)) = lie;
    }

    fn of(&self, pod: &Pod) -> Tongue {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(pod.uid().unwrap_or_default()).or_default())
    }
}

impl Mouth {
    /// Opens at `address` for the node at `truth`.
    pub async fn open(address: SocketAddr, truth: SocketAddr, tongue: Tongue) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let router = Router::new().fallback(speak).with_state((truth, tongue));
        Ok(Self(tokio::spawn(async move {
            // It never ends by itself.
            let _ = axum::serve(listener, router).await;
        })))
    }
}

async fn speak(State((truth, tongue)): State<(SocketAddr, Tongue)>, request: Request) -> Response {
    let lie = *lock(&tongue);
    let (reads, path) = (request.method() == Method::GET, request.uri().path());
    match lie {
        Some(Lie::Silent) => std::future::pending().await,
        Some(_) if !path.starts_with("/v1/info") => pass_on(truth, request).await,
        Some(Lie::State(state)) if path.ends_with("/state") && reads => quoted(state),
        Some(Lie::State(_)) if path.ends_with("/state") => StatusCode::OK.into_response(),
        Some(Lie::Deaf(state)) if path.ends_with("/state") && reads => quoted(state),
        Some(Lie::As(other)) => pass_on(other, request).await,
        Some(Lie::Starting) if !path.ends_with("/state") => starting(truth, request).await,
        Some(Lie::Garbage) => "\u{0}<html>{{{".into_response(),
        Some(Lie::Huge) => vec![b'"'; 10 * PIECE].into_response(),
        Some(Lie::Endless) => endless().into_response(),
        Some(Lie::Slow) => slow().into_response(),
        _ => pass_on(truth, request).await,
    }
}

fn quoted(state: &str) -> Response {
    format!("\"{state}\"").into_response()
}

async fn starting(truth: SocketAddr, request: Request) -> Response {
    let response = pass_on(truth, request).await;
    let body = axum::body::to_bytes(response.into_body(), PIECE).await;
    let text = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
    text.replace("\"starting\":false", "\"starting\":true")
        .into_response()
}

fn endless() -> Body {
    dripping(64 << 10, Duration::from_millis(5))
}

fn slow() -> Body {
    dripping(1, Duration::from_millis(500))
}

/// Pieces of this length, each after this pause, for ever.
fn dripping(length: usize, pause: Duration) -> Body {
    let piece = Bytes::from(vec![b'"'; length]);
    Body::from_stream(stream::unfold(piece, move |piece| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(piece.clone()), piece))
    }))
}

/// What another server says to the same request.
async fn pass_on(to: SocketAddr, request: Request) -> Response {
    match passed_on(to, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

async fn passed_on(to: SocketAddr, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, PIECE).await?;
    let url = format!("http://{to}{}", parts.uri);
    let asked = http::client().request(parts.method, url);
    let answer = asked.headers(parts.headers).body(body).send().await?;
    let status = answer.status();
    let headers = answer.headers().clone();
    let mut response = Response::new(Body::from(answer.bytes().await?));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // It comes in one piece now.
    response.headers_mut().remove(TRANSFER_ENCODING);
    Ok(response)
}

fn lock(tongue: &Tongue) -> std::sync::MutexGuard<'_, Option<Lie>> {
    tongue.lock().unwrap_or_else(PoisonError::into_inner)
}
