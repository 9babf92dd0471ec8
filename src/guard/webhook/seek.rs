//! Asks the API server for a pod that the cache does not know: the cache may be behind. Reads only; decides nothing.

use std::fmt;
use std::time::Duration;

use crate::cluster::client::Kubernetes;
use crate::cluster::failure::Failure;
use crate::cluster::look::{coordinators, one, within};
use crate::cluster::selection::Selection;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::ClusterId;

/// An answer that takes longer is none.
const LIMIT: Duration = Duration::from_secs(1);

/// Asks for pods.
#[derive(Clone)]
pub struct Seeker {
    /// Where.
    pub kubernetes: Kubernetes,
    /// Which of them are Trino's.
    pub selection: Selection,
}

impl Seeker {
    /// The UID of the pod of this name; `None` where there is none, or one that is not Trino's.
    ///
    /// # Errors
    /// When the API server does not answer, or may not be asked.
    pub async fn uid(&self, name: &Name) -> Result<Option<String>, Failure> {
        let pod = one(&self.kubernetes, &self.selection, name, LIMIT).await?;
        Ok(pod.map(|pod| pod.uid))
    }

    /// Whether a cluster has a coordinator's pod, ending ones included.
    ///
    /// # Errors
    /// As above.
    pub async fn has_coordinator(&self, cluster: &ClusterId) -> Result<bool, Failure> {
        let found = coordinators(&self.kubernetes, &self.selection, cluster, LIMIT).await?;
        Ok(!found.is_empty())
    }

    /// The UIDs of Trino's pods in a namespace.
    ///
    /// # Errors
    /// As above.
    pub async fn uids(&self, namespace: &str) -> Result<Vec<String>, Failure> {
        let found = within(&self.kubernetes, &self.selection, namespace, LIMIT).await?;
        Ok(found.into_iter().map(|pod| pod.uid).collect())
    }
}

impl fmt::Debug for Seeker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeker").finish_non_exhaustive()
    }
}
