//! Authentication towards Trino and the maps of TLS: who we say we are, and whom we
//! trust. Decides which keys belong together; reads no file.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue};

use super::client::{Basic, ClientTls, Identity, TrinoAuth, UserName};
use super::reader::{Map, Reader, Show};
use super::values::{boolean, path, word};
use super::yaml::Node;

/// The header that says who we are.
pub(crate) const TRINO_USER: &str = "x-trino-user";

const TRINO_KEYS: [&str; 7] = [
    "type",
    "headerName",
    "headerValue",
    "username",
    "usernameFile",
    "passwordFile",
    "tokenFile",
];
const CLIENT_TLS_KEYS: [&str; 4] = ["caFile", "certFile", "keyFile", "insecureSkipVerify"];
const SERVER_TLS_KEYS: [&str; 2] = ["certFile", "keyFile"];

#[derive(Clone, Copy)]
enum Kind {
    Header,
    Basic,
    Bearer,
}

/// Authentication towards Trino, at `key`. Where nobody set a user, Trino is told
/// `default_user`. `None` where a problem was reported.
pub(crate) fn trino(
    node: Option<&Node>,
    key: &str,
    default_user: &'static str,
    reader: &mut Reader,
) -> Option<TrinoAuth> {
    let map = reader.section(node, key, &TRINO_KEYS);
    let words = word(&[
        ("header", Kind::Header),
        ("basic", Kind::Basic),
        ("bearer", Kind::Bearer),
    ]);
    let kind = reader.value(&map, "type", words).unwrap_or(Kind::Header);
    let header = header(&map, default_user, reader);
    let files = Credentials::read(&map, reader);
    match kind {
        Kind::Header => header,
        Kind::Basic => {
            let fallback = fallback_user(&map, &files, reader);
            files
                .basic(
                    &map,
                    fallback,
                    "usernameFile, username or headerValue",
                    reader,
                )
                .map(TrinoAuth::Basic)
        }
        Kind::Bearer => Some(TrinoAuth::Bearer {
            token_file: files.token(&map, reader)?,
        }),
    }
}

/// TLS as a client, at `key`.
pub(crate) fn client_tls(node: Option<&Node>, key: &str, reader: &mut Reader) -> ClientTls {
    let map = reader.section(node, key, &CLIENT_TLS_KEYS);
    ClientTls {
        ca_file: reader.value(&map, "caFile", path),
        identity: identity(&map, reader),
        insecure_skip_verify: reader
            .value(&map, "insecureSkipVerify", boolean)
            .unwrap_or(false),
    }
}

/// TLS as a server, at `key`; `None` when neither file is set.
pub(crate) fn server_tls(node: Option<&Node>, key: &str, reader: &mut Reader) -> Option<Identity> {
    let map = reader.section(node, key, &SERVER_TLS_KEYS);
    identity(&map, reader)
}

/// A certificate without its key is no use, nor the other way round.
fn identity(map: &Map<'_>, reader: &mut Reader) -> Option<Identity> {
    let cert_file = reader.value(map, "certFile", path);
    let key_file = reader.value(map, "keyFile", path);
    for (here, there) in [("certFile", "keyFile"), ("keyFile", "certFile")] {
        if map.get(here).is_some() && map.get(there).is_none() {
            reader.problem(
                map.key(there),
                format!("missing; {} needs it", map.key(here)),
            );
        }
    }
    Some(Identity {
        cert_file: cert_file?,
        key_file: key_file?,
    })
}

fn header(map: &Map<'_>, default_user: &'static str, reader: &mut Reader) -> Option<TrinoAuth> {
    let name = reader.value(map, "headerName", header_name);
    let name = name.unwrap_or(HeaderName::from_static(TRINO_USER));
    let value = reader.value_shown(map, "headerValue", Show::Nothing, header_value);
    let value = value.filter(|value| !value.is_empty());
    if name == TRINO_USER {
        let value = value.unwrap_or(HeaderValue::from_static(default_user));
        return Some(TrinoAuth::Header { name, value });
    }
    let Some(mut value) = value else {
        require_value(map, &name, reader);
        return None;
    };
    // Any other header may well be a key to the house.
    value.set_sensitive(true);
    Some(TrinoAuth::Header { name, value })
}

/// Only `X-Trino-User` has a default, and only the type `header` sends it.
fn require_value(map: &Map<'_>, name: &HeaderName, reader: &mut Reader) {
    let sends = reader.text(map, "type").is_none_or(|kind| kind == "header");
    if sends && !reader.failed(&map.key("headerValue")) {
        reader.problem(
            map.key("headerValue"),
            format!("missing; the header {name} needs a value"),
        );
    }
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse()
        .map_err(|_| "give the name of an HTTP header, for example X-Trino-User".to_owned())
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    text.parse()
        .map_err(|_| "give visible ASCII characters".to_owned())
}

/// The chart's `headerValue` names the user for every type; only without `username` here.
fn fallback_user(map: &Map<'_>, files: &Credentials, reader: &mut Reader) -> Option<String> {
    if files.user_name.is_some() {
        return None;
    }
    let name = reader.value_shown(map, "headerValue", Show::Nothing, user_name);
    name.filter(|name| !name.is_empty())
}

/// What a map of authentication says about user, password and token.
pub(crate) struct Credentials {
    user_name: Option<String>,
    user_name_file: Option<PathBuf>,
    password: Option<PathBuf>,
    token: Option<PathBuf>,
}

impl Credentials {
    /// From the keys `username`, `usernameFile`, `passwordFile` and `tokenFile`.
    pub(crate) fn read(map: &Map<'_>, reader: &mut Reader) -> Self {
        Self {
            user_name: reader
                .value(map, "username", user_name)
                .filter(|name| !name.is_empty()),
            user_name_file: reader.value(map, "usernameFile", path),
            password: reader.value(map, "passwordFile", path),
            token: reader.value(map, "tokenFile", path),
        }
    }

    /// HTTP basic authentication; `None` where a problem was reported.
    pub(crate) fn basic(
        self,
        map: &Map<'_>,
        fallback: Option<String>,
        user_keys: &str,
        reader: &mut Reader,
    ) -> Option<Basic> {
        let user = UserName {
            file: self.user_name_file,
            otherwise: self.user_name.or(fallback),
        };
        if user.file.is_none()
            && user.otherwise.is_none()
            && !["username", "headerValue"]
                .iter()
                .any(|key| reader.failed(&map.key(key)))
        {
            let message = format!(
                "missing; {} basic needs a user name: set {user_keys}",
                map.key("type")
            );
            reader.problem(map.key("username"), message);
        }
        let password_file = required(self.password, map, "passwordFile", "basic", reader)?;
        Some(Basic {
            user,
            password_file,
        })
    }

    /// The file of a bearer token; `None` where a problem was reported.
    pub(crate) fn token(self, map: &Map<'_>, reader: &mut Reader) -> Option<PathBuf> {
        required(self.token, map, "tokenFile", "bearer", reader)
    }
}

fn required(
    value: Option<PathBuf>,
    map: &Map<'_>,
    key: &str,
    kind: &str,
    reader: &mut Reader,
) -> Option<PathBuf> {
    if value.is_none() && !reader.failed(&map.key(key)) {
        reader.problem(
            map.key(key),
            format!("missing; {} {kind} needs it", map.key("type")),
        );
    }
    value
}

/// RFC 7617: a colon would end the name and begin the password.
pub(crate) fn user_name(text: &str) -> Result<String, String> {
    if text.contains(':') || text.chars().any(char::is_control) {
        return Err("give a user name without colons and control characters".to_owned());
    }
    Ok(text.to_owned())
}
