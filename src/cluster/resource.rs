//! The kinds of object that the guard reads or writes, and where they stand in the API. Names only, no requests.

use crate::core::guard::facts::workload::Kind;

/// A kind of object, as URLs and roles name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its name in URLs and roles.
    pub plural: &'static str,
}

/// `v1 pods`.
pub const PODS: Resource = Resource::new("", "v1", "pods");
/// `v1 nodes`.
pub const NODES: Resource = Resource::new("", "v1", "nodes");
/// `v1 namespaces`.
pub const NAMESPACES: Resource = Resource::new("", "v1", "namespaces");
/// `apps/v1 deployments`.
pub const DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments");
/// `apps/v1 replicasets`.
pub const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets");
/// `apps/v1 statefulsets`.
pub const STATEFUL_SETS: Resource = Resource::new("apps", "v1", "statefulsets");
/// `coordination.k8s.io/v1 leases`.
pub const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases");

impl Resource {
    /// The resource `plural` of an API group and version.
    #[must_use]
    pub const fn new(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self {
            group,
            version,
            plural,
        }
    }

    /// The resource of a kind of workload; `None` for those that we do not know.
    #[must_use]
    pub const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Deployment => Some(DEPLOYMENTS),
            Kind::ReplicaSet => Some(REPLICA_SETS),
            Kind::StatefulSet => Some(STATEFUL_SETS),
            Kind::Other => None,
        }
    }

    /// The URL path of its collection in a namespace; `None` means all of them, or a resource without namespaces.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        let scope = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
        format!("{root}{scope}/{}", self.plural)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(PODS.path(Some("trino")), "/api/v1/namespaces/trino/pods");
        assert_eq!(NODES.path(None), "/api/v1/nodes");
        let sets = "/apis/apps/v1/namespaces/a/statefulsets";
        assert_eq!(STATEFUL_SETS.path(Some("a")), sets);
        assert_eq!(Resource::of(Kind::Other), None);
    }
}
