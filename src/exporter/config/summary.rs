//! The resolved settings for a person: what `--check-config` prints. Shows no secret: the
//! settings hold none but a header value, which is shown only as a user name.

use std::fmt::{Display, Write as _};
use std::path::Path;

use http::HeaderValue;

use super::settings::{
    Basic, ClientTls, Compression, ForwardedProto, Kubernetes, Prometheus, PrometheusAuth,
    Settings, TrinoAuth, WorkerMapping,
};

/// One setting a line, in words; ends with a newline.
pub fn summary(settings: &Settings) -> String {
    let mut out = Lines(String::new());
    for coordinator in &settings.coordinators {
        let namespace = coordinator
            .namespace
            .as_deref()
            .map(|n| format!(", namespace {n}"));
        let rest = format!(
            "{} (release {}{})",
            coordinator.url,
            coordinator.release,
            namespace.unwrap_or_default()
        );
        out.line(&format!("coordinator {}", coordinator.name), rest);
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
    out.0
}

struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, value: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "  {name:<24} {value}");
    }
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
    let forwarded = match settings.forwarded_proto {
        None => "not sent",
        Some(ForwardedProto::Https) => "https",
        Some(ForwardedProto::Http) => "http",
    };
    out.line("X-Forwarded-Proto", forwarded);
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

fn trino_auth(auth: &TrinoAuth) -> String {
    match auth {
        TrinoAuth::Header { name, value } => format!("header {name}: {}", shown(value)),
        TrinoAuth::Basic(basic) => basic_auth(basic),
        TrinoAuth::Bearer { token_file } => format!("bearer token {}", in_file(token_file)),
    }
}

fn shown(value: &HeaderValue) -> &str {
    if value.is_sensitive() {
        "[redacted]"
    } else {
        value.to_str().unwrap_or("[not ASCII]")
    }
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

fn basic_auth(basic: &Basic) -> String {
    let file = basic.user.file.as_deref().map(in_file);
    let user = [file.as_deref(), basic.user.otherwise.as_deref()];
    let user: Vec<_> = user.into_iter().flatten().collect();
    format!(
        "basic, user {}, password {}",
        user.join(" or else "),
        in_file(&basic.password_file)
    )
}

fn client_tls(tls: &ClientTls) -> String {
    let trust = tls
        .ca_file
        .as_deref()
        .map_or("built-in CAs".to_owned(), |file| {
            format!("CA {}", in_file(file))
        });
    let identity = if tls.identity.is_some() {
        ", with a client certificate"
    } else {
        ""
    };
    let verified = if tls.insecure_skip_verify {
        ", NOT VERIFIED"
    } else {
        ""
    };
    format!("{trust}{identity}{verified}")
}

fn kubernetes(kubernetes: &Kubernetes) -> String {
    let Kubernetes {
        namespaces,
        pod_selector,
    } = kubernetes;
    let place = if namespaces.is_empty() {
        "all namespaces".to_owned()
    } else {
        namespaces.join(", ")
    };
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

fn in_file(path: &Path) -> String {
    format!("in {}", path.display())
}
