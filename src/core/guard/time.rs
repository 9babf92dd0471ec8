//! A point in time that survives a restart and means the same to every replica: what annotations carry. Whoever owns a
//! clock passes it in, and must not let it jump while the process lives.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The time `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long before `self` the `earlier` time was; zero when it was not before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// `span` earlier; the epoch where that would be before it.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// As far from `to` as it is from `from`.
    #[must_use]
    pub fn moved(self, from: Self, to: Self) -> Self {
        (self + to.since(from)).before(from.since(to))
    }

    /// Reads RFC 3339, as annotations and Kubernetes write it. `None` for anything else, or before the epoch.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text.parse().ok()?)
    }

    /// The same moment as the calendar has it. `None` before the epoch.
    #[must_use]
    pub fn of(stamp: Timestamp) -> Option<Self> {
        u64::try_from(stamp.as_millisecond()).ok().map(Self)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

/// RFC 3339 with milliseconds, UTC.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = i64::try_from(self.0).ok();
        let stamp = stamp.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        write!(f, "{:.3}", stamp.unwrap_or(Timestamp::MAX))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        let time = Time::parse("2026-11-22T02:47:05Z").expect("a time");
        assert_eq!(time.to_string(), "2026-11-22T02:47:05.000Z");
        assert_eq!(Time::parse(&time.to_string()), Some(time));
        assert_eq!(Time::parse("2026-11-22T03:47:05+01:00"), Some(time));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "2026-11-22", "1969-12-31T23:59:59Z"] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let time = Time::from_millis(5_000);
        assert_eq!(time.since(time + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(time.before(Duration::from_secs(9)), Time::default());
        let end = time + Duration::MAX;
        assert_eq!(end.as_millis(), u64::MAX);
        assert!(!end.to_string().is_empty());
    }
}
