//! From a worker as its tasks name it to the pod that runs it.
//! A worker that no source knows keeps its host as a name: it is shown, never dropped.

use super::address::WorkerKey;
use super::directory::{Directory, Pod};

/// How worker addresses become pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mapping {
    /// By whichever source is configured; by node id where none is.
    #[default]
    Auto,
    /// The node id is the pod's name.
    NodeId,
    /// By the Kubernetes API.
    Kubernetes,
    /// By the labels of a Prometheus metric.
    Prometheus,
}

/// What found a worker's pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The node id was taken as the pod's name.
    NodeId,
    /// The Kubernetes API knows the pod.
    Kubernetes,
    /// Prometheus knows the pod.
    Prometheus,
    /// Nothing knows it; `pod` is the host.
    Unmapped,
}

impl Method {
    /// Every value, in metric order.
    pub const ALL: [Self; 4] = [
        Self::NodeId,
        Self::Kubernetes,
        Self::Prometheus,
        Self::Unmapped,
    ];

    /// The metric label and JSON value.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NodeId => "nodeId",
            Self::Kubernetes => "kubernetes",
            Self::Prometheus => "prometheus",
            Self::Unmapped => "unmapped",
        }
    }
}

/// A worker's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Pod name; the host where unmapped.
    pub pod: String,
    /// Namespace; empty where unknown.
    pub namespace: String,
    /// What found it.
    pub method: Method,
}

/// What the mapping sources say now. `None` = not configured, or no answer yet.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The Kubernetes API's pods.
    pub kubernetes: Option<Directory>,
    /// Prometheus' series.
    pub prometheus: Option<Directory>,
}

/// The mapping rules of one exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The configured way.
    pub mapping: Mapping,
    /// Whether any source is configured, answered or not.
    pub has_source: bool,
}

impl Rules {
    /// The sources to ask, in order.
    pub fn sources(self, all: &Sources) -> impl Iterator<Item = (Method, &Directory)> {
        let kubernetes = matches!(self.mapping, Mapping::Auto | Mapping::Kubernetes);
        let prometheus = matches!(self.mapping, Mapping::Auto | Mapping::Prometheus);
        let first = all.kubernetes.as_ref().filter(|_| kubernetes);
        let second = all.prometheus.as_ref().filter(|_| prometheus);
        let first = first.map(|directory| (Method::Kubernetes, directory));
        let second = second.map(|directory| (Method::Prometheus, directory));
        first.into_iter().chain(second)
    }

    /// Finds a worker's pod. `namespace` is where the coordinator's workers are expected.
    #[must_use]
    pub fn identify(self, worker: &WorkerKey, namespace: &str, all: &Sources) -> Identity {
        if self.by_node_id() && !worker.node_id().is_empty() {
            return Identity {
                pod: worker.node_id().to_owned(),
                namespace: namespace.to_owned(),
                method: Method::NodeId,
            };
        }
        self.sources(all)
            .find_map(|(method, directory)| found(worker, namespace, method, directory))
            .unwrap_or_else(|| unmapped(worker))
    }

    const fn by_node_id(self) -> bool {
        match self.mapping {
            Mapping::NodeId => true,
            Mapping::Auto => !self.has_source,
            Mapping::Kubernetes | Mapping::Prometheus => false,
        }
    }
}

fn found(
    worker: &WorkerKey,
    namespace: &str,
    method: Method,
    directory: &Directory,
) -> Option<Identity> {
    let by_name = |name: &str| directory.named(name, namespace);
    let host = worker.host();
    let pod = by_name(worker.node_id())
        .or_else(|| directory.at_host(host))
        .or_else(|| by_name(host.split('.').next().unwrap_or(host)))?;
    Some(identity(pod, method))
}

fn identity(pod: &Pod, method: Method) -> Identity {
    Identity {
        pod: pod.name.clone(),
        namespace: pod.namespace.clone(),
        method,
    }
}

