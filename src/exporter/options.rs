//! From the exporter's settings to the collector's options. Pure.

use crate::collect::options::{
    Access, Auth, KubernetesOptions, Options, Peer, PrometheusOptions, Target, TlsFiles,
    namespace_of,
};
use crate::core::buffers::identity::Mapping;
use crate::core::buffers::snapshot::CoordinatorSpec;

use super::config::{
    Basic, ClientTls, Compression, Coordinator, ForwardedProto, Prometheus, PrometheusAuth,
    Settings, TrinoAuth, WorkerMapping,
};

/// What the collector has to be told.
#[must_use]
pub fn collector_options(settings: &Settings) -> Options {
    let prometheus = settings.prometheus.as_ref();
    Options {
        coordinators: settings.coordinators.iter().map(target).collect(),
        trino: trino_access(settings),
        poll_interval: settings.poll_interval,
        stale_after: settings.stale_after,
        max_response_bytes: settings.max_response_bytes,
        strict: settings.strict,
        mapping: mapping(settings.worker_mapping),
        kubernetes: kubernetes_options(settings),
        prometheus: prometheus
            .filter(|_| uses_prometheus(settings.worker_mapping))
            .map(|prometheus| prometheus_options(settings, prometheus)),
        worker_http_port: settings.worker_http_port,
    }
}

/// A source that the mapping never asks is not worth a connection.
const fn uses_prometheus(mapping: WorkerMapping) -> bool {
    matches!(mapping, WorkerMapping::Auto | WorkerMapping::Prometheus)
}

const fn uses_kubernetes(mapping: WorkerMapping) -> bool {
    matches!(mapping, WorkerMapping::Auto | WorkerMapping::Kubernetes)
}

fn target(coordinator: &Coordinator) -> Target {
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

fn trino_access(settings: &Settings) -> Access {
    Access {
        peer: Peer::Trino,
        auth: match &settings.trino_auth {
            TrinoAuth::Header { name, value } => Auth::Header {
                name: name.clone(),
                value: value.clone(),
            },
            TrinoAuth::Basic(basic) => basic_auth(basic),
            TrinoAuth::Bearer { token_file } => Auth::Bearer {
                token_file: token_file.clone(),
            },
        },
        tls: tls_files(&settings.tls),
        timeout: settings.request_timeout,
        gzip: settings.compression == Compression::Gzip,
        forwarded_proto: settings.forwarded_proto.map(|proto| match proto {
            ForwardedProto::Https => "https".to_owned(),
            ForwardedProto::Http => "http".to_owned(),
        }),
    }
}

fn prometheus_options(settings: &Settings, prometheus: &Prometheus) -> PrometheusOptions {
    let auth = match &prometheus.auth {
        PrometheusAuth::None => Auth::None,
        PrometheusAuth::Basic(basic) => basic_auth(basic),
        PrometheusAuth::Bearer { token_file } => Auth::Bearer {
            token_file: token_file.clone(),
        },
    };
    PrometheusOptions {
        url: prometheus.url.clone(),
        access: Access {
            peer: Peer::Prometheus,
            auth,
            tls: tls_files(&prometheus.tls),
            timeout: settings.request_timeout,
            gzip: true,
            forwarded_proto: None,
        },
        metric: settings.ip_to_pod_metric.clone(),
    }
}

fn kubernetes_options(settings: &Settings) -> Option<KubernetesOptions> {
    let kubernetes = settings.kubernetes.as_ref();
    kubernetes
        .filter(|_| uses_kubernetes(settings.worker_mapping))
        .map(|kubernetes| KubernetesOptions {
            namespaces: kubernetes.namespaces.clone(),
            selector: kubernetes.pod_selector.clone(),
        })
}

fn basic_auth(basic: &Basic) -> Auth {
    Auth::Basic {
        user_file: basic.user.file.clone(),
        user: basic.user.otherwise.clone().unwrap_or_default(),
        password_file: basic.password_file.clone(),
    }
}

fn tls_files(tls: &ClientTls) -> TlsFiles {
    let identity = tls.identity.as_ref();
    TlsFiles {
        ca: tls.ca_file.clone(),
        identity: identity.map(|own| (own.cert_file.clone(), own.key_file.clone())),
        insecure: tls.insecure_skip_verify,
    }
}

const fn mapping(mapping: WorkerMapping) -> Mapping {
    match mapping {
        WorkerMapping::Auto => Mapping::Auto,
        WorkerMapping::NodeId => Mapping::NodeId,
        WorkerMapping::Kubernetes => Mapping::Kubernetes,
        WorkerMapping::Prometheus => Mapping::Prometheus,
    }
}
