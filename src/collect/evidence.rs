//! Gathers evidence on whether the query list shows everything: the coordinator's own count of running queries,
//! or, where that is not allowed, the query ids that workers name. Judges nothing; see `core::buffers::visibility`.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use url::Url;

use crate::core::buffers::fold::Outcome;
use crate::core::buffers::ledger::Due;
use crate::core::buffers::listing::{ListFold, Listing};
use crate::core::buffers::visibility::{Evidence, compare_counts};
use crate::core::moment::Moment;
use crate::trino::info::NodeStatus;
use crate::trino::words::QueryState;

use super::api::{Read, TrinoApi};
use super::client::Client;
use super::options::{Access, Auth, TlsFiles};

/// The coordinator's own count of queries in state RUNNING.
pub const RUNNING: &str = "trino_execution_name_QueryManager_RunningQueries";

/// A worker that takes longer is not asked this time.
const WORKER_TIMEOUT: Duration = Duration::from_secs(2);

/// Workers asked at once.
const AT_ONCE: usize = 16;

/// Unlisted queries looked up in one comparison: enough to find what is hidden, few enough to go unnoticed.
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
    let again = ListFold::new(now, HashSet::new());
    let (after, _) = api.list(again).await.ok()?;
    Some(compare_counts(own, before, counted(&after)))
}

/// The listed queries that Trino counts: exactly those in state RUNNING, of all users (seen on 476 and 482).
fn counted(listing: &Listing) -> u64 {
    listing.in_state(QueryState::Running)
}

/// Asks all workers which queries they work for, and the coordinator for each that its list did not show. A worker
/// that does not answer, or does not say, may work for anything: then there is no evidence.
pub async fn by_workers(
    api: &TrinoApi,
    client: &Arc<Client>,
    workers: Vec<Url>,
    tracked: &BTreeSet<String>,
    now: Moment,
) -> Evidence {
    let Some(named) = ask_workers(client, workers).await else {
        return Evidence::None;
    };
    if named.is_empty() {
        return Evidence::Idle;
    }
    let unlisted: Vec<&String> = named.difference(tracked).collect();
    match look_up(api, &unlisted).await {
        Ok(live) if live.is_empty() => Evidence::Agrees,
        Ok(live) => listed_by_now(api, live, now).await,
        Err(evidence) => evidence,
    }
}

/// Which of these queries live. The newest are looked up first; more than `AT_MOST` are no proof of anything.
async fn look_up(api: &TrinoApi, unlisted: &[&String]) -> Result<HashSet<String>, Evidence> {
    let mut live = HashSet::new();
    for id in unlisted.iter().rev().take(AT_MOST) {
        let due = Due {
            id: (*id).clone(),
            retry: None,
        };
        match api.query(&due).await {
            Ok((Read::Document(Outcome::Facts(_)), _)) => drop(live.insert(due.id)),
            Ok((Read::Document(Outcome::Over), _)) => {}
            Err(failure) if failure.is_denied() => return Err(Evidence::Missing),
            // It does not know what its workers work for: are they somebody else's?
            Ok((Read::Gone, _)) => return Err(Evidence::None),
            Err(failure) => {
                tracing::debug!(error = %failure, "Could not look up a query that a worker names");
                return Err(Evidence::None);
            }
        }
    }
    if unlisted.len() > AT_MOST {
        return Err(Evidence::None);
    }
    Ok(live)
}

/// A query that began after the list was read is in the next one. A live one that is not is hidden.
async fn listed_by_now(api: &TrinoApi, live: HashSet<String>, now: Moment) -> Evidence {
    let Ok((listing, _)) = api.list(ListFold::new(now, live.clone())).await else {
        return Evidence::None;
    };
    let shown: HashSet<String> = listing.active.into_iter().map(|query| query.id).collect();
    let hidden = live
        .iter()
        .any(|id| !shown.contains(id) && !listing.ended.contains(id));
    if hidden {
        Evidence::Missing
    } else {
        Evidence::Agrees
    }
}

/// How workers are asked: no credentials go to them, not even a certificate, and a slow one is not waited for.
#[must_use]
pub fn worker_access(access: &Access) -> Access {
    Access {
        auth: Auth::None,
        tls: TlsFiles {
            identity: None,
            ..access.tls.clone()
        },
        timeout: WORKER_TIMEOUT.min(access.timeout),
        forwarded_proto: None,
        ..access.clone()
    }
}

/// The queries that all workers together name; `None` if there is no worker, or one that does not say.
async fn ask_workers(client: &Arc<Client>, workers: Vec<Url>) -> Option<BTreeSet<String>> {
    if workers.is_empty() {
        return None;
    }
    stream::iter(workers)
        .map(|url| {
            let worker = TrinoApi::new(Arc::clone(client), url, 0, false);
            async move { worker.status().await.ok() }
        })
        .buffer_unordered(AT_ONCE)
        .map(|status| status.as_ref().and_then(queries_of).ok_or(()))
        .try_concat()
        .await
        .ok()
}

/// Query ids in a worker's memory maps; a task id begins with its query's id. `None` where the node is no worker or
/// has no such maps.
fn queries_of(status: &NodeStatus) -> Option<BTreeSet<String>> {
    let pool = status.memory_info.as_ref()?.pool.as_ref()?;
    let queries = pool.query_memory_reservations.as_ref()?;
    let tasks = pool.task_memory_reservations.as_ref()?;
    let of_task = |task: &String| task.split('.').next().unwrap_or(task).to_owned();
    let all = queries.iter().cloned().chain(tasks.iter().map(of_task));
    (!status.coordinator).then(|| all.collect())
}

#[cfg(test)]
mod tests {
    use super::super::options::Peer;
    use super::*;

    #[test]
    fn workers_get_no_credentials_of_any_kind() {
        let access = Access {
            peer: Peer::Trino,
            auth: Auth::Bearer {
                token_file: "token".into(),
            },
            tls: TlsFiles {
                ca: Some("ca.crt".into()),
                identity: Some(("tls.crt".into(), "tls.key".into())),
                insecure: false,
            },
            timeout: Duration::from_secs(60),
            gzip: false,
            forwarded_proto: Some("https".into()),
        };
        let to_workers = worker_access(&access);
        assert_eq!(
            (to_workers.auth, to_workers.tls.identity),
            (Auth::None, None)
        );
        assert_eq!(to_workers.tls.ca, access.tls.ca, "they are still verified");
        assert_eq!(to_workers.timeout, WORKER_TIMEOUT);
    }
}
