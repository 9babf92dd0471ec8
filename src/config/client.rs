//! How the program presents itself to a server and whom it trusts: typed, without secrets
//! (those stay in files, which are read again when they change). Plain data.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use url::Url;

/// One Trino cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Coordinator {
    /// The key in the file, and the label `coordinator`.
    pub name: String,
    /// Where its HTTP API is; may have a path prefix.
    pub url: Url,
    /// The label `release`.
    pub release: String,
    /// Where its workers' pods are when no mapping says; `None` takes the URL's second DNS label.
    pub namespace: Option<String>,
}

/// How to say who we are to Trino.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TrinoAuth {
    /// A header on every request. The value is marked sensitive unless it is a user name.
    Header {
        /// `X-Trino-User` unless set.
        name: HeaderName,
        /// The component's own name when left empty under `X-Trino-User`.
        value: HeaderValue,
    },
    /// HTTP basic authentication.
    Basic(Basic),
    /// A bearer token from a file.
    Bearer {
        /// Holds the token.
        token_file: PathBuf,
    },
}

/// A user name and where the password is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Basic {
    /// Who.
    pub user: UserName,
    /// Holds the password.
    pub password_file: PathBuf,
}

/// A user name: the content of `file` if that exists, else `otherwise`. At start one of
/// them is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserName {
    /// `usernameFile`, which may be absent from the disk: a Secret need not have the key.
    pub file: Option<PathBuf>,
    /// `username`; towards Trino also `headerValue`.
    pub otherwise: Option<String>,
}

/// TLS as a client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientTls {
    /// PEM certificates to trust in place of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and key, when the server asks for one.
    pub identity: Option<Identity>,
    /// Trust any server. For experiments.
    pub insecure_skip_verify: bool,
}

/// A PEM certificate chain and its private key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The chain, leaf first.
    pub cert_file: PathBuf,
    /// The leaf's private key.
    pub key_file: PathBuf,
}

/// What `X-Forwarded-Proto` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForwardedProto {
    /// `https`
    Https,
    /// `http`
    Http,
}
