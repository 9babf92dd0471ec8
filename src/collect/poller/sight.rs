//! When evidence on visibility is gathered, and from whom. Judges nothing itself.

use std::collections::HashSet;

use url::Url;

use crate::core::buffers::address::{WorkerKey, host_of};
use crate::core::buffers::listing::Listing;
use crate::core::buffers::visibility::{Evidence, Visibility};
use crate::core::moment::Moment;

use super::super::counters::Of;
use super::super::evidence;
use super::{Memory, Poller};

/// What the coordinator's own count of running queries says.
pub(super) enum Count {
    /// It was compared less than a minute ago.
    NotDue,
    /// It may not be read, or could not be.
    Unreadable,
    /// What came of the comparison.
    Says(Evidence),
}

impl Poller {
    /// Compares the coordinator's count with the list that was just read, where that is due. Before queries are read:
    /// by then the list may be minutes old.
    pub(super) async fn count(&self, memory: &Memory, listing: &Listing) -> Count {
        let now = self.clock().now();
        if !memory.judge.due(now) {
            return Count::NotDue;
        }
        match evidence::by_count(&self.api, listing, now).await {
            Some(evidence) => Count::Says(evidence),
            None => Count::Unreadable,
        }
    }

    /// Judges, after queries were read and their workers are known.
    pub(super) async fn compare(&self, memory: &mut Memory, count: Count) {
        let now = self.clock().now();
        match count {
            Count::Says(Evidence::Idle) => {
                memory.judge.compared(Evidence::Idle, now);
                self.confirm(memory, now).await;
            }
            Count::Says(evidence) => memory.judge.compared(evidence, now),
            Count::Unreadable => {
                let evidence = self.ask_workers(memory, now).await;
                memory.judge.compared(evidence, now);
            }
            Count::NotDue if memory.judge.is_idle() => self.confirm(memory, now).await,
            Count::NotDue => {}
        }
        let verdict = memory.judge.visibility(now);
        if memory.told.replace(verdict) != Some(verdict) {
            tell_visibility(&memory.of, verdict);
        }
    }

    /// A count of zero says nothing about permission, so workers are asked as well.
    async fn confirm(&self, memory: &mut Memory, now: Moment) {
        let evidence = self.ask_workers(memory, now).await;
        memory.judge.observe(evidence, now);
    }

    async fn ask_workers(&self, memory: &Memory, now: Moment) -> Evidence {
        let workers = self.worker_urls(memory);
        let tracked = memory.ledger.tracked().into_iter().collect();
        evidence::by_workers(&self.api, &self.workers, workers, &tracked, now).await
    }

    /// Workers that tasks name, by the scheme that the cluster uses; and workers that only a mapping source lists, whose
    /// port is one of plain http.
    fn worker_urls(&self, memory: &Memory) -> Vec<Url> {
        let scheme = if memory.ledger.is_secure() {
            "https"
        } else {
            "http"
        };
        let working = memory.ledger.workers().map(WorkerKey::authority);
        let mut named = self.board.authorities_of(&self.target.spec.name);
        named.extend(working.filter(|it| !it.is_empty()).map(str::to_owned));
        let own = memory.ledger.coordinator();
        named.remove(own);
        let hosts: HashSet<&str> = named.iter().map(|authority| host_of(authority)).collect();
        let listed = self.board.hosts_of(&self.target.spec, self.worker_port);
        let listed = listed
            .iter()
            .filter(|(host, _)| !hosts.contains(host.as_str()));
        let all = named
            .iter()
            .map(|authority| format!("{scheme}://{authority}"));
        all.chain(listed.map(|(_, authority)| format!("http://{authority}")))
            .filter_map(|url| Url::parse(&url).ok())
            .collect()
    }
}

fn tell_visibility(of: &Of, now: Visibility) {
    match now {
        Visibility::Visible => {
            tracing::info!(
                coordinator = of.coordinator,
                "The query list shows what runs"
            );
        }
        Visibility::Hidden => tracing::error!(
            coordinator = of.coordinator,
            "Queries run that the list does not show: grant this user to view all queries"
        ),
        Visibility::Unknown => tracing::warn!(
            coordinator = of.coordinator,
            "It is not proven that the query list shows everything: idle workers are not published"
        ),
    }
}
