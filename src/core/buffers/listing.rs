//! One query list, reduced while it streams by: the queries that matter, counts of the rest.
//! Memory grows with unfinished queries, not with the coordinator's history.

use std::collections::{BTreeMap, HashSet};

use crate::core::moment::Moment;
use crate::trino::task::{ListSink, ListedQuery};
use crate::trino::words::{QueryState, RetryPolicy};

/// An unfinished query of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// The query id.
    pub id: String,
    /// Its state as listed.
    pub state: QueryState,
    /// Its retry policy as listed.
    pub retry: Option<RetryPolicy>,
}

/// What one query list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// When the request was sent: the list is at most that old.
    pub asked: Moment,
    /// Queries that can have tasks, and tracked ones in whatever unfinished state.
    pub active: Vec<Active>,
    /// Tracked queries that the list shows as ended.
    pub ended: HashSet<String>,
    /// The newest query id, which tells one start of the coordinator from the next.
    pub newest: Option<String>,
    /// Entries by state, ended ones included.
    pub by_state: BTreeMap<QueryState, u64>,
}

impl Listing {
    /// All entries of the list.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.by_state.values().sum()
    }

    /// Entries in one state.
    #[must_use]
    pub fn in_state(&self, state: QueryState) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }

    /// Entries that have not ended.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        let open = self
            .by_state
            .iter()
            .filter(|(state, _)| !state.is_terminal());
        open.map(|(_, count)| count).sum()
    }
}

/// Takes the entries of a list; make it with the ids whose end would be news.
#[derive(Debug)]
pub struct ListFold {
    tracked: HashSet<String>,
    listing: Listing,
}

impl ListFold {
    /// A fold for a list asked for at `asked`, by somebody who holds facts of `tracked`.
    #[must_use]
    pub fn new(asked: Moment, tracked: HashSet<String>) -> Self {
        let listing = Listing {
            asked,
            active: Vec::new(),
            ended: HashSet::new(),
            newest: None,
            by_state: BTreeMap::new(),
        };
        Self { tracked, listing }
    }

    /// The finished listing.
    #[must_use]
    pub fn into_listing(self) -> Listing {
        self.listing
    }
}

impl ListSink for ListFold {
    fn query(&mut self, query: &ListedQuery<'_>) {
        *self.listing.by_state.entry(query.state).or_default() += 1;
        if self
            .listing
            .newest
            .as_deref()
            .is_none_or(|id| id < query.id)
        {
            self.listing.newest = Some(query.id.to_owned());
        }
        let tracked = self.tracked.contains(query.id);
        if query.state.is_terminal() {
            if tracked {
                self.listing.ended.insert(query.id.to_owned());
            }
        } else if tracked || query.state.may_hold_tasks() {
            self.listing.active.push(Active {
                id: query.id.to_owned(),
                state: query.state,
                retry: query.retry_policy,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(tracked: &[&str], entries: &[(&str, QueryState)]) -> Listing {
        let tracked = tracked.iter().map(ToString::to_string).collect();
        let mut fold = ListFold::new(Moment::default(), tracked);
        for (id, state) in entries {
            fold.query(&ListedQuery {
                id,
                state: *state,
                retry_policy: None,
            });
        }
        fold.into_listing()
    }

    #[test]
    fn only_queries_that_can_hold_something_are_kept() {
        use QueryState::{
            Failed, Finished, Finishing, Planning, Queued, Running, Starting, Unknown,
        };
        let all = [
            ("a", Queued),
            ("b", Planning),
            ("c", Starting),
            ("d", Running),
            ("e", Finishing),
            ("f", Unknown),
            ("g", Finished),
            ("h", Failed),
        ];
        let listing = listing(&["g"], &all);
        let kept: Vec<_> = listing.active.iter().map(|q| q.id.as_str()).collect();
        assert_eq!(kept, ["c", "d", "e", "f"]);
        assert_eq!(listing.ended, HashSet::from(["g".to_owned()]));
        assert_eq!((listing.entries(), listing.unfinished()), (8, 6));
        assert_eq!(listing.in_state(Running), 1);
        assert_eq!(listing.newest.as_deref(), Some("h"));
    }

    #[test]
    fn a_tracked_query_stays_whatever_its_unfinished_state() {
        let listing = listing(&["q"], &[("q", QueryState::Queued)]);
        assert_eq!(listing.active.len(), 1);
    }
}
