//! Keys that stand in more than one configuration, read in one way. Decides how, never
//! whether a component has them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::client::ForwardedProto;
use super::reader::{Map, Reader};
use super::values::{address, namespace, seconds, word};
use crate::process::logs::{LogFormat, LogLevel};

/// The longest answer of Trino that is read, in bytes, unless the configuration says
/// otherwise. Documents of 100 MB and more are ordinary, so there is ample room; it is a
/// bound still.
pub(crate) const MAX_RESPONSE: u64 = 4 << 30;

/// `logging`.
pub(crate) fn logging(root: &Map<'_>, reader: &mut Reader) -> (LogLevel, LogFormat) {
    let map = reader.section(root.get("logging"), "logging", &["level", "format"]);
    let level = reader.value(&map, "level", str::parse).unwrap_or_default();
    let format = reader.value(&map, "format", str::parse).unwrap_or_default();
    (level, format)
}

/// `namespaces`: each once, in the order of the file.
pub(crate) fn namespaces(map: &Map<'_>, reader: &mut Reader) -> Vec<String> {
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

/// `forwardedProto`.
pub(crate) fn forwarded_proto(map: &Map<'_>, reader: &mut Reader) -> Option<ForwardedProto> {
    let words = word(&[
        ("", None),
        ("https", Some(ForwardedProto::Https)),
        ("http", Some(ForwardedProto::Http)),
    ]);
    reader.value(map, "forwardedProto", words).flatten()
}

/// `bindAddress`; loopback unless set.
pub(crate) fn bind_address(root: &Map<'_>, reader: &mut Reader) -> IpAddr {
    let address = reader.value(root, "bindAddress", address);
    address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// A number of seconds within bounds; `default`, in seconds, where there is none.
pub(crate) fn duration(
    map: &Map<'_>,
    key: &str,
    default: u64,
    bounds: (f64, f64),
    reader: &mut Reader,
) -> Duration {
    let value = reader.value(map, key, seconds(bounds.0, bounds.1));
    value.unwrap_or(Duration::from_secs(default))
}
