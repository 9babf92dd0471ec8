//! Resolved settings for a person, one a line: what `--check-config` prints. Shows no secret:
//! settings hold none but a header value, which is shown only as a user name.

use std::fmt::{Display, Write as _};
use std::path::Path;

use http::HeaderValue;

use super::client::{Basic, ClientTls, Coordinator, ForwardedProto, TrinoAuth};

/// Lines under way.
#[derive(Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Adds one.
    pub fn line(&mut self, name: &str, value: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "  {name:<24} {value}");
    }

    /// What `--check-config` prints.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Who we are to Trino.
pub(crate) fn trino_auth(auth: &TrinoAuth) -> String {
    match auth {
        TrinoAuth::Header { name, value } => format!("header {name}: {}", shown(value)),
        TrinoAuth::Basic(basic) => basic_auth(basic),
        TrinoAuth::Bearer { token_file } => format!("bearer token {}", in_file(token_file)),
    }
}

fn shown(value: &HeaderValue) -> &str {
    if value.is_sensitive() {
        "[redacted]"
    } else {
        value.to_str().unwrap_or("[not ASCII]")
    }
}

/// HTTP basic authentication.
pub(crate) fn basic_auth(basic: &Basic) -> String {
    let file = basic.user.file.as_deref().map(in_file);
    let user = [file.as_deref(), basic.user.otherwise.as_deref()];
    let user: Vec<_> = user.into_iter().flatten().collect();
    format!(
        "basic, user {}, password {}",
        user.join(" or else "),
        in_file(&basic.password_file)
    )
}

/// TLS as a client.
pub(crate) fn client_tls(tls: &ClientTls) -> String {
    let trust = tls
        .ca_file
        .as_deref()
        .map_or("built-in CAs".to_owned(), |file| {
            format!("CA {}", in_file(file))
        });
    let identity = if tls.identity.is_some() {
        ", with a client certificate"
    } else {
        ""
    };
    let verified = if tls.insecure_skip_verify {
        ", NOT VERIFIED"
    } else {
        ""
    };
    format!("{trust}{identity}{verified}")
}

/// Where a secret is.
pub(crate) fn in_file(path: &Path) -> String {
    format!("in {}", path.display())
}

/// What `X-Forwarded-Proto` says.
pub(crate) fn forwarded_proto(proto: Option<ForwardedProto>) -> &'static str {
    match proto {
        None => "not sent",
        Some(ForwardedProto::Https) => "https",
        Some(ForwardedProto::Http) => "http",
    }
}

/// A coordinator's address, release and namespace.
pub(crate) fn coordinator(coordinator: &Coordinator) -> String {
    let namespace = coordinator
        .namespace
        .as_deref()
        .map(|n| format!(", namespace {n}"));
    format!(
        "{} (release {}{})",
        coordinator.url,
        coordinator.release,
        namespace.unwrap_or_default()
    )
}

/// Some namespaces, or all where none is named.
pub(crate) fn namespaces(names: &[String]) -> String {
    if names.is_empty() {
        "all namespaces".to_owned()
    } else {
        names.join(", ")
    }
}
