//! Errors as `application/problem+json` (RFC 9457). Decides the shape of an error body;
//! never which error it is.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The content type of every error body.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error answer: `{"type": "about:blank", "title", "status", "detail"}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The status line's code; `title` is its standard phrase.
    pub status: StatusCode,
    /// What is wrong with this very request and what to do, as one sentence without a full stop.
    pub detail: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    /// An error answer with this explanation.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let (status, detail) = (self.status.as_u16(), self.detail.as_str());
        let body = Body {
            r#type: "about:blank",
            title,
            status,
            detail,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        let json = HeaderValue::from_static(PROBLEM_JSON);
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_body_says_what_the_status_says() {
        let response = Problem::new(StatusCode::NOT_FOUND, "no \"such\" path").into_response();
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = serde_json::json!({
            "type": "about:blank", "title": "Not Found", "status": 404, "detail": "no \"such\" path",
        });
        assert_eq!(body, expected);
    }
}
