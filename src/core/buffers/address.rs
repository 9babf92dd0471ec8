//! Worker addresses as Trino writes them: the authority of a task's `self`, and the IP that hides in a host name.
//! Looks nothing up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// A worker as its tasks name it: host and port of `self`, and the node id. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerKey(Arc<str>);

impl WorkerKey {
    /// Takes a text made by [`write_key`].
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// `host:port` of the worker; empty when its tasks did not say.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split_once(' ').map_or(&self.0, |(a, _)| a)
    }

    /// The node id; empty when its tasks did not say.
    #[must_use]
    pub fn node_id(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, n)| n)
    }

    /// Host of the authority, without brackets around an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of(self.authority())
    }
}

impl std::borrow::Borrow<str> for WorkerKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Writes the text of a [`WorkerKey`] into `out`: authority, a space, node id.
/// An authority never holds a space, so the text is unambiguous.
pub fn write_key(out: &mut String, self_uri: &str, node_id: &str) {
    out.clear();
    out.push_str(authority_of(self_uri));
    out.push(' ');
    out.push_str(node_id);
}

/// `host:port` of an http(s) URI without user info; empty for anything else.
#[must_use]
pub fn authority_of(uri: &str) -> &str {
    let rest = uri
        .strip_prefix("http://")
        .or_else(|| uri.strip_prefix("https://"))
        .unwrap_or("");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let plain = !authority.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
    if plain { authority } else { "" }
}

/// Host of `host:port` or `[v6]:port`, without the brackets.
#[must_use]
pub fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => authority,
    }
}

/// Port of `host:port` or `[v6]:port`.
#[must_use]
pub fn port_of(authority: &str) -> Option<u16> {
    let after_host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1,
        None if authority.matches(':').count() > 1 => return None,
        None => authority,
    };
    after_host.rsplit_once(':')?.1.parse().ok()
}

/// The IP address that a host is or encodes: `10.1.2.3`, `2001:db8::1`, and with Trino's automatic internal TLS
/// `10-1-2-3.ip` and `x2001-db8--1.ip`.
#[must_use]
pub fn ip_of(host: &str) -> Option<IpAddr> {
    if let Ok(ip) = host.parse() {
        return Some(ip);
    }
    let name = host.strip_suffix(".ip")?;
    match name.strip_prefix('x') {
        Some(v6) => v6
            .replace('-', ":")
            .parse::<Ipv6Addr>()
            .ok()
            .map(Into::into),
        None => name
            .replace('-', ".")
            .parse::<Ipv4Addr>()
            .ok()
            .map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_its_parts() {
        let mut text = String::new();
        write_key(
            &mut text,
            "http://10.0.0.7:8080/v1/task/q.0.0.0",
            "trino-worker-0 x",
        );
        let key = WorkerKey::from_text(&text);
        assert_eq!(
            (key.authority(), key.node_id(), key.host()),
            ("10.0.0.7:8080", "trino-worker-0 x", "10.0.0.7")
        );
        write_key(&mut text, "", "");
        let nobody = WorkerKey::from_text(&text);
        assert_eq!((nobody.authority(), nobody.node_id()), ("", ""));
    }

    #[test]
    fn only_plain_http_authorities_count() {
        assert_eq!(
            authority_of("https://[2001:db8::1]:8443/v1"),
            "[2001:db8::1]:8443"
        );
        assert_eq!(authority_of("http://w:80?x"), "w:80");
        for odd in ["ftp://w/", "w:8080", "http://u@w/", "http://a b/", ""] {
            assert_eq!(authority_of(odd), "", "{odd}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        assert_eq!(host_of("[2001:db8::1]:8443"), "2001:db8::1");
        assert_eq!(host_of("10.1.2.3:8080"), "10.1.2.3");
        assert_eq!(host_of("2001:db8::1"), "2001:db8::1");
        assert_eq!(host_of("worker"), "worker");
        assert_eq!(port_of("[2001:db8::1]:8443"), Some(8443));
        assert_eq!(port_of("10.1.2.3:8080"), Some(8080));
        assert_eq!(port_of("2001:db8::1"), None);
        assert_eq!(port_of("worker"), None);
    }

    #[test]
    fn ips_hide_in_internal_tls_names() {
        assert_eq!(ip_of("10-1-2-3.ip"), "10.1.2.3".parse().ok());
        assert_eq!(ip_of("x2001-db8--1.ip"), "2001:db8::1".parse().ok());
        assert_eq!(ip_of("2001:db8::1"), "2001:db8::1".parse().ok());
        for name in ["worker.ip", "10-1-2.ip", "x.ip", "worker-0"] {
            assert_eq!(ip_of(name), None, "{name}");
        }
    }
}
