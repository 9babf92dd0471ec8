//! Every key of the file with its default. Decides defaults and bounds; what several
//! keys mean together is said in `rules`.

use super::coordinators;
use super::prometheus;
use super::settings::{Compression, Kubernetes, Settings, WorkerMapping};
use crate::config::TrinoAuth;
use crate::config::auth;
use crate::config::common::{
    MAX_RESPONSE, bind_address, duration, forwarded_proto, logging, namespaces,
};
use crate::config::reader::{Map, Reader};
use crate::config::values::{boolean, bytes, metric_name, path, port, word};
use crate::config::yaml::Node;

/// What Trino is told when nobody set a user.
pub(super) const DEFAULT_USER: &str = "trino-buffer-exporter";

pub(super) const KEYS: [&str; 22] = [
    "coordinators",
    "prometheus",
    "trinoAuth",
    "tls",
    "workerMapping",
    "kubernetes",
    "workerHttpPort",
    "ipToPodMetric",
    "pollIntervalSeconds",
    "requestTimeoutSeconds",
    "staleAfterSeconds",
    "taskInfoUpdateIntervalSeconds",
    "maxResponseBytes",
    "compression",
    "forwardedProto",
    "strict",
    "bindAddress",
    "metricsPort",
    "serverTls",
    "snapshot",
    "logging",
    "shutdownGraceSeconds",
];

/// The documented default.
const IP_TO_POD_METRIC: &str = "trino_execution_executor_TaskExecutor_Tasks";

/// What the official Trino chart calls its workers.
const POD_SELECTOR: &str = "app.kubernetes.io/component=worker";

/// Reads everything; where a value is wrong a default stands in, so that reading goes on.
pub(super) fn settings(root: &Node, reader: &mut Reader) -> Settings {
    let root = reader.section(Some(root), "", &KEYS);
    let (log_level, log_format) = logging(&root, reader);
    Settings {
        coordinators: coordinators::read(&root, reader),
        prometheus: prometheus::read(&root, reader),
        trino_auth: trino_auth(&root, reader),
        tls: auth::client_tls(root.get("tls"), "tls", reader),
        worker_mapping: worker_mapping(&root, reader),
        kubernetes: kubernetes(&root, reader),
        worker_http_port: reader
            .value(&root, "workerHttpPort", port(1))
            .unwrap_or(8080),
        ip_to_pod_metric: ip_to_pod_metric(&root, reader),
        poll_interval: duration(&root, "pollIntervalSeconds", 15, (0.1, 3600.0), reader),
        request_timeout: duration(&root, "requestTimeoutSeconds", 60, (0.1, 3600.0), reader),
        stale_after: duration(&root, "staleAfterSeconds", 300, (0.1, 86400.0), reader),
        source_lag: duration(
            &root,
            "taskInfoUpdateIntervalSeconds",
            3,
            (0.001, 10.0),
            reader,
        ),
        max_response_bytes: max_response_bytes(&root, reader),
        compression: compression(&root, reader),
        forwarded_proto: forwarded_proto(&root, reader),
        strict: reader.value(&root, "strict", boolean).unwrap_or(false),
        bind_address: bind_address(&root, reader),
        metrics_port: reader.value(&root, "metricsPort", port(0)).unwrap_or(8000),
        server_tls: auth::server_tls(root.get("serverTls"), "serverTls", reader),
        snapshot_token_file: snapshot_token_file(&root, reader),
        log_level,
        log_format,
        shutdown_grace: duration(&root, "shutdownGraceSeconds", 10, (0.0, 600.0), reader),
    }
}

/// The stand-in is never used: without a value there is a problem.
fn trino_auth(root: &Map<'_>, reader: &mut Reader) -> TrinoAuth {
    let auth = auth::trino(root.get("trinoAuth"), "trinoAuth", DEFAULT_USER, reader);
    auth.unwrap_or_else(|| TrinoAuth::Bearer {
        token_file: "".into(),
    })
}

fn kubernetes(root: &Map<'_>, reader: &mut Reader) -> Option<Kubernetes> {
    let keys = ["enabled", "namespaces", "podSelector"];
    let map = reader.section(root.get("kubernetes"), "kubernetes", &keys);
    let enabled = reader.value(&map, "enabled", boolean).unwrap_or(false);
    let namespaces = namespaces(&map, reader);
    let selector = reader.text(&map, "podSelector").unwrap_or(POD_SELECTOR);
    enabled.then(|| Kubernetes {
        namespaces,
        pod_selector: selector.trim().to_owned(),
    })
}

fn worker_mapping(root: &Map<'_>, reader: &mut Reader) -> WorkerMapping {
    let words = word(&[
        ("auto", WorkerMapping::Auto),
        ("nodeId", WorkerMapping::NodeId),
        ("kubernetes", WorkerMapping::Kubernetes),
        ("prometheus", WorkerMapping::Prometheus),
    ]);
    reader
        .value(root, "workerMapping", words)
        .unwrap_or_default()
}

fn compression(root: &Map<'_>, reader: &mut Reader) -> Compression {
    let words = word(&[
        ("identity", Compression::Identity),
        ("gzip", Compression::Gzip),
    ]);
    reader.value(root, "compression", words).unwrap_or_default()
}

fn ip_to_pod_metric(root: &Map<'_>, reader: &mut Reader) -> String {
    let name = reader.value(root, "ipToPodMetric", metric_name);
    name.unwrap_or_else(|| IP_TO_POD_METRIC.to_owned())
}

/// At least 1 KiB: with less, not even a small query's document would fit.
fn max_response_bytes(root: &Map<'_>, reader: &mut Reader) -> u64 {
    let bytes = reader.value(root, "maxResponseBytes", bytes(1 << 10, 1 << 50));
    bytes.unwrap_or(MAX_RESPONSE)
}

fn snapshot_token_file(root: &Map<'_>, reader: &mut Reader) -> Option<std::path::PathBuf> {
    let map = reader.section(root.get("snapshot"), "snapshot", &["tokenFile"]);
    reader.value(&map, "tokenFile", path)
}
