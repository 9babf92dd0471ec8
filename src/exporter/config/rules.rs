//! What several keys mean together: contradictions are problems, risks are notices.
//! Pure. A rule is silent where one of its keys already has a problem.

use super::sections::DEFAULT_USER;
use super::settings::{PrometheusAuth, Settings, WorkerMapping};
use crate::config::reader::Reader;
use crate::config::{ForwardedProto, Notice, TrinoAuth};

/// Adds contradictions to the reader's problems and returns what to warn about.
pub(super) fn check(settings: &Settings, reader: &mut Reader) -> Vec<Notice> {
    mapping_has_its_source(settings, reader);
    stale_is_not_before_the_next_cycle(settings, reader);
    let mut notices = Vec::new();
    unverified_servers(settings, &mut notices);
    credentials_in_the_clear(settings, &mut notices);
    default_user(settings, &mut notices);
    shared_urls(settings, &mut notices);
    notices
}

fn mapping_has_its_source(settings: &Settings, reader: &mut Reader) {
    let (source, key, needs) = match settings.worker_mapping {
        WorkerMapping::Auto | WorkerMapping::NodeId => return,
        WorkerMapping::Kubernetes => (
            settings.kubernetes.is_some(),
            "kubernetes.enabled",
            "kubernetes.enabled: true",
        ),
        WorkerMapping::Prometheus => (
            settings.prometheus.is_some(),
            "prometheus.url",
            "prometheus.url",
        ),
    };
    if !source && !reader.failed(key) {
        reader.problem(
            "workerMapping",
            format!("this mapping needs {needs}; set it, or use auto"),
        );
    }
}

fn stale_is_not_before_the_next_cycle(settings: &Settings, reader: &mut Reader) {
    let (poll, stale) = (settings.poll_interval, settings.stale_after);
    let keys = ["pollIntervalSeconds", "staleAfterSeconds"];
    if stale < poll && !keys.iter().any(|key| reader.failed(key)) {
        let (stale, poll) = (stale.as_secs_f64(), poll.as_secs_f64());
        let message =
            format!("{stale} is not allowed; give at least pollIntervalSeconds, which is {poll}");
        reader.problem("staleAfterSeconds", message);
    }
}

fn unverified_servers(settings: &Settings, notices: &mut Vec<Notice>) {
    let prometheus = settings
        .prometheus
        .as_ref()
        .map(|prometheus| &prometheus.tls);
    let sides = [(Some(&settings.tls), "tls"), (prometheus, "prometheus.tls")];
    for (tls, key) in sides {
        if tls.is_some_and(|tls| tls.insecure_skip_verify) {
            let message =
                "certificates are not verified: anyone on the way can read our credentials";
            notice(notices, format!("{key}.insecureSkipVerify"), message);
        }
    }
}

/// Trino itself refuses a password over plain http unless a proxy vouches for https.
fn credentials_in_the_clear(settings: &Settings, notices: &mut Vec<Notice>) {
    let vouched = settings.forwarded_proto == Some(ForwardedProto::Https);
    if matches!(
        settings.trino_auth,
        TrinoAuth::Basic(_) | TrinoAuth::Bearer { .. }
    ) && !vouched
    {
        let plain = settings
            .coordinators
            .iter()
            .filter(|c| c.url.scheme() == "http");
        for coordinator in plain {
            let key = format!("coordinators.{}.url", coordinator.name);
            notice(
                notices,
                key,
                "credentials travel unencrypted over http, and Trino refuses them there; use https, or set forwardedProto: https behind a proxy",
            );
        }
    }
    if let Some(prometheus) = &settings.prometheus
        && prometheus.auth != PrometheusAuth::None
        && prometheus.url.scheme() == "http"
    {
        notice(
            notices,
            "prometheus.url",
            "credentials travel unencrypted over http; use https",
        );
    }
}

fn default_user(settings: &Settings, notices: &mut Vec<Notice>) {
    if let TrinoAuth::Header { value, .. } = &settings.trino_auth
        && value == DEFAULT_USER
    {
        let message = format!(
            "asking Trino as user {DEFAULT_USER}; it needs permission to view queries owned by others"
        );
        notice(notices, "trinoAuth.headerValue", message);
    }
}

/// Each of them would publish the same workers.
fn shared_urls(settings: &Settings, notices: &mut Vec<Notice>) {
    for (index, coordinator) in settings.coordinators.iter().enumerate() {
        let twin = settings.coordinators[..index]
            .iter()
            .find(|c| c.url == coordinator.url);
        if let Some(twin) = twin {
            let key = format!("coordinators.{}.url", coordinator.name);
            notice(
                notices,
                key,
                format!("the same url as that of {}", twin.name),
            );
        }
    }
}

fn notice(notices: &mut Vec<Notice>, key: impl Into<String>, message: impl Into<String>) {
    notices.push(Notice::new(key, message));
}
