//! What a collector has to be told: plain values, already checked by whoever read the configuration.
//! Secrets are not in here, only the files that hold them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::Url;

use crate::core::buffers::identity::Mapping;
use crate::core::buffers::snapshot::CoordinatorSpec;

/// Everything a collector needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The coordinators to read, at least one, releases all different.
    pub coordinators: Vec<Target>,
    /// How requests to Trino are made.
    pub trino: Access,
    /// Pause between the end of a cycle and the start of the next.
    pub poll_interval: Duration,
    /// Without a complete cycle for this long a coordinator is unknown.
    pub stale_after: Duration,
    /// A longer body (decompressed bytes) is an error.
    pub max_response_bytes: u64,
    /// Validate every byte, skipped values included; far slower.
    pub strict: bool,
    /// How workers become pods.
    pub mapping: Mapping,
    /// Read pods from the Kubernetes API.
    pub kubernetes: Option<KubernetesOptions>,
    /// Read pod labels from Prometheus.
    pub prometheus: Option<PrometheusOptions>,
    /// Port of the workers' HTTP server, preferred among several series of one address.
    pub worker_http_port: u16,
}

/// A coordinator and where it answers.
#[derive(Clone, Debug)]
pub struct Target {
    /// What is fixed about it.
    pub spec: CoordinatorSpec,
    /// Base URL, http or https, without user info.
    pub url: Url,
}

/// The kind of server that is asked; decides what an error advises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A Trino node.
    Trino,
    /// A Prometheus server.
    Prometheus,
}

/// How requests to one kind of server are made.
#[derive(Clone, Debug)]
pub struct Access {
    /// What it is.
    pub peer: Peer,
    /// Who we are.
    pub auth: Auth,
    /// TLS towards the server.
    pub tls: TlsFiles,
    /// A whole request, to its last byte, may take this long.
    pub timeout: Duration,
    /// Ask for gzip; otherwise for identity.
    pub gzip: bool,
    /// Value of `X-Forwarded-Proto`, where TLS ends in front of the server.
    pub forwarded_proto: Option<String>,
}

/// Credentials, by reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// None.
    None,
    /// A header with a fixed value.
    Header {
        /// Its name.
        name: HeaderName,
        /// Its value.
        value: HeaderValue,
    },
    /// HTTP Basic.
    Basic {
        /// Holds the user name where it exists and is not empty.
        user_file: Option<PathBuf>,
        /// The user name otherwise; empty = there is none.
        user: String,
        /// Holds the password.
        password_file: PathBuf,
    },
    /// A bearer token.
    Bearer {
        /// Holds the token.
        token_file: PathBuf,
    },
}

/// PEM files of a TLS client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate authorities to trust in place of the system's.
    pub ca: Option<PathBuf>,
    /// Client certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Accept any certificate.
    pub insecure: bool,
}

/// The Kubernetes source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesOptions {
    /// Namespaces to watch; empty = all.
    pub namespaces: Vec<String>,
    /// Label selector of worker pods.
    pub selector: String,
}

/// The Prometheus source.
#[derive(Clone, Debug)]
pub struct PrometheusOptions {
    /// Base URL.
    pub url: Url,
    /// How requests are made.
    pub access: Access,
    /// A metric that every worker has.
    pub metric: String,
}

/// The namespace in which a coordinator's workers are expected when nothing says so: the second DNS label of
/// its host (`trino.NAMESPACE.svc`), empty for IP addresses and bare names.
#[must_use]
pub fn namespace_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return String::new();
    }
    host.split('.').nth(1).unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_is_the_second_label() {
        let of = |url: &str| namespace_of(&Url::parse(url).expect("url"));
        assert_eq!(of("http://trino.analytics.svc:8080"), "analytics");
        assert_eq!(of("http://trino.analytics.svc.cluster.local"), "analytics");
        assert_eq!(of("http://trino:8080"), "");
        assert_eq!(of("http://10.1.2.3:8080"), "");
        assert_eq!(of("http://[2001:db8::1]:8080"), "");
    }
}
