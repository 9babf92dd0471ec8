//! The ledger told in cycles, as the poller tells it: what is kept, what leaves, what is complete.

use super::*;
use crate::core::buffers::holdings::Holdings;
use crate::core::buffers::listing::ListFold;
use crate::trino::task::{ListSink, ListedQuery};
use crate::trino::words::QueryState;

const STALE: Duration = Duration::from_secs(300);
const INTERVAL: Duration = Duration::from_secs(15);
const Q1: &str = "20261122_000000_00001_aaaaa";
const Q2: &str = "20261122_000000_00002_aaaaa";

fn at(seconds: u64) -> Moment {
    Moment::new(Duration::from_secs(seconds))
}

fn worker() -> WorkerKey {
    WorkerKey::from_text("10.0.0.1:8080 w-0")
}

fn read(seconds: u64) -> LastRead {
    LastRead {
        started: at(seconds),
        ended: at(seconds),
    }
}

fn facts(bytes: u64) -> QueryFacts {
    let mut held = Holdings {
        bytes,
        ..Holdings::default()
    };
    held.at_risk.holding = 1;
    QueryFacts {
        retry: RetryPolicy::None,
        coordinator: "10.0.0.9:8080".into(),
        secure: false,
        workers: vec![(worker(), held)],
    }
}

/// A ledger that was told in cycles, as the poller tells it.
struct Story {
    ledger: Ledger,
    now: u64,
}

impl Story {
    fn new() -> Self {
        Self {
            ledger: Ledger::new(STALE),
            now: 0,
        }
    }

    fn list(&mut self, running: &[&str], ended: &[&str]) -> bool {
        self.now += 15;
        self.ledger.open();
        let mut fold = ListFold::new(at(self.now), self.ledger.tracked());
        let mut entry = |id: &&str, state| {
            fold.query(&ListedQuery {
                id,
                state,
                retry_policy: None,
            });
        };
        for id in running {
            entry(id, QueryState::Running);
        }
        for id in ended {
            entry(id, QueryState::Finished);
        }
        self.ledger.listed(&fold.into_listing())
    }

    fn reads(&mut self, id: &str, bytes: u64) {
        self.ledger.facts(id, read(self.now), facts(bytes));
    }

    fn fails(&mut self, id: &str) {
        self.ledger.failed(id, read(self.now), false);
    }

    fn close(&mut self) -> Closed {
        self.ledger.close(at(self.now))
    }

    fn due(&self) -> Vec<String> {
        let due = self.ledger.due(at(self.now), INTERVAL);
        due.into_iter().map(|due| due.id).collect()
    }
}

fn bytes(closed: &Closed) -> u64 {
    closed.held.values().map(|held| held.bytes).sum()
}

fn state(closed: &Closed, now: u64) -> Coverage {
    coverage(closed, at(now), STALE)
}

#[test]
fn a_cycle_that_read_everything_is_complete() {
    let mut story = Story::new();
    story.list(&[Q1, Q2], &[]);
    assert_eq!(story.due(), [Q1, Q2]);
    story.reads(Q1, 5);
    story.reads(Q2, 7);
    let closed = story.close();
    assert_eq!((bytes(&closed), closed.whole), (12, true));
    assert_eq!(closed.as_of, Some(at(15)));
    assert_eq!(closed.coordinator, "10.0.0.9:8080");
    assert_eq!(state(&closed, 315), Coverage::Complete);
    assert_eq!(state(&closed, 316), Coverage::Unknown);
}

#[test]
fn an_empty_list_is_a_complete_cycle() {
    let mut story = Story::new();
    story.list(&[], &[]);
    let closed = story.close();
    assert_eq!(state(&closed, 15), Coverage::Complete);
    assert_eq!(closed.as_of, Some(at(15)));
    assert!(closed.held.is_empty());
}

#[test]
fn a_query_that_was_never_read_leaves_the_coordinator_unknown() {
    let mut story = Story::new();
    story.list(&[Q1, Q2], &[]);
    story.reads(Q1, 5);
    story.fails(Q2);
    let closed = story.close();
    assert_eq!(state(&closed, 15), Coverage::Unknown);
    assert_eq!(bytes(&closed), 5, "what is known is still shown");
}

#[test]
fn a_failed_read_keeps_the_last_facts_and_their_age() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.close();
    story.list(&[Q1], &[]);
    story.fails(Q1);
    let closed = story.close();
    assert_eq!(state(&closed, 30), Coverage::Partial);
    assert_eq!((bytes(&closed), closed.as_of), (5, Some(at(15))));
    story.list(&[Q1], &[]);
    let rested = story.close();
    assert!(!rested.whole, "resting does not heal a failed read");
}

#[test]
fn facts_that_can_not_be_renewed_expire() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.close();
    let mut closed = story.close();
    for _ in 0..21 {
        story.list(&[Q1], &[]);
        story.fails(Q1);
        closed = story.close();
    }
    assert!(!closed.known);
    assert_eq!(
        closed.completed,
        Some(at(315)),
        "the last cycle within 300 s"
    );
}

#[test]
fn facts_that_merely_rest_do_not_expire() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.now += 400;
    story.list(&[Q1], &[]);
    let closed = story.close();
    assert!(closed.whole);
    assert_eq!(closed.as_of, Some(at(15)), "its age tells");
}

