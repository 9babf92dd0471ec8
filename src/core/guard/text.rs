//! Numbers for people: bytes, spans, counts. Nothing parses these.

use std::time::Duration;

/// Bytes with a binary unit: `0 B`, `1.2 GiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths in whole numbers, so that no float can surprise.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A span to the second: `40s`, `29m20s`, `2h5m`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h{m}m"),
    }
}

/// A number with its noun.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_decimal() {
        let shown = [0, 1023, 1024, 1536, 35_651_584, u64::MAX].map(bytes);
        let wanted = [
            "0 B",
            "1023 B",
            "1.0 KiB",
            "1.5 KiB",
            "34.0 MiB",
            "16777215.9 TiB",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn spans_have_two_units() {
        let of = |seconds| span(Duration::from_secs(seconds));
        let shown = [0, 40, 60, 1760, 3600, 7500].map(of);
        assert_eq!(shown, ["0s", "40s", "1m", "29m20s", "1h", "2h5m"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "query", "queries"), "1 query");
        assert_eq!(count(0, "query", "queries"), "0 queries");
    }
}
