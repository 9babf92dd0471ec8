//! Whom credentials go to, and who may call: giving a password to a stranger's worker is a
//! problem, other risks are notices. Pure.

use super::settings::Settings;
use crate::config::reader::Reader;
use crate::config::{ForwardedProto, Notice, TrinoAuth};

/// Contradictions.
pub(super) fn check(settings: &Settings, reader: &mut Reader) {
    password_needs_verified_tls(settings, reader);
    tls_needs_https(settings, reader);
}

/// What is allowed and may surprise.
pub(super) fn notices(settings: &Settings) -> Vec<Notice> {
    let mut notices = Vec::new();
    unverified_servers(settings, &mut notices);
    coordinators_in_the_clear(settings, &mut notices);
    exporter_in_the_clear(settings, &mut notices);
    any_client(settings, &mut notices);
    nobody_trusted(settings, &mut notices);
    notices
}

/// Whoever holds a pod's address would learn how to drain every worker.
fn password_needs_verified_tls(settings: &Settings, reader: &mut Reader) {
    let drain = &settings.drain;
    let keys = [
        "drain.passwordFile",
        "drain.scheme",
        "drain.tls.insecureSkipVerify",
    ];
    if drain.password_file.is_none() || keys.iter().any(|key| reader.failed(key)) {
        return;
    }
    let message = if !drain.https {
        "a password goes to workers over verified TLS only; set drain.scheme: https, or leave it out"
    } else if drain.tls.insecure_skip_verify {
        "a password goes to workers over verified TLS only; set drain.tls.insecureSkipVerify: false, or leave it out"
    } else {
        return;
    };
    reader.problem("drain.passwordFile", message);
}

/// Somebody who names authorities or a name believes that they are checked.
fn tls_needs_https(settings: &Settings, reader: &mut Reader) {
    let drain = &settings.drain;
    let set = [
        (drain.tls.ca_file.is_some(), "drain.tls.caFile"),
        (drain.tls.identity.is_some(), "drain.tls.certFile"),
        (drain.server_name.is_some(), "drain.serverName"),
    ];
    for (_, key) in set.into_iter().filter(|(set, _)| *set && !drain.https) {
        if !reader.failed("drain.scheme") {
            reader.problem(
                key,
                "has no effect over http; set drain.scheme: https, or leave it out",
            );
        }
    }
}

fn unverified_servers(settings: &Settings, notices: &mut Vec<Notice>) {
    let sides = [
        (&settings.trino.tls, "trino.tls"),
        (&settings.drain.tls, "drain.tls"),
    ];
    for (_, key) in sides
        .into_iter()
        .filter(|(tls, _)| tls.insecure_skip_verify)
    {
        let message = "certificates are not verified: anyone on the way can pretend to be Trino";
        notices.push(Notice::new(format!("{key}.insecureSkipVerify"), message));
    }
}

/// Trino itself refuses a password over plain http unless a proxy vouches for https.
fn coordinators_in_the_clear(settings: &Settings, notices: &mut Vec<Notice>) {
    if !matches!(
        settings.trino.auth,
        TrinoAuth::Basic(_) | TrinoAuth::Bearer { .. }
    ) {
        return;
    }
    if settings.discovery {
        let message = "discovered coordinators that are not reached over verified TLS are told the user name only; name a coordinator under coordinators to send it credentials";
        notices.push(Notice::new("trino.auth.type", message));
    }
    if settings.trino.forwarded_proto == Some(ForwardedProto::Https) {
        return;
    }
    let named = settings.clusters.iter().map(|cluster| &cluster.coordinator);
    for coordinator in named.filter(|one| one.url.scheme() == "http") {
        let key = format!("coordinators.{}.url", coordinator.name);
        let message = "credentials travel unencrypted over http, and Trino refuses them there; use https, or set trino.forwardedProto: https behind a proxy";
        notices.push(Notice::new(key, message));
    }
}

fn exporter_in_the_clear(settings: &Settings, notices: &mut Vec<Notice>) {
    let exporter = settings.exporter.as_ref();
    let exporter = exporter.filter(|exporter| exporter.url.scheme() == "http");
    if exporter.is_some_and(|exporter| exporter.token_file.is_some()) {
        let message = "the token travels unencrypted over http; use https";
        notices.push(Notice::new("exporter.url", message));
    }
}

/// The authority of a cluster signs for every kubelet and many users.
fn any_client(settings: &Settings, notices: &mut Vec<Notice>) {
    let clients = settings.serving.clients.as_ref();
    if clients.is_some_and(|clients| clients.names.is_empty()) {
        let message = "every certificate of this authority is trusted to call; name the API server's in tls.clientNames";
        notices.push(Notice::new("tls.clientCaFile", message));
    }
}

/// Whatever the mode: a namespace may be in enforce by its label. The chart always sets one.
fn nobody_trusted(settings: &Settings, notices: &mut Vec<Notice>) {
    let serving = &settings.serving;
    if serving.clients.is_none() && serving.path_secret_file.is_none() {
        let message = "without it, and without tls.clientCaFile, no caller is trusted: a refusal starts no drain and no bound, and what is busy stays refused";
        notices.push(Notice::new("tls.pathSecretFile", message));
    }
}
