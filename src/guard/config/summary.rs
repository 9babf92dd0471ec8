//! The resolved settings for a person: what `--check-config` prints. Shows no secret.

use std::net::SocketAddr;
use std::time::Duration;

use super::settings::{Certificate, Cluster, Drain, Exporter, Labels, Serving, Settings};
use crate::config::summary::{
    Lines, client_tls, coordinator, forwarded_proto, in_file, namespaces, trino_auth,
};

/// One setting a line, in words; ends with a newline.
pub fn summary(settings: &Settings) -> String {
    let mut out = Lines::default();
    out.line("mode", settings.mode.word());
    installation(settings, &mut out);
    serving(&settings.serving, &mut out);
    clusters(settings, &mut out);
    trino(settings, &mut out);
    bounds(settings, &mut out);
    policy(settings, &mut out);
    let (level, format) = (settings.log_level.as_str(), settings.log_format.as_str());
    out.line("logs", format!("{level}, {format}"));
    out.line("lame duck", seconds(settings.lame_duck));
    out.line("shutdown grace", seconds(settings.shutdown_grace));
    out.finish()
}

fn installation(settings: &Settings, out: &mut Lines) {
    let own = &settings.installation;
    out.line("release", format!("{} in {}", own.release, own.namespace));
    out.line("replica", &own.replica);
    let (held, renewed) = (
        seconds(own.lease.duration),
        seconds(own.lease.renew_interval),
    );
    let lease = format!("{}, held {held}, renewed every {renewed}", own.lease.name);
    out.line("leader's Lease", lease);
    out.line(
        "webhook configurations",
        format!("{}-*", own.webhook_prefix),
    );
}

fn serving(serving: &Serving, out: &mut Lines) {
    let address = |port| SocketAddr::new(serving.bind_address, port);
    out.line(
        "webhooks",
        format!("https://{}", address(serving.webhook_port)),
    );
    out.line("admin", format!("http://{}", address(serving.admin_port)));
    let url = serving.webhook_url.as_ref();
    out.line(
        "called through",
        url.map_or("the Service", |url| url.as_str()),
    );
    let (timeout, deadline) = (seconds(serving.webhook_timeout), seconds(serving.deadline));
    out.line(
        "review timeout",
        format!("{timeout}, answered within {deadline}"),
    );
    out.line("certificate", certificate(&serving.certificate));
    let clients = serving.clients.as_ref().map(|clients| {
        let names = if clients.names.is_empty() {
            "any".to_owned()
        } else {
            clients.names.join(", ")
        };
        format!("{names}, CA {}", in_file(&clients.ca_file))
    });
    out.line(
        "client certificates",
        clients.unwrap_or("not asked for".to_owned()),
    );
    let secret = serving.path_secret_file.as_deref().map(in_file);
    out.line("path secret", secret.unwrap_or("none".to_owned()));
}

fn certificate(certificate: &Certificate) -> String {
    match certificate {
        Certificate::Files(files) => {
            format!(
                "{}, key {}",
                in_file(&files.cert_file),
                in_file(&files.key_file)
            )
        }
        Certificate::SelfManaged(own) => format!(
            "own authority in Secret {}, Service {}, valid {}, authority {}",
            own.secret_name,
            own.service_name,
            seconds(own.certificate_validity),
            seconds(own.authority_validity)
        ),
    }
}

fn clusters(settings: &Settings, out: &mut Lines) {
    out.line("namespaces", namespaces(&settings.namespaces));
    out.line("discovery", on(settings.discovery));
    for cluster in &settings.clusters {
        let Cluster {
            coordinator: one,
            workers,
            coordinators,
        } = cluster;
        let pods = format!(
            "workers {}, coordinator {}",
            labels(workers),
            labels(coordinators)
        );
        out.line(
            &format!("coordinator {}", one.name),
            format!("{}, {pods}", coordinator(one)),
        );
    }
    let exporter = settings.exporter.as_ref().map(exporter);
    out.line("exporter", exporter.unwrap_or("none".to_owned()));
}

fn exporter(exporter: &Exporter) -> String {
    let token = exporter.token_file.as_deref().map(in_file);
    let token = token.map_or("no token".to_owned(), |file| format!("token {file}"));
    let ca = exporter.ca_file.as_deref().map(in_file);
    let ca = ca.map_or("built-in CAs".to_owned(), |file| format!("CA {file}"));
    format!("{}, {token}, {ca}", exporter.url)
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

fn trino(settings: &Settings, out: &mut Lines) {
    let trino = &settings.trino;
    out.line("Trino authentication", trino_auth(&trino.auth));
    out.line("Trino TLS", client_tls(&trino.tls));
    out.line("X-Forwarded-Proto", forwarded_proto(trino.forwarded_proto));
    out.line("workers' port", trino.worker_http_port);
    out.line("poll every", seconds(trino.poll_interval));
    out.line("request timeout", seconds(trino.request_timeout));
    out.line("drain", drain(&settings.drain));
}

fn drain(drain: &Drain) -> String {
    let password = drain.password_file.as_deref().map(in_file);
    let password = password.map_or("no password".to_owned(), |file| format!("password {file}"));
    if !drain.https {
        return format!("over http, user {}, {password}", drain.user);
    }
    let name = drain.server_name.as_deref().unwrap_or("their address");
    let tls = client_tls(&drain.tls);
    format!(
        "over https, user {}, {password}, certificates for {name}, {tls}",
        drain.user
    )
}

fn bounds(settings: &Settings, out: &mut Lines) {
    let bounds = &settings.policy.bounds;
    for (name, value) in [
        ("fresh", bounds.fresh),
        ("lost", bounds.lost),
        ("quiet", bounds.quiet),
        ("drain.noticeTime", bounds.notice),
        ("drain.expected", bounds.drain_expected),
        ("maxBlock", bounds.max_block),
        ("coordinator.maxBlock", bounds.coordinator_max_block),
        ("preemption.maxBlock", bounds.preemption_max_block),
        ("unknownMax", bounds.unknown_max),
        ("grantTtl", bounds.grant_ttl),
        ("abandonAfter", bounds.abandon_after),
        ("leakAfter", bounds.leak_after),
        ("overrideMax", bounds.override_max),
    ] {
        out.line(name, seconds(value));
    }
}

fn policy(settings: &Settings, out: &mut Lines) {
    let policy = &settings.policy;
    let floor = &policy.floor;
    let floor = format!(
        "drain at most {} %, at least {} active",
        floor.share, floor.min_active
    );
    out.line("floor", floor);
    let hints = policy
        .hints
        .map(|hold| format!("on, held at most {}", seconds(hold)));
    out.line("hints", hints.unwrap_or("off".to_owned()));
    out.line("clamp", on(policy.clamp));
    out.line("drain on cordon", on(policy.drain_on_cordon));
    out.line("deletion candidates", on(policy.deletion_candidate));
    out.line("operator", policy.operator.as_deref().unwrap_or("none"));
}

const fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn seconds(span: Duration) -> String {
    format!("{span:?}")
}
