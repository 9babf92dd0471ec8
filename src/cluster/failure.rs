//! What can go wrong with a request to the API server, by what the caller can do about it.

use std::fmt;

use kube::core::Status;

use super::resource::Resource;

/// Why a request had no success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 404.
    #[error("not found: {0}")]
    NotFound(String),
    /// 409: somebody wrote it meanwhile, or it exists already.
    #[error("conflict: {0}")]
    Conflict(String),
    /// 422: the server understood it and refuses it; a JSON Patch whose `test` failed among others.
    #[error("refused as invalid: {0}")]
    Invalid(String),
    /// 403: the permission that is missing, and what the server says.
    #[error("the guard may not {permission}: {message}")]
    Forbidden {
        /// What the guard would have to be allowed.
        permission: Box<Permission>,
        /// The server's own words.
        message: String,
    },
    /// 401: the server does not know us.
    #[error("the API server does not accept the guard's credentials: {0}")]
    Unauthorized(String),
    /// 410: a resource version or a page that the server has forgotten.
    #[error("no longer known to the API server: {0}")]
    Expired(String),
    /// 429: an eviction that a budget or a webhook refuses, or a server that is busy.
    #[error("too many requests: {0}")]
    TooManyRequests(String),
    /// Any other status.
    #[error("the API server answered {code}: {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// The server's own words.
        message: String,
    },
    /// No answer, half an answer, or one that is none. A write may have happened all the same.
    #[error("the API server did not answer: {0}")]
    Unavailable(String),
}

/// Something a role grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `get`, `list`, `watch`, `create`, `patch`.
    pub verb: &'static str,
    /// What it is about.
    pub resource: Resource,
    /// A subresource; empty for the object itself.
    pub subresource: &'static str,
    /// The namespace; `None` for all of them.
    pub namespace: Option<String>,
}

impl Permission {
    /// `verb` on a resource.
    #[must_use]
    pub fn new(verb: &'static str, resource: Resource, namespace: Option<&str>) -> Self {
        Self {
            verb,
            resource,
            subresource: "",
            namespace: namespace.map(str::to_owned),
        }
    }

    /// The same on a subresource.
    #[must_use]
    pub fn on(mut self, subresource: &'static str) -> Self {
        self.subresource = subresource;
        self
    }
}

/// `patch pods/eviction in namespace trino`.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource.plural)?;
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        if !self.resource.group.is_empty() {
            write!(f, " of API group {}", self.resource.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in the whole cluster"),
        }
    }
}

impl Failure {
    /// Sorts a kube error; `permission` is what the request needed.
    #[must_use]
    pub fn of(error: &kube::Error, permission: &Permission) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status, permission),
            other => Self::Unavailable(chain(other)),
        }
    }

    /// Sorts a status that the server sent.
    #[must_use]
    pub fn of_status(status: &Status, permission: &Permission) -> Self {
        let message = status.message.clone();
        match status.code {
            401 => Self::Unauthorized(message),
            403 => Self::Forbidden {
                permission: Box::new(permission.clone()),
                message,
            },
            404 => Self::NotFound(message),
            409 => Self::Conflict(message),
            410 => Self::Expired(message),
            422 => Self::Invalid(message),
            429 => Self::TooManyRequests(message),
            code => Self::Refused { code, message },
        }
    }
}

/// An error with its causes, which alone say why a connection failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::resource;
    use super::*;

    fn sorted(code: u16) -> Failure {
        let status = Status::failure("words", "Reason").with_code(code).boxed();
        let permission = Permission::new("patch", resource::PODS, Some("trino"));
        Failure::of(&kube::Error::Api(status), &permission)
    }

    #[test]
    fn a_status_becomes_what_one_can_do_about_it() {
        let words = || "words".to_owned();
        assert_eq!(sorted(401), Failure::Unauthorized(words()));
        assert_eq!(sorted(404), Failure::NotFound(words()));
        assert_eq!(sorted(409), Failure::Conflict(words()));
        assert_eq!(sorted(410), Failure::Expired(words()));
        assert_eq!(sorted(422), Failure::Invalid(words()));
        assert_eq!(sorted(429), Failure::TooManyRequests(words()));
        let refused = Failure::Refused {
            code: 503,
            message: words(),
        };
        assert_eq!(sorted(503), refused);
    }

    #[test]
    fn a_refusal_names_the_permission() {
        let text = sorted(403).to_string();
        assert_eq!(
            text,
            "the guard may not patch pods in namespace trino: words"
        );
        let eviction = Permission::new("create", resource::PODS, None).on("eviction");
        assert_eq!(
            eviction.to_string(),
            "create pods/eviction in the whole cluster"
        );
        let sets = Permission::new("list", resource::REPLICA_SETS, None);
        assert_eq!(
            sets.to_string(),
            "list replicasets of API group apps in the whole cluster"
        );
    }

    #[test]
    fn a_broken_connection_says_why() {
        let cause = std::io::Error::other("connection reset");
        let error = kube::Error::Service(Box::new(cause));
        let permission = Permission::new("list", resource::PODS, None);
        let Failure::Unavailable(text) = Failure::of(&error, &permission) else {
            panic!("not unavailable");
        };
        assert!(text.contains("connection reset"), "{text}");
    }
}
