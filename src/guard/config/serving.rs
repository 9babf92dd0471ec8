//! Where reviews are answered, with which certificate, and whom we answer. Decides which
//! keys belong together; reads no file.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::bounds::Answer;
use super::settings::{Certificate, Clients, SelfManaged, Serving};
use crate::config::Identity;
use crate::config::auth;
use crate::config::common::{bind_address, duration};
use crate::config::names::{object_name, service_name};
use crate::config::reader::{Map, Reader};
use crate::config::values::{path, port};

const TLS_KEYS: [&str; 5] = [
    "files",
    "selfManaged",
    "clientCaFile",
    "clientNames",
    "pathSecretFile",
];
const SELF_MANAGED_KEYS: [&str; 4] = [
    "secretName",
    "serviceName",
    "certificateValiditySeconds",
    "authorityValiditySeconds",
];

/// Where the keys of the own authority stand.
pub(super) const SELF_MANAGED: &str = "tls.selfManaged";

const HOUR: f64 = 3600.0;
const YEAR: u64 = 365 * 86_400;

/// Longer than an authority is ever wanted; below what dates in certificates can't say.
const LONGEST_VALIDITY: f64 = 100.0 * 365.0 * 86_400.0;

/// Where and how reviews are answered.
pub(super) fn read(root: &Map<'_>, release: &str, answer: Answer, reader: &mut Reader) -> Serving {
    let tls = reader.section(root.get("tls"), "tls", &TLS_KEYS);
    let mut port_of = |key, default| reader.value(root, key, port(0)).unwrap_or(default);
    Serving {
        webhook_port: port_of("webhookPort", 8443),
        admin_port: port_of("adminPort", 9090),
        bind_address: bind_address(root, reader),
        certificate: certificate(&tls, release, reader),
        clients: clients(&tls, reader),
        path_secret_file: reader.value(&tls, "pathSecretFile", path),
        webhook_url: webhook_url(root, reader),
        webhook_timeout: answer.timeout,
        deadline: answer.deadline,
    }
}

/// Exactly one of the two. Where that is not so there is a problem, and the stand-in is
/// never used.
fn certificate(tls: &Map<'_>, release: &str, reader: &mut Reader) -> Certificate {
    let files = auth::server_tls(tls.get("files"), "tls.files", reader);
    let own = self_managed(tls, release, reader);
    match (tls.get("files").is_some(), tls.get("selfManaged").is_some()) {
        (true, true) => reader.problem(SELF_MANAGED, "not allowed beside tls.files; keep one"),
        (false, false) if !reader.failed("tls") => {
            reader.problem("tls", "one of files and selfManaged is needed: tls: {files: {certFile: FILE, keyFile: FILE}} or tls: {selfManaged: {}}");
        }
        (true, false) => return Certificate::Files(files.unwrap_or_else(|| no_files(reader))),
        _ => {}
    }
    Certificate::SelfManaged(own)
}

fn no_files(reader: &mut Reader) -> Identity {
    let keys = ["tls.files", "tls.files.certFile", "tls.files.keyFile"];
    if !keys.iter().any(|key| reader.failed(key)) {
        reader.problem("tls.files", "certFile and keyFile are needed");
    }
    Identity {
        cert_file: PathBuf::new(),
        key_file: PathBuf::new(),
    }
}

fn self_managed(tls: &Map<'_>, release: &str, reader: &mut Reader) -> SelfManaged {
    let map = reader.section(tls.get("selfManaged"), SELF_MANAGED, &SELF_MANAGED_KEYS);
    let secret = reader.value(&map, "secretName", object_name);
    let service = reader.value(&map, "serviceName", service_name);
    let mut validity = |key, default| -> Duration {
        duration(&map, key, default, (HOUR, LONGEST_VALIDITY), reader)
    };
    SelfManaged {
        secret_name: secret.unwrap_or_else(|| format!("{release}-tls")),
        service_name: service.unwrap_or_else(|| release.to_owned()),
        certificate_validity: validity("certificateValiditySeconds", YEAR),
        authority_validity: validity("authorityValiditySeconds", 10 * YEAR),
    }
}

fn clients(tls: &Map<'_>, reader: &mut Reader) -> Option<Clients> {
    let ca_file = reader.value(tls, "clientCaFile", path);
    let names: Vec<_> = reader.texts(tls, "clientNames");
    if names.iter().any(|name| name.trim().is_empty()) {
        reader.problem(tls.key("clientNames"), "a name must not be empty");
    }
    if !names.is_empty() && tls.get("clientCaFile").is_none() {
        let message = "missing; tls.clientNames needs it";
        reader.problem(tls.key("clientCaFile"), message);
    }
    Some(Clients {
        ca_file: ca_file?,
        names: names.into_iter().map(str::to_owned).collect(),
    })
}

/// Empty means that the Service is used, as in a chart's values.
fn webhook_url(root: &Map<'_>, reader: &mut Reader) -> Option<Url> {
    let key = "webhookUrl";
    reader.text(root, key).filter(|text| !text.is_empty())?;
    let url = reader.url(root, key)?;
    if url.scheme() == "https" {
        return Some(url);
    }
    let message = format!(
        "{:?} is not allowed; the API server calls webhooks over https only",
        url.as_str()
    );
    reader.problem(key, message);
    None
}
