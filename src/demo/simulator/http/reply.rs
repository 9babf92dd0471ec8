//! Answers in the forms that Trino has: JSON, streamed JSON, a bare status, a line of text.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use futures::StreamExt;

/// An answer.
pub type Reply = Response<Body>;

/// JSON of known length.
#[must_use]
pub fn json(value: &serde_json::Value) -> Reply {
    with_type(
        Response::new(Body::from(value.to_string())),
        "application/json",
    )
}

/// JSON in chunks, without a length, made while it is sent.
pub fn stream(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Reply {
    let chunks = futures::stream::iter(chunks).map(Ok::<_, std::convert::Infallible>);
    with_type(Response::new(Body::from_stream(chunks)), "application/json")
}

/// A status without a body.
#[must_use]
pub fn status(code: StatusCode) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = code;
    reply
}

/// A status and a line that says why.
#[must_use]
pub fn text(code: StatusCode, line: &str) -> Reply {
    let mut reply = Response::new(Body::from(line.to_owned()));
    *reply.status_mut() = code;
    with_type(reply, "text/plain;charset=utf-8")
}

/// 401, asking for a user and password.
#[must_use]
pub fn unauthorized(line: &str) -> Reply {
    let mut reply = text(StatusCode::UNAUTHORIZED, line);
    reply.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"Trino\""),
    );
    reply
}

/// OpenMetrics text.
#[must_use]
pub fn metrics(text: String) -> Reply {
    with_type(
        Response::new(Body::from(text)),
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )
}

fn with_type(mut reply: Reply, kind: &'static str) -> Reply {
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    reply
}
