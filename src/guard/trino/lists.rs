//! Reads each coordinator's query list, which is all that a coordinator's removal and returning demand are judged by.
//! A list counts only while a supplier vouches that it shows everybody's queries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::collect::api::TrinoApi;
use crate::core::buffers::listing::ListFold;
use crate::core::guard::evidence::Listed;
use crate::core::guard::facts::pod::{ClusterId, Role};
use crate::core::moment::Moment;
use crate::guard::config::Settings;
use crate::guard::state::State;

use super::clusters::{Found, found, one};
use super::prove::created;

/// From the end of one list to the start of the next.
const EVERY: Duration = Duration::from_secs(2);

/// A list that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads lists.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Where clusters are found and lists go.
    pub state: State,
    /// How coordinators are asked.
    pub settings: Arc<Settings>,
}

impl Lists {
    /// Reads until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on()).await;
    }

    /// Reads the lists of these coordinators (by pod UID) now; other pods are nothing to it.
    pub async fn now(&self, uids: &[String]) {
        let clusters = self.state.view(|view| {
            let pods = uids.iter().filter_map(|uid| view.world.pod_by_uid(uid));
            let coordinators = pods.filter(|pod| pod.role == Role::Coordinator);
            let found = coordinators.filter_map(|pod| one(view, &self.settings, &pod.cluster));
            found.collect::<Vec<_>>()
        });
        let reads = clusters.iter().map(|found| {
            let api = Arc::new(found.api(&self.settings));
            self.read(&found.id, api)
        });
        futures::future::join_all(reads).await;
    }

    /// Reads the list of this cluster's coordinator now, wherever that runs.
    pub async fn of(&self, cluster: &ClusterId) {
        let found = self.state.view(|view| one(view, &self.settings, cluster));
        if let Some(found) = found {
            self.read(&found.id, Arc::new(found.api(&self.settings)))
                .await;
        }
    }

    /// A task for each cluster: a coordinator that does not answer holds up nobody else's list.
    async fn go_on(&self) {
        let mut running: HashMap<ClusterId, (Url, AbortOnDropHandle<()>)> = HashMap::new();
        loop {
            let clusters = self.state.view(|view| found(view, &self.settings));
            running.retain(|id, (url, _)| {
                let same = clusters.iter().find(|found| found.id == *id);
                same.is_some_and(|found| found.url() == url)
            });
            for found in clusters {
                let url = found.url().clone();
                let id = found.id.clone();
                running
                    .entry(id)
                    .or_insert_with(|| (url, self.follow(found)));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn follow(&self, found: Found) -> AbortOnDropHandle<()> {
        let lists = self.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            let api = Arc::new(found.api(&lists.settings));
            loop {
                lists.read(&found.id, Arc::clone(&api)).await;
                tokio::time::sleep(EVERY).await;
            }
        }))
    }

    async fn read(&self, id: &ClusterId, api: Arc<TrinoApi>) {
        let at = self.state.calendar().now();
        let fold = ListFold::new(Moment::default(), HashSet::new());
        let listing = match timeout(PATIENCE, api.list(fold)).await {
            Ok(Ok((listing, _))) => listing,
            Ok(Err(error)) => {
                tracing::debug!(cluster = %id, %error, "Could not read a query list");
                return;
            }
            Err(_) => return,
        };
        let bounds = self.state.policy().bounds;
        let unfinished = listing.unfinished();
        let newest = listing.newest.as_deref().and_then(created);
        self.state.learn(|evidence, _| {
            evidence.newest_query(id, at, newest);
            // Unfinished queries are a fact whoever sees them; none are one only to who sees all.
            let trusted = unfinished > 0 || !evidence.cluster(id).is_unknown(&bounds, at);
            if trusted {
                evidence.list(id, Listed { at, unfinished });
            }
        });
    }
}
