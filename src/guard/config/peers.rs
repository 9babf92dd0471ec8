//! Whom the guard asks and tells: the exporter, coordinators, workers. Decides defaults and
//! which keys there are; what several of them mean together is said in `rules`.

use super::settings::{Drain, Exporter, Trino};
use crate::config::TrinoAuth;
use crate::config::auth::{self, user_name};
use crate::config::common::{duration, forwarded_proto};
use crate::config::names::host_name;
use crate::config::reader::{Map, Reader};
use crate::config::values::{path, port, word};

/// What Trino is told when nobody set a user.
pub(super) const DEFAULT_USER: &str = "xtrinode-guard";

const TRINO_KEYS: [&str; 6] = [
    "auth",
    "tls",
    "forwardedProto",
    "workerHttpPort",
    "pollIntervalSeconds",
    "requestTimeoutSeconds",
];
const DRAIN_KEYS: [&str; 5] = ["user", "passwordFile", "scheme", "serverName", "tls"];

/// An empty `url` is how a chart says that there is none; the rest is checked all the same.
pub(super) fn exporter(root: &Map<'_>, reader: &mut Reader) -> Option<Exporter> {
    let keys = ["url", "tokenFile", "caFile"];
    let map = reader.section(root.get("exporter"), "exporter", &keys);
    let token_file = reader.value(&map, "tokenFile", path);
    let ca_file = reader.value(&map, "caFile", path);
    if reader.text(&map, "url")?.is_empty() {
        return None;
    }
    let url = reader.url(&map, "url")?;
    Some(Exporter {
        url,
        token_file,
        ca_file,
    })
}

/// How coordinators are read.
pub(super) fn trino(root: &Map<'_>, reader: &mut Reader) -> Trino {
    let map = reader.section(root.get("trino"), "trino", &TRINO_KEYS);
    let auth = auth::trino(map.get("auth"), "trino.auth", DEFAULT_USER, reader);
    Trino {
        // The stand-in is never used: without a value there is a problem.
        auth: auth.unwrap_or_else(|| TrinoAuth::Bearer {
            token_file: "".into(),
        }),
        tls: auth::client_tls(map.get("tls"), "trino.tls", reader),
        forwarded_proto: forwarded_proto(&map, reader),
        worker_http_port: reader
            .value(&map, "workerHttpPort", port(1))
            .unwrap_or(8080),
        poll_interval: duration(&map, "pollIntervalSeconds", 5, (0.1, 3600.0), reader),
        request_timeout: duration(&map, "requestTimeoutSeconds", 60, (0.1, 3600.0), reader),
    }
}

/// How workers are asked and told.
pub(super) fn drain(root: &Map<'_>, reader: &mut Reader) -> Drain {
    let map = reader.section(root.get("drain"), "drain", &DRAIN_KEYS);
    let user = reader.value(&map, "user", user);
    let user = user.filter(|user| !user.is_empty());
    let https = word(&[("http", false), ("https", true)]);
    Drain {
        user: user.unwrap_or_else(|| DEFAULT_USER.to_owned()),
        password_file: reader.value(&map, "passwordFile", path),
        https: reader.value(&map, "scheme", https).unwrap_or(false),
        server_name: reader.value(&map, "serverName", host_name),
        tls: auth::client_tls(map.get("tls"), "drain.tls", reader),
    }
}

/// It is sent as a header.
fn user(text: &str) -> Result<String, String> {
    let name = user_name(text)?;
    if name.is_ascii() {
        return Ok(name);
    }
    Err("give visible ASCII characters".to_owned())
}
