//! A point on a monotonic clock, as plain data: whoever owns a clock passes it in.
//! Wall-clock jumps can't reach a decision that only knows moments.

use std::ops::Add;
use std::time::Duration;

/// Time since an arbitrary start that all moments of one process share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The moment `since_start` after the shared start.
    #[must_use]
    pub const fn new(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How long before `self` the `earlier` moment was; zero when it was not before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_moment_is_zero_ago() {
        let early = Moment::new(Duration::from_secs(3));
        let late = early + Duration::from_secs(4);
        assert_eq!(late.since(early), Duration::from_secs(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn adding_never_overflows() {
        let end = Moment::new(Duration::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
    }
}
