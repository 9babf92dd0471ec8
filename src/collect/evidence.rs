//! Gathers evidence on whether the query list shows everything: the coordinator's own count of running queries,
//! or, where that is not allowed, the query ids that workers name. Judges nothing; see `core::buffers::visibility`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use url::Url;

use crate::core::buffers::ledger::Due;
use crate::core::buffers::listing::{ListFold, Listing};
use crate::core::buffers::visibility::{Evidence, compare_counts};
use crate::core::moment::Moment;
use crate::trino::info::NodeStatus;
use crate::trino::words::QueryState;

use super::api::TrinoApi;
use super::client::Client;
use super::options::{Access, Auth};

/// The coordinator's own count of queries in state RUNNING.
pub const RUNNING: &str = "trino_execution_name_QueryManager_RunningQueries";

/// A worker that takes longer is not asked this time.
const WORKER_TIMEOUT: Duration = Duration::from_secs(2);

/// Workers asked at once.
const AT_ONCE: usize = 4;

/// Workers asked in one comparison, and unlisted queries looked up: enough to find what is hidden,
/// few enough to go unnoticed on a cluster of thousands.
const AT_MOST: usize = 32;

/// Compares with the coordinator's own count. `None` where the count can't be had.
pub async fn by_count(api: &TrinoApi, listed: &Listing, now: Moment) -> Option<Evidence> {
    let own = api.metric(RUNNING).await.ok().flatten()?;
    if !(0.0..1e9).contains(&own) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count, checked above
    let own = own as u64;
    let before = counted(listed);
    let first = compare_counts(own, before, before);
    if first != Evidence::Missing {
        return Some(first);
    }
    let again = ListFold::new(now, std::collections::HashSet::new());
    let (after, _) = api.list(again).await.ok()?;
    Some(compare_counts(own, before, counted(&after)))
}

/// The listed queries that Trino counts: exactly those in state RUNNING, of all users (seen on 476 and 482).
fn counted(listing: &Listing) -> u64 {
    listing.in_state(QueryState::Running)
}

/// Asks workers which queries they work for, and the coordinator for each that its list did not show.
pub async fn by_workers(
    api: &TrinoApi,
    client: &Arc<Client>,
    workers: Vec<Url>,
    tracked: &BTreeSet<String>,
) -> Evidence {
    let statuses = ask_workers(client, workers).await;
    if statuses.is_empty() {
        return Evidence::None;
    }
    let named: BTreeSet<String> = statuses.iter().flat_map(queries_of).collect();
    if named.is_empty() {
        return Evidence::Idle;
    }
    for id in named.difference(tracked).take(AT_MOST) {
        let due = Due {
            id: id.clone(),
            retry: None,
        };
        match api.query(&due).await {
            Err(failure) if failure.is_denied() => return Evidence::Missing,
            Err(failure) => {
                tracing::debug!(error = %failure, "Could not look up a query that a worker names");
                return Evidence::None;
            }
            Ok(_) => {}
        }
    }
    Evidence::Agrees
}

/// The client for workers: no credentials go to them, and a slow one is not waited for.
#[must_use]
pub fn worker_client(access: &Access) -> Client {
    Client::new(Access {
        auth: Auth::None,
        timeout: WORKER_TIMEOUT.min(access.timeout),
        forwarded_proto: None,
        ..access.clone()
    })
}

/// The public status of each worker that answers.
async fn ask_workers(client: &Arc<Client>, workers: Vec<Url>) -> Vec<NodeStatus> {
    stream::iter(workers.into_iter().take(AT_MOST))
        .map(|url| {
            let worker = TrinoApi::new(Arc::clone(client), url, 0, false);
            async move { worker.status().await.ok() }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Query ids in a worker's memory maps; a task id begins with its query's id.
fn queries_of(status: &NodeStatus) -> BTreeSet<String> {
    let pool = status
        .memory_info
        .as_ref()
        .and_then(|memory| memory.pool.as_ref());
    let queries = pool.and_then(|pool| pool.query_memory_reservations.as_ref());
    let tasks = pool.and_then(|pool| pool.task_memory_reservations.as_ref());
    let of_task = |task: &String| task.split('.').next().unwrap_or(task).to_owned();
    queries
        .into_iter()
        .flatten()
        .cloned()
        .chain(tasks.into_iter().flatten().map(of_task))
        .collect()
}
