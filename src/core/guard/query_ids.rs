//! Whether the times in a coordinator's query ids can be compared with ours: only where its clock was seen to agree, by a
//! query that came between two lists of ours. Measures; reads nothing.

use std::time::Duration;

use super::mutant::{self, Mutant};
use super::time::Time;

/// Two lists further apart than this do not tell when a query came.
const NEAR: Duration = Duration::from_secs(15);

/// A list takes up to 10 s; a clock that is further off than this does not agree.
const AGREES: Duration = Duration::from_secs(30);

/// A query counts as made after a moment only where its id says so by this: what [`NEAR`] and [`AGREES`] leave open, and more.
const CLEARLY: Duration = Duration::from_secs(60);

/// What the query ids of one coordinator tell of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryIds {
    listed: Option<Time>,
    newest: Option<Time>,
    agrees: bool,
}

impl QueryIds {
    /// Takes in the time in the newest id of a list that was asked for at `at`.
    pub fn list(&mut self, at: Time, newest: Option<Time>) {
        if newest < self.newest {
            // Another coordinator, of which nothing is known.
            self.agrees = false;
        } else if newest > self.newest {
            let came = newest.zip(self.listed);
            self.agrees = came.is_some_and(|(newest, before)| {
                let near = at.since(before) <= NEAR;
                near && newest + AGREES >= before && newest <= at + AGREES
            });
        }
        (self.listed, self.newest) = (Some(at), newest);
    }

    /// Whether a query was certainly made after a moment, by the time in its id.
    #[must_use]
    pub fn is_after(&self, named: Option<Time>, moment: Time) -> bool {
        let agrees = self.agrees || mutant::is(Mutant::TrustQueryIds);
        agrees && named.is_some_and(|named| named > moment + CLEARLY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn heard(lists: &[(u64, Option<u64>)]) -> QueryIds {
        let mut ids = QueryIds::default();
        for (asked, newest) in lists {
            ids.list(at(*asked), newest.map(at));
        }
        ids
    }

    const LATE: u64 = 10_200;

    fn tells(lists: &[(u64, Option<u64>)]) -> bool {
        heard(lists).is_after(Some(at(LATE)), at(LATE - 61))
    }

    #[test]
    fn a_clock_agrees_when_a_query_that_just_came_says_so() {
        assert!(tells(&[(10_000, Some(9_000)), (10_004, Some(10_002))]));
        assert!(!tells(&[]), "nothing is known");
        assert!(!tells(&[(10_000, Some(9_990))]), "who knows when it came");
        assert!(!tells(&[(10_000, Some(9_000)), (10_004, Some(9_000))]));
        assert!(
            !tells(&[(10_000, Some(9_000)), (10_060, Some(10_002))]),
            "far apart"
        );
    }

    #[test]
    fn a_clock_that_is_off_does_not_agree() {
        assert!(!tells(&[(10_000, Some(9_000)), (10_004, Some(13_602))]));
        assert!(!tells(&[(10_000, Some(6_000)), (10_004, Some(6_402))]));
        let corrected = [
            (10_000, Some(9_000)),
            (10_004, Some(10_002)),
            (10_008, Some(13_606)),
        ];
        assert!(!tells(&corrected), "it jumped");
    }

    #[test]
    fn nothing_is_known_of_the_next_coordinator() {
        let before = [(10_000, Some(9_000)), (10_004, Some(10_002))];
        assert!(!tells(&[before[0], before[1], (10_006, None)]));
        assert!(!tells(&[before[0], before[1], (10_006, Some(5_000))]));
    }

    #[test]
    fn an_id_says_clearly_that_it_came_later() {
        let ids = heard(&[(10_000, Some(9_000)), (10_004, Some(10_002))]);
        assert!(!ids.is_after(Some(at(LATE)), at(LATE - 60)));
        assert!(!ids.is_after(None, at(0)), "an id without a date");
    }
}