#[test]
fn a_failed_list_shows_the_last_complete_values() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.close();
    story.ledger.open();
    let closed = story.ledger.close(at(30));
    assert_eq!((bytes(&closed), closed.known), (5, false));
    assert_eq!(state(&closed, 30), Coverage::Partial);
}

#[test]
fn idleness_is_not_concluded_from_a_cycle_with_a_gap() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.close();
    story.list(&[Q2], &[Q1]);
    story.fails(Q2);
    let closed = story.close();
    assert_eq!(
        bytes(&closed),
        5,
        "Q2 may hold as much: the last complete value stays"
    );
    story.list(&[Q2], &[Q1]);
    story.ledger.over(Q2);
    assert_eq!(bytes(&story.close()), 0);
}

#[test]
fn a_query_leaves_only_by_trinos_word() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.close();
    story.list(&[], &[]);
    assert_eq!(story.due(), [Q1], "absent is not ended: ask");
    let closed = story.close();
    assert_eq!(bytes(&closed), 5);
    story.list(&[], &[]);
    story.reads(Q1, 6);
    let closed = story.close();
    assert_eq!((bytes(&closed), closed.contradictions), (6, 1));
    story.list(&[], &[Q1]);
    assert_eq!(bytes(&story.close()), 0);
}

#[test]
fn a_denied_read_contradicts_the_list() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.ledger.failed(Q1, read(15), true);
    assert_eq!(story.close().contradictions, 1);
}

#[test]
fn another_suffix_is_another_start_and_drops_everything() {
    let mut story = Story::new();
    assert!(!story.list(&[Q1], &[]));
    story.reads(Q1, 5);
    story.close();
    let fresh = "20261122_000100_00000_bbbbb";
    assert!(story.list(&[fresh], &[]));
    story.fails(fresh);
    let closed = story.close();
    assert_eq!((bytes(&closed), state(&closed, 30)), (0, Coverage::Unknown));
}

#[test]
fn a_slow_query_rests_while_the_others_are_read() {
    let mut story = Story::new();
    story.list(&[Q1, Q2], &[]);
    let slow = LastRead {
        started: at(15),
        ended: at(19),
    };
    story.ledger.facts(Q1, slow, facts(1));
    story.reads(Q2, 1);
    story.close();
    story.list(&[Q1, Q2], &[]);
    story.now += 1;
    assert_eq!(story.due(), [Q2]);
    story.now = 59;
    assert_eq!(story.due(), [Q1, Q2]);
}

#[test]
fn queries_that_trino_repeats_stand_apart() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    let repeated = QueryFacts {
        retry: RetryPolicy::Query,
        ..facts(5)
    };
    story.ledger.facts(Q1, read(15), repeated);
    let closed = story.close();
    let held = closed.held.values().next().copied().unwrap_or_default();
    assert_eq!(
        (held.none.total(), held.query.holding, held.queries),
        (0, 1, 1)
    );
}

#[test]
fn a_gone_query_keeps_its_facts_until_the_next_list_agrees() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.close();
    story.list(&[Q1, Q2], &[]);
    for id in [Q1, Q2] {
        assert!(story.ledger.gone(id, read(story.now)), "normal at first");
    }
    let closed = story.close();
    assert_eq!(
        (bytes(&closed), closed.whole),
        (5, false),
        "Q2 is not known"
    );
    story.list(&[], &[]);
    assert!(story.due().is_empty());
    let closed = story.close();
    assert_eq!((bytes(&closed), closed.whole), (0, true));
}

#[test]
fn a_query_that_is_gone_and_listed_again_was_never_gone() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    story.reads(Q1, 5);
    story.close();
    for first in [true, false] {
        story.list(&[Q1, Q2], &[]);
        for id in [Q1, Q2] {
            assert_eq!(story.ledger.gone(id, read(story.now)), first);
        }
    }
    story.fails(Q1);
    story.fails(Q2);
    let closed = story.close();
    assert_eq!((bytes(&closed), closed.whole), (5, false));
    assert!(!closed.known, "Q2 may hold anything");
    story.list(&[Q1, Q2], &[]);
    story.reads(Q1, 6);
    story.reads(Q2, 1);
    let closed = story.close();
    assert_eq!((bytes(&closed), closed.whole), (7, true));
}

/// A proxy that answers 404 below `/v1/query`: the query was listed, never read, and no later list has dropped it.
#[test]
fn a_listed_query_that_was_never_read_is_not_idle_on_a_404_alone() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    assert!(story.ledger.gone(Q1, read(story.now)));
    let closed = story.close();
    assert!(!closed.known && !closed.whole);
}

#[test]
fn a_later_list_of_the_same_cycle_confirms_what_is_gone() {
    let mut story = Story::new();
    story.list(&[Q1], &[]);
    assert!(!story.ledger.has_gone());
    assert!(story.ledger.gone(Q1, read(story.now)));
    assert!(story.ledger.has_gone());
    let later = ListFold::new(at(story.now), story.ledger.tracked()).into_listing();
    story.ledger.confirm_gone(&later);
    let closed = story.close();
    assert!(closed.known && closed.whole);
}
