//! Why a request brought nothing: a bounded word for metrics and a sentence for people.
//! Sentences never carry bodies, credentials or SQL.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use crate::core::buffers::fold::Incomplete;
use crate::core::buffers::snapshot::Problem;
use crate::trino::error::ParseError;

use super::credentials::CredentialsError;
use super::options::Peer;

/// A request without a usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A credential could not be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The TLS files could not be used.
    #[error("{0}")]
    TlsFiles(String),
    /// No connection: DNS, TCP or TLS.
    #[error("no connection: {0}")]
    Connect(String),
    /// The port refuses connections: nobody listens.
    #[error("no connection: {0}")]
    Refused(String),
    /// The whole request took too long.
    #[error("no complete answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The connection broke before an answer came, or what came was not HTTP.
    #[error("no HTTP answer: {0}")]
    NoAnswer(String),
    /// The connection broke inside the body.
    #[error("the body broke off: {0}")]
    Body(String),
    /// A status other than 200.
    #[error("answered {status}: {hint}")]
    Status {
        /// The status.
        status: StatusCode,
        /// What to do about it.
        hint: String,
    },
    /// Status 200, but not JSON.
    #[error("answered {content_type}, expected JSON (status {status})")]
    NotJson {
        /// The status.
        status: StatusCode,
        /// The content type that was answered.
        content_type: String,
    },
    /// An encoding that was not asked for.
    #[error("answered with content encoding {0}, expected identity or gzip")]
    Encoding(String),
    /// The JSON could not be read.
    #[error("{0}")]
    Parse(#[from] ParseError),
    /// The document could be read and proves nothing.
    #[error("{0}")]
    Incomplete(#[from] Incomplete),
    /// The coordinator lists a query and says, not for the first time, that it does not know it.
    #[error("answered that the query is gone, yet lists it again: is a proxy in between?")]
    StillListed,
    /// The answer has another shape than this server should give.
    #[error("{0}")]
    Unexpected(String),
}

impl Failure {
    /// One stable word for the kind of failure; at most a few dozen exist.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials",
            Self::TlsFiles(_) => "tls_files",
            Self::Connect(_) | Self::Refused(_) => "connect",
            Self::Timeout(_) => "timeout",
            Self::NoAnswer(_) => "no_answer",
            Self::Body(_) => "body",
            Self::Status { status, .. } => status_reason(*status),
            Self::NotJson { .. } => "content_type",
            Self::Encoding(_) => "encoding",
            Self::Parse(error) => error.reason(),
            Self::Incomplete(incomplete) => incomplete.reason(),
            Self::StillListed => "still_listed",
            Self::Unexpected(_) => "unexpected",
        }
    }

    /// Whether the server knows the thing and won't show it to us.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::FORBIDDEN)
    }

    /// The failure as a problem of a cycle.
    #[must_use]
    pub fn problem(&self, doing: &str) -> Problem {
        Problem {
            reason: self.reason(),
            detail: format!("{doing}: {self}"),
        }
    }

    /// Sorts a client error. `timeout` is the limit that a time-out exceeded.
    #[must_use]
    pub fn from_client(error: reqwest::Error, timeout: Duration) -> Self {
        let error = error.without_url();
        if error.is_timeout() {
            Self::Timeout(timeout)
        } else if error.is_connect() {
            Self::unconnected(&error)
        } else if error.is_request() {
            Self::NoAnswer(innermost(&error))
        } else {
            Self::Body(innermost(&error))
        }
    }

    /// Sorts an error of a connection without TLS. `timeout` as in [`Failure::from_client`].
    #[must_use]
    pub fn from_plain(error: &hyper_util::client::legacy::Error, timeout: Duration) -> Self {
        if is_timeout(error) {
            Self::Timeout(timeout)
        } else if error.is_connect() {
            Self::unconnected(error)
        } else {
            Self::NoAnswer(innermost(error))
        }
    }

    fn unconnected(error: &(dyn Error + 'static)) -> Self {
        if has_kind(error, ErrorKind::ConnectionRefused) {
            Self::Refused(innermost(error))
        } else {
            Self::Connect(innermost(error))
        }
    }

    /// A status that is not 200.
    #[must_use]
    pub fn from_status(status: StatusCode, headers: &HeaderMap, peer: Peer) -> Self {
        Self::Status {
            status,
            hint: hint(status, headers, peer),
        }
    }
}

fn status_reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::NOT_ACCEPTABLE => "forwarded_header",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        status if status.is_redirection() => "redirect",
        status if status.is_server_error() => "server_error",
        _ => "status",
    }
}

fn hint(status: StatusCode, headers: &HeaderMap, peer: Peer) -> String {
    let advice = match (status, peer) {
        (StatusCode::UNAUTHORIZED, Peer::Trino) => "check the credentials (trinoAuth)",
        (StatusCode::UNAUTHORIZED, Peer::Prometheus) => "check the credentials (prometheus.auth)",
        (StatusCode::FORBIDDEN, Peer::Trino) => {
            "grant this user to view all queries (access control: queries, allow view), \
             and use https where authentication is on"
        }
        (StatusCode::FORBIDDEN, Peer::Prometheus) => "grant these credentials to query",
        (StatusCode::NOT_ACCEPTABLE, Peer::Trino) => {
            "forwardedProto needs http-server.process-forwarded=true at Trino"
        }
        (StatusCode::NOT_FOUND, Peer::Trino) => {
            "no coordinator here: a worker, or another kind of server"
        }
        (StatusCode::NOT_FOUND, Peer::Prometheus) => "no Prometheus API here",
        (status, _) if status.is_redirection() => return redirect_hint(headers),
        _ => "expected 200",
    };
    advice.to_owned()
}

/// Redirects are not followed, since credentials would go along.
fn redirect_hint(headers: &HeaderMap) -> String {
    let location = headers.get(header::LOCATION).and_then(|v| v.to_str().ok());
    let target = location.and_then(|l| url::Url::parse(l).ok());
    target.map_or_else(
        || "redirects are not followed; configure the final url".to_owned(),
        |url| {
            let origin = url.origin().ascii_serialization();
            format!("redirects are not followed; it points to {origin}")
        },
    )
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    has_kind(error, ErrorKind::TimedOut)
}

/// Whether some cause is an I/O error of this kind.
fn has_kind(error: &(dyn Error + 'static), kind: ErrorKind) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        let io = cause.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == kind) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// The last cause says what happened; the outer ones only that something did.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_grant() {
        let failure = Failure::from_status(StatusCode::FORBIDDEN, &HeaderMap::new(), Peer::Trino);
        assert!(failure.is_denied());
        assert!(
            failure.to_string().contains("grant this user to view"),
            "{failure}"
        );
        assert_eq!(failure.reason(), "forbidden");
    }

    #[test]
    fn a_redirect_names_only_where_it_leads() {
        let mut headers = HeaderMap::new();
        let location = "https://login.example.com/oauth?state=secret";
        headers.insert(header::LOCATION, location.parse().expect("header"));
        let text = Failure::from_status(StatusCode::FOUND, &headers, Peer::Trino).to_string();
        assert!(text.contains("https://login.example.com"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_login_page_is_named() {
        let failure = Failure::NotJson {
            status: StatusCode::OK,
            content_type: "text/html".into(),
        };
        assert_eq!(
            failure.to_string(),
            "answered text/html, expected JSON (status 200 OK)"
        );
    }
}
