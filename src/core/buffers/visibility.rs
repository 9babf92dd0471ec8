//! Whether the query list can be trusted: a user who may not see other users' queries gets an empty list with
//! status 200. Visibility is proven against a second source or it is not assumed. Asks nothing itself.

use std::time::Duration;

use crate::core::moment::Moment;

/// A comparison costs the coordinator a rendering of its metrics, so one a minute at most while the last proof stands.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// Without a proof nothing can be told of idle workers, so it is looked for sooner. Not where two comparisons said that
/// queries are hidden: that takes somebody who grants a permission.
const SOON: Duration = Duration::from_secs(10);

/// A proof that could not be renewed for three checks proves nothing any more.
const PROOF_LASTS: Duration = Duration::from_secs(180);

/// Whether we see what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// The last comparison agreed.
    Visible,
    /// Two comparisons running found queries that the list does not show.
    Hidden,
    /// No proof either way.
    #[default]
    Unknown,
}

impl Visibility {
    /// Every value, in metric order.
    pub const ALL: [Self; 3] = [Self::Visible, Self::Hidden, Self::Unknown];

    /// The metric label and JSON value.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Hidden => "hidden",
            Self::Unknown => "unknown",
        }
    }
}

/// What one comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The list shows every query that the second source knows of, and it knows of some.
    Agrees,
    /// The second source knows of no query, or may not be asked. Says nothing about permission, so that another
    /// source has to confirm it.
    Idle,
    /// The second source knows of queries that the list does not show.
    Missing,
    /// No source answered.
    None,
}

/// Collects evidence about one coordinator.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    visibility: Visibility,
    misses: u32,
    idle: bool,
    checked: Option<Moment>,
    proven: Option<Moment>,
}

impl Judge {
    /// Whether a comparison is due.
    #[must_use]
    pub fn due(&self, now: Moment) -> bool {
        let pause = match self.visibility(now) {
            Visibility::Unknown => SOON,
            Visibility::Visible | Visibility::Hidden => CHECK_INTERVAL,
        };
        self.checked
            .is_none_or(|checked| now.since(checked) >= pause)
    }

    /// Whether the last evidence was only that nothing ran, or none at all: then workers, which cost next to nothing to
    /// ask, are asked in each cycle.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.idle
    }

    /// Takes the result of a comparison that is due once a minute.
    pub fn compared(&mut self, evidence: Evidence, now: Moment) {
        self.checked = Some(now);
        self.observe(evidence, now);
    }

    /// Takes evidence of any kind.
    pub fn observe(&mut self, evidence: Evidence, now: Moment) {
        match evidence {
            Evidence::Agrees => {
                self.misses = 0;
                self.prove(false, now);
            }
            Evidence::Idle if self.misses == 0 => self.prove(true, now),
            Evidence::Missing => self.miss(),
            Evidence::None if self.idle => self.proven = None,
            // That nothing runs takes nothing back from what was missing before, and one silence is not the end of a
            // proof: workers are asked in the next cycle.
            Evidence::Idle | Evidence::None => self.idle = true,
        }
    }

    const fn prove(&mut self, idle: bool, now: Moment) {
        self.idle = idle;
        self.proven = Some(now);
        self.visibility = Visibility::Visible;
    }

    /// A query that the list does not show turned out to live: worth as much as a failed comparison.
    pub const fn contradicted(&mut self) {
        self.miss();
    }

    const fn miss(&mut self) {
        self.misses = self.misses.saturating_add(1);
        self.idle = false;
        self.proven = None;
        self.visibility = if self.misses >= 2 {
            Visibility::Hidden
        } else {
            Visibility::Unknown
        };
    }

    /// Forgets everything: another start of the coordinator may have other rules.
    pub fn restarted(&mut self) {
        *self = Self::default();
    }

    /// The verdict at `now`.
    #[must_use]
    pub fn visibility(&self, now: Moment) -> Visibility {
        let lapsed = self
            .proven
            .is_none_or(|proven| now.since(proven) > PROOF_LASTS);
        if self.visibility == Visibility::Visible && lapsed {
            return Visibility::Unknown;
        }
        self.visibility
    }
}

