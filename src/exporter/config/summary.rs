//! The resolved settings for a person: what `--check-config` prints. Shows no secret: the
//! settings hold none but a header value, which is shown only as a user name.

use super::settings::{
    Compression, Kubernetes, Prometheus, PrometheusAuth, Settings, WorkerMapping,
};
use crate::config::summary::{
    Lines, basic_auth, client_tls, coordinator, forwarded_proto, in_file, namespaces, trino_auth,
};

/// One setting a line, in words; ends with a newline.
pub fn summary(settings: &Settings) -> String {
    let mut out = Lines::default();
    for one in &settings.coordinators {
        out.line(&format!("coordinator {}", one.name), coordinator(one));
    }
    out.line("Trino authentication", trino_auth(&settings.trino_auth));
    out.line("Trino TLS", client_tls(&settings.tls));
    out.line("worker mapping", mapping(settings.worker_mapping));
    out.line(
        "Kubernetes",
        settings
            .kubernetes
            .as_ref()
            .map_or("off".to_owned(), kubernetes),
    );
    out.line(
        "Prometheus",
        settings
            .prometheus
            .as_ref()
            .map_or("off".to_owned(), prometheus),
    );
    collecting(settings, &mut out);
    serving(settings, &mut out);
    out.finish()
}

fn collecting(settings: &Settings, out: &mut Lines) {
    let metric = &settings.ip_to_pod_metric;
    out.line(
        "workers",
        format!("HTTP port {}, metric {metric}", settings.worker_http_port),
    );
    out.line("poll every", format!("{:?}", settings.poll_interval));
    out.line("request timeout", format!("{:?}", settings.request_timeout));
    out.line("stale after", format!("{:?}", settings.stale_after));
    out.line("source lag", format!("{:?}", settings.source_lag));
    out.line(
        "longest answer",
        format!("{} bytes", settings.max_response_bytes),
    );
    let compression = match settings.compression {
        Compression::Identity => "identity",
        Compression::Gzip => "gzip",
    };
    out.line("compression", compression);
    out.line(
        "X-Forwarded-Proto",
        forwarded_proto(settings.forwarded_proto),
    );
    out.line("strict parsing", if settings.strict { "on" } else { "off" });
}

fn serving(settings: &Settings, out: &mut Lines) {
    let scheme = if settings.server_tls.is_some() {
        "https"
    } else {
        "http"
    };
    let address = std::net::SocketAddr::new(settings.bind_address, settings.metrics_port);
    out.line("listen on", format!("{scheme}://{address}"));
    let token = settings.snapshot_token_file.as_deref().map(in_file);
    out.line(
        "snapshot token",
        token.unwrap_or("not asked for".to_owned()),
    );
    let (level, format) = (settings.log_level.as_str(), settings.log_format.as_str());
    out.line("logs", format!("{level}, {format}"));
    out.line("shutdown grace", format!("{:?}", settings.shutdown_grace));
}

fn prometheus(prometheus: &Prometheus) -> String {
    let auth = match &prometheus.auth {
        PrometheusAuth::None => "no authentication".to_owned(),
        PrometheusAuth::Basic(basic) => basic_auth(basic),
        PrometheusAuth::Bearer { token_file } => format!("bearer token {}", in_file(token_file)),
    };
    format!(
        "{}, {auth}, {}",
        prometheus.url,
        client_tls(&prometheus.tls)
    )
}

fn kubernetes(kubernetes: &Kubernetes) -> String {
    let Kubernetes {
        namespaces: names,
        pod_selector,
    } = kubernetes;
    let place = namespaces(names);
    format!("pods {pod_selector} in {place}")
}

fn mapping(mapping: WorkerMapping) -> &'static str {
    match mapping {
        WorkerMapping::Auto => "auto",
        WorkerMapping::NodeId => "nodeId",
        WorkerMapping::Kubernetes => "kubernetes",
        WorkerMapping::Prometheus => "prometheus",
    }
}
