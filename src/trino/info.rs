//! The small documents that every Trino node answers without permission: `/v1/info` and
//! `/v1/status`. Plain shapes; unknown keys are ignored, and what an older release leaves out is
//! `None`. Bound the body before parsing it: these are read whole.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// `nodeVersion` of both documents.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NodeVersion {
    /// The release, such as `476`.
    pub version: String,
}

/// `GET /v1/info` of a coordinator or worker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// The node's release.
    pub node_version: NodeVersion,
    /// `node.environment`, the same on all nodes of a cluster.
    pub environment: String,
    /// Whether the node is a coordinator.
    pub coordinator: bool,
    /// Whether the node still starts.
    pub starting: bool,
    /// Time since the start in Trino's notation, such as `5.82m`.
    pub uptime: Option<String>,
    /// The node's id; newer releases only.
    pub node_id: Option<String>,
    /// The node's state word; newer releases only.
    pub state: Option<String>,
    /// The coordinator's part of query ids; newer releases only, and only of coordinators.
    pub coordinator_id: Option<String>,
}

/// `GET /v1/status` of a coordinator or worker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The node's id.
    pub node_id: String,
    /// The node's release.
    pub node_version: NodeVersion,
    /// Whether the node is a coordinator.
    pub coordinator: bool,
    /// The address that the cluster uses.
    pub internal_address: Option<String>,
    /// The address that clients use.
    pub external_address: Option<String>,
    /// Memory of the node.
    pub memory_info: Option<MemoryInfo>,
}

/// `memoryInfo` of a node's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct MemoryInfo {
    /// The node's one memory pool.
    pub pool: Option<MemoryPool>,
}

/// Who has memory reserved in a node's pool: names only, the amounts are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MemoryPool {
    /// Ids of queries with a reservation; `None` where the node does not say.
    #[serde(deserialize_with = "names")]
    pub query_memory_reservations: Option<BTreeSet<String>>,
    /// Ids of tasks with a reservation; `None` where the node does not say.
    #[serde(deserialize_with = "names")]
    pub task_memory_reservations: Option<BTreeSet<String>>,
}

/// Reads a `/v1/info` body.
///
/// # Errors
/// Where the body is not such a document.
pub fn server_info(body: &[u8]) -> Result<ServerInfo, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Reads a `/v1/status` body.
///
/// # Errors
/// Where the body is not such a document.
pub fn node_status(body: &[u8]) -> Result<NodeStatus, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Keeps the keys of an object; null says nothing.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeSet<String>>, D::Error> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Option<BTreeSet<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object or null")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = BTreeSet::new();
            while let Some((name, IgnoredAny)) = map.next_entry()? {
                names.insert(name);
            }
            Ok(Some(names))
        }
    }

    deserializer.deserialize_any(Names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_release_says_less() {
        let info = server_info(
            br#"{"nodeVersion":{"version":"449"},"environment":"docker","coordinator":true,
                "starting":false,"uptime":"3.20m"}"#,
        )
        .unwrap();
        assert_eq!(info.node_version.version, "449");
        assert_eq!(info.uptime.as_deref(), Some("3.20m"));
        assert_eq!(
            (info.node_id, info.state, info.coordinator_id),
            (None, None, None)
        );
    }

    #[test]
    fn a_newer_release_names_itself() {
        let info = server_info(
            br#"{"nodeId":"worker-0","state":"ACTIVE","nodeVersion":{"version":"482"},
                "environment":"test","coordinator":false,"coordinatorId":"yy3t4","starting":true,
                "uptime":"1.00s","extra":[1]}"#,
        )
        .unwrap();
        assert!(info.starting && !info.coordinator);
        assert_eq!(info.node_id.as_deref(), Some("worker-0"));
        assert_eq!(info.coordinator_id.as_deref(), Some("yy3t4"));
    }

    #[test]
    fn a_status_names_the_queries_of_its_pool() {
        let status = node_status(
            br#"{"nodeId":"w","nodeVersion":{"version":"476"},"coordinator":false,
                "internalAddress":"10.0.0.1","externalAddress":"10.0.0.1","processors":2,
                "memoryInfo":{"availableProcessors":2,"pool":{"maxBytes":1,
                "queryMemoryReservations":{"q1":5,"q2":0},
                "taskMemoryReservations":{"q1.0.0.0":5},
                "queryMemoryAllocations":{"q1":[{"tag":"x","allocation":5}]}}}}"#,
        )
        .unwrap();
        let pool = status.memory_info.unwrap().pool.unwrap();
        assert_eq!(pool.query_memory_reservations.unwrap().len(), 2);
        assert!(pool.task_memory_reservations.unwrap().contains("q1.0.0.0"));
    }

    #[test]
    fn a_status_without_reservations_is_no_error() {
        let status = node_status(
            br#"{"nodeId":"w","nodeVersion":{"version":"476"},"coordinator":false,
                "memoryInfo":{"pool":{"queryMemoryReservations":null}}}"#,
        )
        .unwrap();
        let pool = status.memory_info.unwrap().pool.unwrap();
        assert_eq!(pool, MemoryPool::default());
    }

    #[test]
    fn an_error_says_what_is_missing() {
        let error = server_info(b"{}").unwrap_err().to_string();
        assert!(error.contains("nodeVersion"), "{error}");
    }
}