/// Compares the coordinator's own count of running queries with the lists read before and after it:
/// a query that started or ended in between is in one of them.
#[must_use]
pub fn compare_counts(own: u64, listed_before: u64, listed_after: u64) -> Evidence {
    if own == 0 {
        Evidence::Idle
    } else if own <= listed_before.max(listed_after) {
        Evidence::Agrees
    } else {
        Evidence::Missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    #[test]
    fn nothing_is_assumed() {
        let judge = Judge::default();
        assert_eq!(judge.visibility(at(0)), Visibility::Unknown);
        assert!(judge.due(at(0)));
    }

    #[test]
    fn one_agreement_proves_it_for_three_minutes() {
        let mut judge = Judge::default();
        judge.compared(Evidence::Agrees, at(10));
        assert_eq!(judge.visibility(at(190)), Visibility::Visible);
        assert_eq!(judge.visibility(at(191)), Visibility::Unknown);
        assert!(!judge.due(at(69)));
        assert!(judge.due(at(70)));
    }

    #[test]
    fn a_silent_source_neither_proves_nor_disproves() {
        let mut judge = Judge::default();
        judge.observe(Evidence::Agrees, at(0));
        judge.observe(Evidence::None, at(60));
        assert_eq!(judge.visibility(at(120)), Visibility::Visible);
        judge.observe(Evidence::None, at(200));
        assert_eq!(judge.visibility(at(200)), Visibility::Unknown);
    }

    #[test]
    fn one_mismatch_ends_the_proof_and_two_are_hidden() {
        let mut judge = Judge::default();
        judge.observe(Evidence::Agrees, at(0));
        judge.observe(Evidence::Missing, at(60));
        assert_eq!(judge.visibility(at(60)), Visibility::Unknown);
        judge.observe(Evidence::Missing, at(120));
        assert_eq!(judge.visibility(at(120)), Visibility::Hidden);
        judge.observe(Evidence::None, at(180));
        assert_eq!(judge.visibility(at(180)), Visibility::Hidden);
        judge.observe(Evidence::Agrees, at(240));
        assert_eq!(judge.visibility(at(240)), Visibility::Visible);
    }

    #[test]
    fn an_idle_cluster_is_visible_only_as_long_as_somebody_confirms_it() {
        let mut judge = Judge::default();
        judge.compared(Evidence::Idle, at(0));
        assert_eq!(judge.visibility(at(1)), Visibility::Visible);
        assert!(judge.is_idle());
        judge.observe(Evidence::None, at(15));
        assert_eq!(judge.visibility(at(15)), Visibility::Unknown);
        judge.observe(Evidence::Idle, at(30));
        assert_eq!(judge.visibility(at(30)), Visibility::Visible);
        assert!(!judge.due(at(59)), "asking workers is not the comparison");
        judge.observe(Evidence::Missing, at(45));
        judge.compared(Evidence::Missing, at(60));
        assert_eq!(judge.visibility(at(60)), Visibility::Hidden);
    }

    #[test]
    fn a_lost_proof_is_looked_for_sooner_a_refused_one_once_a_minute() {
        let mut judge = Judge::default();
        judge.compared(Evidence::Agrees, at(0));
        judge.compared(Evidence::Missing, at(60));
        assert!(!judge.due(at(69)));
        assert!(judge.due(at(70)), "one mismatch may be a race");
        judge.compared(Evidence::Missing, at(70));
        assert!(!judge.due(at(129)), "two are somebody's decision");
        assert!(judge.due(at(130)));
        judge.compared(Evidence::Agrees, at(130));
        assert!(!judge.due(at(189)));
        let mut lapsed = judge.clone();
        lapsed.compared(Evidence::None, at(309));
        assert!(!lapsed.due(at(310)));
        assert!(lapsed.due(at(319)), "the proof has lapsed since");
        judge.compared(Evidence::Idle, at(190));
        assert!(!judge.due(at(249)), "workers confirm it");
        judge.observe(Evidence::None, at(195));
        assert!(judge.due(at(200)), "one of them is silent");
    }

    #[test]
    fn a_contradiction_counts_as_a_mismatch() {
        let mut judge = Judge::default();
        judge.observe(Evidence::Agrees, at(0));
        judge.contradicted();
        assert_eq!(judge.visibility(at(1)), Visibility::Unknown);
        judge.restarted();
        assert!(judge.due(at(2)));
    }

    #[test]
    fn counts_agree_when_the_list_shows_at_least_as_many() {
        assert_eq!(compare_counts(3, 3, 3), Evidence::Agrees);
        assert_eq!(compare_counts(3, 2, 3), Evidence::Agrees);
        assert_eq!(compare_counts(0, 0, 0), Evidence::Idle);
        assert_eq!(compare_counts(1, 0, 0), Evidence::Missing);
    }

    /// What the poller tells where the count is forbidden: "nothing known" at each check, then what workers say.
    #[test]
    fn two_checks_that_only_workers_contradict_are_hidden() {
        let mut judge = Judge::default();
        for minute in 0..3 {
            judge.compared(Evidence::Idle, at(60 * minute));
            judge.observe(Evidence::Missing, at(60 * minute));
        }
        assert_eq!(judge.visibility(at(120)), Visibility::Hidden);
    }
}
