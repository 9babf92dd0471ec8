//! The proof that a DRAINED worker is empty: one query list begun after it said so, and each query of that list that
//! could have a task there, read after it said so. Trino sets DRAINED after a sleep, without looking again.

use std::collections::HashSet;
use std::net::IpAddr;

use futures::{StreamExt, stream};

use crate::collect::api::{Read, TrinoApi};
use crate::collect::failure::Failure;
use crate::core::buffers::address::{WorkerKey, ip_of};
use crate::core::buffers::fold::{Outcome, QueryFacts};
use crate::core::buffers::ledger::Due;
use crate::core::buffers::listing::{Active, ListFold};
use crate::core::guard::query_ids::QueryIds;
use crate::core::guard::time::Time;
use crate::core::moment::Moment;
use crate::trino::words::RetryPolicy;

/// Documents read at once: large ones are rendered in the coordinator's heap.
const AT_ONCE: usize = 2;

/// What a proof came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing is left.
    Empty,
    /// A query still has tasks there.
    Left(u64),
    /// Something could not be read.
    Unreadable(String),
}

/// A worker as tasks name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its node id, and what that is by default: its pod's name.
    pub ids: Vec<String>,
    /// Its pod's address.
    pub ip: Option<IpAddr>,
}

impl Node {
    fn runs(&self, worker: &WorkerKey) -> bool {
        let named = self.ids.iter().any(|id| id == worker.node_id());
        let label = worker.host().split('.').next();
        let hosted = self.ids.iter().any(|id| Some(id.as_str()) == label);
        named || hosted || (self.ip.is_some() && ip_of(worker.host()) == self.ip)
    }
}

/// Asks the coordinator whether anything is left on a worker. Queries created after `until` can't have tasks there: the
/// coordinator knew by then that it drains. `ids` tells whether their ids say so.
pub async fn prove(api: &TrinoApi, node: &Node, until: Time, ids: QueryIds) -> Proof {
    let fold = ListFold::new(Moment::default(), HashSet::new());
    let listing = match api.list(fold).await {
        Ok((listing, _)) => listing,
        Err(failure) => return Proof::Unreadable(failure.to_string()),
    };
    let candidates = listing
        .active
        .into_iter()
        .filter(|query| may_have_tasks(query, until, ids));
    let reads = stream::iter(candidates).map(|query| left(api, query, node));
    let mut reads = reads.buffer_unordered(AT_ONCE);
    let mut total = 0;
    while let Some(left) = reads.next().await {
        match left {
            Ok(tasks) => total += tasks,
            Err(failure) => return Proof::Unreadable(failure.to_string()),
        }
    }
    match total {
        0 => Proof::Empty,
        tasks => Proof::Left(tasks),
    }
}

fn may_have_tasks(query: &Active, until: Time, ids: QueryIds) -> bool {
    let late = ids.is_after(created(&query.id), until);
    query.retry != Some(RetryPolicy::Task) && !late
}

/// When a query was created, as its id says (`20261122_024705_00012_abcde`); `None` where it does not.
pub fn created(id: &str) -> Option<Time> {
    let (date, rest) = id.split_once('_')?;
    let time = rest.split('_').next()?;
    let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let date = format!(
        "{}-{}-{}",
        part(date, 0, 4)?,
        part(date, 4, 6)?,
        part(date, 6, 8)?
    );
    let time = format!(
        "{}:{}:{}",
        part(time, 0, 2)?,
        part(time, 2, 4)?,
        part(time, 4, 6)?
    );
    Time::parse(&format!("{date}T{time}Z"))
}

async fn left(api: &TrinoApi, query: Active, node: &Node) -> Result<u64, Failure> {
    let due = Due {
        id: query.id,
        retry: query.retry,
    };
    let (read, _) = api.query(&due).await?;
    Ok(match read {
        Read::Gone | Read::Document(Outcome::Over) => 0,
        Read::Document(Outcome::Facts(facts)) => tasks_on(&facts, node),
    })
}

fn tasks_on(facts: &QueryFacts, node: &Node) -> u64 {
    let here = facts.workers.iter().filter(|(worker, _)| node.runs(worker));
    here.map(|(_, held)| held.at_risk.total()).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::trino::words::QueryState;

    #[test]
    fn a_query_id_tells_when_it_was_created() {
        let wanted = Time::parse("2026-11-22T02:47:05Z");
        assert_eq!(created("20261122_024705_00012_abcde"), wanted);
        for id in [
            "",
            "x",
            "2026_1_2",
            "20261399_024705_00012_abcde",
            "é0261122_024705_1_a",
        ] {
            assert_eq!(created(id), None, "{id}");
        }
    }

    #[test]
    fn tasks_name_a_worker_by_its_id_its_address_or_its_host() {
        let node = Node {
            ids: vec!["3f1e-uuid".to_owned(), "w-0".to_owned()],
            ip: Some(IpAddr::from([10, 0, 0, 1])),
        };
        let runs = |task: &str| node.runs(&WorkerKey::from_text(task));
        assert!(runs("whatever:8080 3f1e-uuid"));
        assert!(runs("whatever:8080 w-0"));
        assert!(runs("10.0.0.1:8080 other"));
        assert!(runs("w-0.trino.svc:8080 other"));
        assert!(!runs("10.0.0.2:8080 w-1") && !runs("w-1.trino.svc:8080 "));
        let nowhere = Node { ip: None, ..node };
        assert!(!nowhere.runs(&WorkerKey::from_text("host:8080 w-1")));
    }

    #[test]
    fn only_late_and_fault_tolerant_queries_are_left_out() {
        let until = Time::parse("2026-11-22T02:47:05Z").expect("a time");
        let mut agreed = QueryIds::default();
        for seconds in [0, 4] {
            let at = until + Duration::from_secs(seconds);
            agreed.list(at, Some(at));
        }
        let may = |id: &str, retry| {
            let query = Active {
                id: id.to_owned(),
                state: QueryState::Running,
                retry,
            };
            may_have_tasks(&query, until, agreed)
        };
        assert!(may("20261122_024700_00012_abcde", None));
        assert!(may("20261122_024710_00012_abcde", None), "within the skew");
        assert!(!may("20261122_024810_00012_abcde", None));
        assert!(may("no-date", Some(RetryPolicy::Query)));
        assert!(!may("20261122_024700_00012_abcde", Some(RetryPolicy::Task)));
        let late = Active {
            id: "20261122_024810_00012_abcde".to_owned(),
            state: QueryState::Running,
            retry: None,
        };
        let unknown = QueryIds::default();
        assert!(may_have_tasks(&late, until, unknown), "by whose clock?");
    }
}
