//! Trino's spellings of time and size: instants, durations, data sizes, the date in a query id.
//! Pure formatting.

use std::time::Duration;

/// `2026-11-22T02:28:41.461Z` for an offset from the epoch.
#[must_use]
pub fn instant(epoch_millis: i64, at: Duration) -> String {
    format(epoch_millis, at, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// `20261122_022841`, the first two fields of a query id.
#[must_use]
pub fn query_id_date(epoch_millis: i64, at: Duration) -> String {
    format(epoch_millis, at, "%Y%m%d_%H%M%S")
}

/// A duration with two decimals in the largest fitting unit: `52.13ms`, `15.31s`, `1.28m`.
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        s if s < 1.0 => format!("{:.2}ms", s * 1e3),
        s if s < 60.0 => format!("{s:.2}s"),
        s if s < 3600.0 => format!("{:.2}m", s / 60.0),
        s if s < 86_400.0 => format!("{:.2}h", s / 3600.0),
        s => format!("{:.2}d", s / 86_400.0),
    }
}

/// A data size in bytes: `35241240B`.
#[must_use]
pub fn size(bytes: u64) -> String {
    format!("{bytes}B")
}

fn format(epoch_millis: i64, at: Duration, pattern: &str) -> String {
    let offset = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let millis = epoch_millis.saturating_add(offset);
    let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_spelled_as_in_the_captures() {
        let epoch = 1_795_314_521_000;
        assert_eq!(
            instant(epoch, Duration::from_millis(461)),
            "2026-11-22T02:28:41.461Z"
        );
        assert_eq!(query_id_date(epoch, Duration::ZERO), "20261122_022841");
        assert_eq!(duration(Duration::from_micros(52_130)), "52.13ms");
        assert_eq!(duration(Duration::from_millis(15_310)), "15.31s");
        assert_eq!(duration(Duration::from_millis(76_800)), "1.28m");
        assert_eq!(size(35_241_240), "35241240B");
    }
}
