//! Which pod lives at which address, as one source (the Kubernetes API or Prometheus) lists it.
//! Built whole from the source's latest answer; never asks anything.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::address::ip_of;

/// A pod as a source names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// Namespace; empty when the source does not say.
    pub namespace: String,
    /// Pod name.
    pub name: String,
    /// Value of the label `app.kubernetes.io/instance`, else `release`.
    pub release: Option<String>,
}

/// One statement of a source: this pod lives at this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// IP address or host name.
    pub host: String,
    /// The pod there.
    pub pod: Pod,
    /// Beats every sighting of the same host without it (a running pod; the expected port).
    pub preferred: bool,
    /// Among equals the highest wins (creation time of the pod, time of the sample), in ms since 1970.
    pub recency: i64,
}

/// What one source knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    by_host: BTreeMap<String, Pod>,
    by_name: HashMap<String, Vec<Listed>>,
}

/// A pod and every address at which it was sighted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    pod: Pod,
    addresses: Vec<IpAddr>,
}

impl Directory {
    /// Keeps the best sighting of each host. A pod that shares its host (host network) still has its name.
    #[must_use]
    pub fn new(sightings: impl IntoIterator<Item = Sighting>) -> Self {
        let mut best: BTreeMap<String, Sighting> = BTreeMap::new();
        let mut by_name: HashMap<String, Vec<Listed>> = HashMap::new();
        for sighting in sightings {
            let same_name = by_name.entry(sighting.pod.name.clone()).or_default();
            note(same_name, &sighting);
            let rank = |s: &Sighting| (s.preferred, s.recency);
            let host = canonical(&sighting.host);
            match best.get(&host) {
                Some(held) if rank(held) >= rank(&sighting) => {}
                _ => drop(best.insert(host, sighting)),
            }
        }
        let by_host = best.into_iter().map(|(host, s)| (host, s.pod)).collect();
        Self { by_host, by_name }
    }

    /// The pod at a host (IP address in any spelling, IP-encoding name, or host name).
    #[must_use]
    pub fn at_host(&self, host: &str) -> Option<&Pod> {
        self.by_host.get(&canonical(host))
    }

    /// The pod of this name: the only one, or the one in `namespace`.
    #[must_use]
    pub fn named(&self, name: &str, namespace: &str) -> Option<&Pod> {
        match self.by_name.get(name)?.as_slice() {
            [only] => Some(&only.pod),
            several => several
                .iter()
                .map(|listed| &listed.pod)
                .find(|pod| pod.namespace == namespace),
        }
    }

    /// Whether the source lists this very pod, at this host as far as it can tell: a pod of a StatefulSet comes back under
    /// its name at another address. Host names, and addresses of a family that the source does not give, say nothing.
    #[must_use]
    pub fn lists(&self, name: &str, namespace: &str, host: &str) -> bool {
        let mut pods = self.by_name.get(name).into_iter().flatten();
        pods.any(|listed| listed.pod.namespace == namespace && listed.may_be_at(host))
    }

    /// Hosts and their pods.
    pub fn pods(&self) -> impl Iterator<Item = (&str, &Pod)> {
        self.by_host.iter().map(|(host, pod)| (host.as_str(), pod))
    }

    /// Number of hosts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_host.len()
    }

    /// Whether the source lists nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }
}

/// Adds an address to its pod among those of the same name.
fn note(same_name: &mut Vec<Listed>, sighting: &Sighting) {
    let address = ip_of(&sighting.host);
    match same_name
        .iter_mut()
        .find(|listed| listed.pod == sighting.pod)
    {
        Some(listed) => listed.addresses.extend(address),
        None => same_name.push(Listed {
            pod: sighting.pod.clone(),
            addresses: address.into_iter().collect(),
        }),
    }
}

impl Listed {
    fn may_be_at(&self, host: &str) -> bool {
        let Some(ip) = ip_of(host) else { return true };
        let family = |other: &&IpAddr| other.is_ipv4() == ip.is_ipv4();
        let mut known = self.addresses.iter().filter(family).peekable();
        known.peek().is_none() || known.any(|other| *other == ip)
    }
}

/// One spelling for each host: addresses as Rust prints them, names in lower case.
pub(super) fn canonical(host: &str) -> String {
    ip_of(host).map_or_else(|| host.to_ascii_lowercase(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(host: &str, name: &str, preferred: bool, recency: i64) -> Sighting {
        Sighting {
            host: host.into(),
            pod: pod("trino", name),
            preferred,
            recency,
        }
    }

    fn pod(namespace: &str, name: &str) -> Pod {
        Pod {
            namespace: namespace.into(),
            name: name.into(),
            release: None,
        }
    }

    fn name_at<'a>(directory: &'a Directory, host: &str) -> Option<&'a str> {
        directory.at_host(host).map(|pod| pod.name.as_str())
    }

    #[test]
    fn the_latest_sighting_of_an_address_wins() {
        let directory = Directory::new([
            sighting("10.0.0.1", "new", false, 20),
            sighting("10.0.0.1", "old", false, 10),
        ]);
        assert_eq!(name_at(&directory, "10.0.0.1"), Some("new"));
    }

    #[test]
    fn a_preferred_sighting_beats_a_later_one() {
        let directory = Directory::new([
            sighting("10.0.0.1", "running", true, 10),
            sighting("10.0.0.1", "succeeded", false, 20),
        ]);
        assert_eq!(name_at(&directory, "10.0.0.1"), Some("running"));
    }

    #[test]
    fn an_address_is_found_in_any_spelling() {
        let directory = Directory::new([
            sighting("2001:DB8:0::1", "six", false, 0),
            sighting("10.1.2.3", "four", false, 0),
        ]);
        assert_eq!(name_at(&directory, "2001:db8::1"), Some("six"));
        assert_eq!(name_at(&directory, "x2001-db8--1.ip"), Some("six"));
        assert_eq!(name_at(&directory, "10-1-2-3.ip"), Some("four"));
    }

    #[test]
    fn a_pod_that_came_back_elsewhere_is_not_listed_where_it_was() {
        let directory = Directory::new([
            sighting("10.0.0.2", "w-0", true, 0),
            sighting("10.0.0.3", "w-0", true, 0),
            sighting("10.0.0.2", "w-1", true, 1),
        ]);
        let lists = |name, host| directory.lists(name, "trino", host);
        assert!(!lists("w-0", "10.0.0.1"), "another address of this kind");
        assert!(!lists("w-0", "10-0-0-1.ip"));
        assert!(lists("w-0", "10.0.0.3"), "one of its addresses");
        assert!(lists("w-0", "10.0.0.2"), "shared with a younger one");
        assert!(lists("w-0", "fd00::1"), "the source knows none of these");
        assert!(lists("w-0", "w-0.trino.svc"), "a name may be any of them");
        assert!(!lists("w-2", "10.0.0.2"), "there is none of this name");
        assert!(!directory.lists("w-0", "other", "10.0.0.2"));
    }

    #[test]
    fn a_name_in_two_namespaces_needs_the_namespace() {
        let two = ["blue", "green"].map(|namespace| Sighting {
            pod: pod(namespace, "trino-worker-0"),
            ..sighting(&format!("10.0.0.{}", namespace.len()), "", false, 0)
        });
        let directory = Directory::new(two);
        assert!(directory.named("trino-worker-0", "").is_none());
        let found = directory.named("trino-worker-0", "green");
        assert_eq!(found.map(|pod| pod.namespace.as_str()), Some("green"));
    }
}
