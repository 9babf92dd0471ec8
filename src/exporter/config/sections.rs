//! Every key of the file with its default. Decides defaults and bounds; what several
//! keys mean together is said in `rules`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::reader::{Map, Reader};
use super::settings::{
    Compression, ForwardedProto, Kubernetes, Prometheus, PrometheusAuth, Settings, TrinoAuth,
    WorkerMapping,
};
use super::values::{address, boolean, bytes, metric_name, namespace, path, port, seconds, word};
use super::yaml::Node;
use super::{auth, coordinators};
use crate::process::logs::{LogFormat, LogLevel};

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

/// Documents of 100 MB and more are ordinary, so there is ample room; it is a bound still.
const MAX_RESPONSE: u64 = 4 << 30;

/// Reads everything; where a value is wrong a default stands in, so that reading goes on.
pub(super) fn settings(root: &Node, reader: &mut Reader) -> Settings {
    let root = reader.section(Some(root), "", &KEYS);
    let (log_level, log_format) = logging(&root, reader);
    Settings {
        coordinators: coordinators::read(&root, reader),
        prometheus: prometheus(&root, reader),
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
        server_tls: auth::server_tls(root.get("serverTls"), reader),
        snapshot_token_file: snapshot_token_file(&root, reader),
        log_level,
        log_format,
        shutdown_grace: duration(&root, "shutdownGraceSeconds", 10, (0.0, 600.0), reader),
    }
}

fn logging(root: &Map<'_>, reader: &mut Reader) -> (LogLevel, LogFormat) {
    let map = reader.section(root.get("logging"), "logging", &["level", "format"]);
    let level = reader.value(&map, "level", str::parse).unwrap_or_default();
    let format = reader.value(&map, "format", str::parse).unwrap_or_default();
    (level, format)
}

/// An empty `url` is how the chart switches Prometheus off; the rest is checked all the same.
fn prometheus(root: &Map<'_>, reader: &mut Reader) -> Option<Prometheus> {
    let map = reader.section(
        root.get("prometheus"),
        "prometheus",
        &["url", "auth", "tls"],
    );
    let auth = auth::prometheus(map.get("auth"), reader).unwrap_or(PrometheusAuth::None);
    let tls = auth::client_tls(map.get("tls"), "prometheus.tls", reader);
    if reader.text(&map, "url")?.is_empty() {
        return None;
    }
    let url = reader.url(&map, "url")?;
    Some(Prometheus { url, auth, tls })
}

/// The stand-in is never used: without a value there is a problem.
fn trino_auth(root: &Map<'_>, reader: &mut Reader) -> TrinoAuth {
    let auth = auth::trino(root.get("trinoAuth"), reader);
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

fn namespaces(map: &Map<'_>, reader: &mut Reader) -> Vec<String> {
    let mut names = Vec::new();
    for text in reader.texts(map, "namespaces") {
        match namespace(text) {
            Ok(name) if names.contains(&name) => {}
            Ok(name) => names.push(name),
            Err(allowed) => {
                reader.problem(
                    map.key("namespaces"),
                    format!("{text:?} is not allowed; {allowed}"),
                );
            }
        }
    }
    names
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

fn forwarded_proto(root: &Map<'_>, reader: &mut Reader) -> Option<ForwardedProto> {
    let words = word(&[
        ("", None),
        ("https", Some(ForwardedProto::Https)),
        ("http", Some(ForwardedProto::Http)),
    ]);
    reader.value(root, "forwardedProto", words).flatten()
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

fn bind_address(root: &Map<'_>, reader: &mut Reader) -> IpAddr {
    let address = reader.value(root, "bindAddress", address);
    address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn snapshot_token_file(root: &Map<'_>, reader: &mut Reader) -> Option<std::path::PathBuf> {
    let map = reader.section(root.get("snapshot"), "snapshot", &["tokenFile"]);
    reader.value(&map, "tokenFile", path)
}

fn duration(
    root: &Map<'_>,
    key: &str,
    default: u64,
    bounds: (f64, f64),
    reader: &mut Reader,
) -> Duration {
    let value = reader.value(root, key, seconds(bounds.0, bounds.1));
    value.unwrap_or(Duration::from_secs(default))
}