/// The host stands in for the pod; a worker whose tasks gave no address still has its node id.
fn unmapped(worker: &WorkerKey) -> Identity {
    let host = worker.host();
    let name = if host.is_empty() {
        worker.node_id()
    } else {
        host
    };
    Identity {
        pod: name.to_owned(),
        namespace: String::new(),
        method: Method::Unmapped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::buffers::directory::Sighting;

    fn worker(authority: &str, node_id: &str) -> WorkerKey {
        WorkerKey::from_text(&format!("{authority} {node_id}"))
    }

    fn directory(host: &str, pod: &str) -> Directory {
        Directory::new([Sighting {
            host: host.into(),
            pod: Pod {
                namespace: "trino".into(),
                name: pod.into(),
                release: None,
            },
            preferred: false,
            recency: 0,
        }])
    }

    fn rules(mapping: Mapping, sources: &Sources) -> Rules {
        Rules {
            mapping,
            has_source: sources.kubernetes.is_some() || sources.prometheus.is_some(),
        }
    }

    fn found(mapping: Mapping, sources: &Sources, worker: &WorkerKey) -> (String, String, Method) {
        let id = rules(mapping, sources).identify(worker, "expected", sources);
        (id.pod, id.namespace, id.method)
    }

    #[test]
    fn without_a_source_the_node_id_is_the_pod() {
        let none = Sources::default();
        let w = worker("10.0.0.1:8080", "w-0");
        let expected = ("w-0".to_owned(), "expected".to_owned(), Method::NodeId);
        assert_eq!(found(Mapping::Auto, &none, &w), expected);
        assert_eq!(found(Mapping::NodeId, &none, &w), expected);
    }

    #[test]
    fn a_known_node_id_comes_before_the_address() {
        let sources = Sources {
            kubernetes: Some(directory("10.0.0.1", "w-0")),
            prometheus: None,
        };
        let w = worker("10.9.9.9:8080", "w-0");
        let (pod, namespace, method) = found(Mapping::Auto, &sources, &w);
        assert_eq!(
            (pod.as_str(), namespace.as_str(), method),
            ("w-0", "trino", Method::Kubernetes)
        );
    }

    #[test]
    fn an_unknown_node_id_falls_back_to_the_address_then_to_the_host_name() {
        let sources = Sources {
            kubernetes: None,
            prometheus: Some(directory("10.0.0.1", "w-0")),
        };
        let by_ip = worker("10.0.0.1:8080", "3f1e-uuid");
        assert_eq!(found(Mapping::Auto, &sources, &by_ip).0, "w-0");
        let by_name = worker("w-0.workers.trino.svc:8080", "3f1e-uuid");
        assert_eq!(found(Mapping::Prometheus, &sources, &by_name).0, "w-0");
    }

    #[test]
    fn kubernetes_is_asked_before_prometheus() {
        let sources = Sources {
            kubernetes: Some(directory("10.0.0.1", "from-kubernetes")),
            prometheus: Some(directory("10.0.0.1", "from-prometheus")),
        };
        let w = worker("10.0.0.1:8080", "");
        assert_eq!(found(Mapping::Auto, &sources, &w).0, "from-kubernetes");
        assert_eq!(
            found(Mapping::Prometheus, &sources, &w).0,
            "from-prometheus"
        );
    }

    #[test]
    fn a_worker_that_nothing_knows_keeps_its_host() {
        let sources = Sources {
            kubernetes: Some(Directory::default()),
            prometheus: None,
        };
        let w = worker("10.0.0.1:8080", "w-0");
        let expected = ("10.0.0.1".to_owned(), String::new(), Method::Unmapped);
        assert_eq!(found(Mapping::Auto, &sources, &w), expected);
        let homeless = worker("", "w-0");
        assert_eq!(found(Mapping::Kubernetes, &sources, &homeless).0, "w-0");
    }

    #[test]
    fn a_configured_source_that_has_not_answered_maps_nothing() {
        let rules = Rules {
            mapping: Mapping::Auto,
            has_source: true,
        };
        let id = rules.identify(&worker("10.0.0.1:8080", "w-0"), "", &Sources::default());
        assert_eq!(id.method, Method::Unmapped);
    }
}
