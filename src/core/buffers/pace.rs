//! How often one query may be read: rendering a large QueryInfo costs the coordinator, so the more a read cost,
//! the longer it rests.

use std::time::Duration;

use crate::core::moment::Moment;

/// A read of duration d is followed by a rest of at least this many times d, so that reading one query takes
/// at most a tenth of the time.
const REST_FACTOR: u32 = 10;

/// No rest is longer than this, however slow the read: facts must not grow older without bound.
pub const LONGEST_REST: Duration = Duration::from_secs(300);

/// When a query's last read started and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRead {
    /// When the request was sent.
    pub started: Moment,
    /// When its last byte came, or when it failed.
    pub ended: Moment,
}

impl LastRead {
    /// The earliest moment of the next read. `interval` is the poll interval, or less where somebody waits.
    #[must_use]
    pub fn next(&self, interval: Duration) -> Moment {
        let took = self.ended.since(self.started);
        let rest = interval.max(took.saturating_mul(REST_FACTOR));
        self.ended + rest.min(LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(15);

    fn rest_after(took_ms: u64, interval: Duration) -> Duration {
        let started = Moment::new(Duration::from_secs(100));
        let ended = started + Duration::from_millis(took_ms);
        LastRead { started, ended }.next(interval).since(ended)
    }

    #[test]
    fn a_cheap_read_rests_for_the_interval() {
        assert_eq!(rest_after(20, INTERVAL), INTERVAL);
        assert_eq!(rest_after(1500, INTERVAL), INTERVAL);
    }

    #[test]
    fn a_dear_read_rests_ten_times_as_long_as_it_took() {
        assert_eq!(rest_after(4000, INTERVAL), Duration::from_secs(40));
    }

    #[test]
    fn no_rest_is_longer_than_five_minutes() {
        assert_eq!(rest_after(60_000, INTERVAL), LONGEST_REST);
        assert_eq!(rest_after(1, Duration::from_secs(3600)), LONGEST_REST);
    }

    #[test]
    fn haste_shortens_the_interval_but_not_the_rest() {
        assert_eq!(rest_after(4000, Duration::ZERO), Duration::from_secs(40));
        assert_eq!(rest_after(20, Duration::ZERO), Duration::from_millis(200));
    }
}
