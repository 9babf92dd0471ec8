//! From the exporter's settings to the collector's options. Pure.

use crate::collect::options::{Access, Auth, KubernetesOptions, Options, Peer, PrometheusOptions};
use crate::config::access::{basic_auth, forwarded_proto, target, tls_files, trino_auth};
use crate::core::buffers::identity::Mapping;

use super::config::{Compression, Prometheus, PrometheusAuth, Settings, WorkerMapping};

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

fn trino_access(settings: &Settings) -> Access {
    Access {
        peer: Peer::Trino,
        auth: trino_auth(&settings.trino_auth),
        tls: tls_files(&settings.tls),
        timeout: settings.request_timeout,
        gzip: settings.compression == Compression::Gzip,
        forwarded_proto: forwarded_proto(settings.forwarded_proto),
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

const fn mapping(mapping: WorkerMapping) -> Mapping {
    match mapping {
        WorkerMapping::Auto => Mapping::Auto,
        WorkerMapping::NodeId => Mapping::NodeId,
        WorkerMapping::Kubernetes => Mapping::Kubernetes,
        WorkerMapping::Prometheus => Mapping::Prometheus,
    }
}
