//! From the guard's settings to the options of one cluster's collector. Decides who may be
//! told a credential; pure.

use http::{HeaderName, HeaderValue};

use super::peers::DEFAULT_USER;
use super::settings::{Cluster, Settings};
use crate::collect::options::{Access, Auth, Options, Peer, Target};
use crate::config::TrinoAuth;
use crate::config::access;
use crate::config::auth::TRINO_USER;
use crate::config::common::MAX_RESPONSE;
use crate::core::buffers::identity::Mapping;

/// How a coordinator became known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The configuration names it.
    Named,
    /// Its pod has the labels. Anybody who may create pods in a guarded namespace can say so.
    Discovered,
}

/// Where a cluster of the file answers.
#[must_use]
pub fn target(cluster: &Cluster) -> Target {
    access::target(&cluster.coordinator)
}

/// What the collector of one cluster has to be told. It maps by the Kubernetes API, and is
/// given no source of its own: the guard's pod watch fills the directory of its board.
#[must_use]
pub fn collector_options(settings: &Settings, target: Target, origin: Origin) -> Options {
    let trino = &settings.trino;
    Options {
        trino: trino_access(settings, &target, origin),
        coordinators: vec![target],
        poll_interval: trino.poll_interval,
        stale_after: settings.policy.bounds.lost,
        max_response_bytes: MAX_RESPONSE,
        strict: false,
        mapping: Mapping::Kubernetes,
        kubernetes: None,
        prometheus: None,
        worker_http_port: trino.worker_http_port,
    }
}

fn trino_access(settings: &Settings, target: &Target, origin: Origin) -> Access {
    let trino = &settings.trino;
    let verified = target.url.scheme() == "https" && !trino.tls.insecure_skip_verify;
    let auth = match origin {
        Origin::Discovered if !verified => name_only(&trino.auth),
        Origin::Named | Origin::Discovered => access::trino_auth(&trino.auth),
    };
    Access {
        peer: Peer::Trino,
        auth,
        tls: access::tls_files(&trino.tls),
        timeout: trino.request_timeout,
        gzip: false,
        forwarded_proto: access::forwarded_proto(trino.forwarded_proto),
    }
}

/// Who we are, without any proof of it.
fn name_only(auth: &TrinoAuth) -> Auth {
    let user = match auth {
        TrinoAuth::Header { name, value } if name == TRINO_USER => Some(value.clone()),
        TrinoAuth::Basic(basic) => {
            let name = basic.user.otherwise.as_deref();
            name.and_then(|name| HeaderValue::from_str(name).ok())
        }
        TrinoAuth::Header { .. } | TrinoAuth::Bearer { .. } => None,
    };
    Auth::Header {
        name: HeaderName::from_static(TRINO_USER),
        value: user.unwrap_or(HeaderValue::from_static(DEFAULT_USER)),
    }
}
