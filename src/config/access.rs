//! From settings to the collector's options, as far as components share them. Pure.

use super::client::{Basic, ClientTls, Coordinator, ForwardedProto, TrinoAuth};
use crate::collect::options::{Auth, Target, TlsFiles, namespace_of};
use crate::core::buffers::snapshot::CoordinatorSpec;

/// A coordinator and where it answers.
pub(crate) fn target(coordinator: &Coordinator) -> Target {
    let namespace = coordinator.namespace.clone();
    Target {
        spec: CoordinatorSpec {
            name: coordinator.name.clone(),
            release: coordinator.release.clone(),
            namespace: namespace.unwrap_or_else(|| namespace_of(&coordinator.url)),
        },
        url: coordinator.url.clone(),
    }
}

/// Who we are to Trino.
pub(crate) fn trino_auth(auth: &TrinoAuth) -> Auth {
    match auth {
        TrinoAuth::Header { name, value } => Auth::Header {
            name: name.clone(),
            value: value.clone(),
        },
        TrinoAuth::Basic(basic) => basic_auth(basic),
        TrinoAuth::Bearer { token_file } => Auth::Bearer {
            token_file: token_file.clone(),
        },
    }
}

/// HTTP basic authentication.
pub(crate) fn basic_auth(basic: &Basic) -> Auth {
    Auth::Basic {
        user_file: basic.user.file.clone(),
        user: basic.user.otherwise.clone().unwrap_or_default(),
        password_file: basic.password_file.clone(),
    }
}

/// The files of a TLS client.
pub(crate) fn tls_files(tls: &ClientTls) -> TlsFiles {
    let identity = tls.identity.as_ref();
    TlsFiles {
        ca: tls.ca_file.clone(),
        identity: identity.map(|own| (own.cert_file.clone(), own.key_file.clone())),
        insecure: tls.insecure_skip_verify,
    }
}

/// The value of `X-Forwarded-Proto`.
pub(crate) fn forwarded_proto(proto: Option<ForwardedProto>) -> Option<String> {
    proto.map(|proto| match proto {
        ForwardedProto::Https => "https".to_owned(),
        ForwardedProto::Http => "http".to_owned(),
    })
}
