//! Unbroken runs of looks that found nothing: complete cycles without a task at risk, query lists without an unfinished
//! query. Keeps the few times that decisions need; judges nothing.

use super::bounds::TWICE;
use super::time::Time;

/// An unbroken run of looks that found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clear {
    /// When the first of them began.
    pub from: Time,
    /// When the last but one began; `None` while there is only one.
    pub before: Option<Time>,
    /// When the last began.
    pub last: Time,
    /// One of them, at least [`TWICE`] before the last and not much more.
    apart: Option<Time>,
    /// The next to become that.
    mark: Time,
}

impl Clear {
    /// A run of one look.
    #[must_use]
    pub const fn begin(at: Time) -> Self {
        Self {
            from: at,
            before: None,
            last: at,
            apart: None,
            mark: at,
        }
    }

    /// The same run with one look more, or a new one.
    #[must_use]
    pub fn extend(run: Option<Self>, at: Time) -> Self {
        let Some(run) = run else {
            return Self::begin(at);
        };
        let due = at.since(run.mark) >= TWICE;
        Self {
            before: Some(run.last),
            last: at,
            apart: if due { Some(run.mark) } else { run.apart },
            mark: if due { at } else { run.mark },
            ..run
        }
    }

    /// Whether two of the looks, both after a time (if there is one), lie [`TWICE`] apart, the last of the run being one.
    #[must_use]
    pub fn is_twice_after(&self, after: Option<Time>) -> bool {
        let counts = |first: Time| {
            after.is_none_or(|after| first > after) && self.last.since(first) >= TWICE
        };
        counts(self.from) || self.apart.is_some_and(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seconds: impl IntoIterator<Item = u64>) -> Clear {
        let run = seconds.into_iter().fold(None, |run, second| {
            Some(Clear::extend(run, Time::from_millis(second * 1000)))
        });
        run.expect("a look")
    }

    /// A run that began long before still offers two looks after any later time, whatever the pause between looks.
    #[test]
    fn two_looks_after_a_time_are_found_in_a_run_that_began_before_it() {
        for pause in [1, 2, 4, 5, 7, 30] {
            let refused = Some(Time::from_millis(100_500));
            let looks = |end: u64| run((0..=end).step_by(usize::try_from(pause).expect("small")));
            assert!(!looks(100 + pause).is_twice_after(refused), "{pause}: once");
            let enough = 100 + 10 + 3 * pause;
            assert!(looks(enough).is_twice_after(refused), "{pause}: twice");
        }
    }

    #[test]
    fn one_look_is_never_two() {
        assert!(!run([100]).is_twice_after(None));
        assert!(!run([100, 104]).is_twice_after(None), "4 s apart");
        assert!(run([100, 105]).is_twice_after(None));
    }
}
