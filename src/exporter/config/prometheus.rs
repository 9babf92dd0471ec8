//! `prometheus`: the server that maps addresses to pods, and who we are to it. Decides
//! which keys belong together; reads no file.

use super::settings::{Prometheus, PrometheusAuth};
use crate::config::auth::{self, Credentials};
use crate::config::reader::{Map, Reader};
use crate::config::values::word;
use crate::config::yaml::Node;

const AUTH_KEYS: [&str; 5] = [
    "type",
    "username",
    "usernameFile",
    "passwordFile",
    "tokenFile",
];

#[derive(Clone, Copy)]
enum Kind {
    None,
    Basic,
    Bearer,
}

/// An empty `url` is how the chart switches Prometheus off; the rest is checked all the same.
pub(super) fn read(root: &Map<'_>, reader: &mut Reader) -> Option<Prometheus> {
    let map = reader.section(
        root.get("prometheus"),
        "prometheus",
        &["url", "auth", "tls"],
    );
    let auth = authentication(map.get("auth"), reader).unwrap_or(PrometheusAuth::None);
    let tls = auth::client_tls(map.get("tls"), "prometheus.tls", reader);
    if reader.text(&map, "url")?.is_empty() {
        return None;
    }
    let url = reader.url(&map, "url")?;
    Some(Prometheus { url, auth, tls })
}

/// `None` where a problem was reported.
fn authentication(node: Option<&Node>, reader: &mut Reader) -> Option<PrometheusAuth> {
    let map = reader.section(node, "prometheus.auth", &AUTH_KEYS);
    let words = word(&[
        ("none", Kind::None),
        ("basic", Kind::Basic),
        ("bearer", Kind::Bearer),
    ]);
    let kind = reader.value(&map, "type", words).unwrap_or(Kind::None);
    let files = Credentials::read(&map, reader);
    match kind {
        Kind::None => Some(PrometheusAuth::None),
        Kind::Basic => files
            .basic(&map, None, "usernameFile or username", reader)
            .map(PrometheusAuth::Basic),
        Kind::Bearer => Some(PrometheusAuth::Bearer {
            token_file: files.token(&map, reader)?,
        }),
    }
}
