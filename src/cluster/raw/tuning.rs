//! What a workload's annotations choose. A value that can't be read is as good as absent, and whoever wrote it is told.

use std::time::Duration;

use crate::api::keys;
use crate::core::guard::facts::workload::Tuning;
use crate::core::guard::notes::Override;

use super::Meta;

/// An annotation that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Complaint {
    /// Its key.
    pub key: &'static str,
    /// Its value, as it stands.
    pub value: String,
    /// What would be allowed.
    pub allowed: &'static str,
}

/// Reads the annotations of a workload, and what is wrong with them.
#[must_use]
pub fn tuning(meta: &Meta) -> (Tuning, Vec<Complaint>) {
    let mut reader = Reader {
        meta,
        complaints: Vec::new(),
    };
    let tuning = Tuning {
        max_block: reader.span(keys::MAX_BLOCK),
        unknown_max: reader.span(keys::UNKNOWN_MAX),
        min_active: reader.read(keys::MIN_ACTIVE, "a whole number such as 2", |text| {
            text.parse().ok()
        }),
        shutdown_grace: reader.span(keys::SHUTDOWN_GRACE),
        suspending: reader.flag(keys::SUSPENDING),
        break_glass: meta.annotation(keys::OVERRIDE).map(Override::read),
    };
    (tuning, reader.complaints)
}

/// Reads a duration as Go writes it: `45m`, `90s`, `1h30m`, `500ms`. `None` for anything else, for zero, and for what
/// is longer than anybody means.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u32 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, length) = unit(rest)?;
        total = total.checked_add(unit.checked_mul(amount)?)?;
        rest = &rest[length..];
    }
    (total > Duration::ZERO).then_some(total)
}

fn unit(text: &str) -> Option<(Duration, usize)> {
    let end = text
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(text.len());
    let unit = match &text[..end] {
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        _ => return None,
    };
    Some((unit, end))
}

struct Reader<'a> {
    meta: &'a Meta,
    complaints: Vec<Complaint>,
}

impl Reader<'_> {
    fn span(&mut self, key: &'static str) -> Option<Duration> {
        self.read(
            key,
            "a duration longer than zero such as 90s, 45m or 1h30m",
            duration,
        )
    }

    fn flag(&mut self, key: &'static str) -> bool {
        let found = self.read(key, "true or false", |text| text.parse().ok());
        found.unwrap_or(false)
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        allowed: &'static str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.meta.annotation(key)?;
        let parsed = parse(value.trim());
        if parsed.is_none() {
            let value = value.to_owned();
            self.complaints.push(Complaint {
                key,
                value,
                allowed,
            });
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(pairs: &[(&str, &str)]) -> Meta {
        let pairs = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Meta {
            annotations: Some(pairs.collect()),
            ..Meta::default()
        }
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let millis = |text| duration(text).map(|span| span.as_millis());
        assert_eq!(millis("45m"), Some(2_700_000));
        assert_eq!(millis("90s"), Some(90_000));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("1m500ms"), Some(60_500));
        for wrong in [
            "",
            "0s",
            "-5m",
            "5",
            "m",
            "5 m",
            "5d",
            "1h-3m",
            "99999999999h",
            "5m!",
            "１m",
            "5µs",
        ] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_can_be_read_is_taken() {
        let (tuning, complaints) = tuning(&meta(&[
            (keys::MAX_BLOCK, "45m"),
            (keys::UNKNOWN_MAX, "90s"),
            (keys::MIN_ACTIVE, "3"),
            (keys::SHUTDOWN_GRACE, "15s"),
            (keys::SUSPENDING, "true"),
            (keys::OVERRIDE, "no"),
        ]));
        assert!(complaints.is_empty());
        assert_eq!(tuning.max_block, Some(Duration::from_secs(2700)));
        assert_eq!(tuning.unknown_max, Some(Duration::from_secs(90)));
        assert_eq!((tuning.min_active, tuning.suspending), (Some(3), true));
        assert_eq!(tuning.shutdown_grace, Some(Duration::from_secs(15)));
        assert!(matches!(tuning.break_glass, Some(Override::Malformed(_))));
    }

    #[test]
    fn what_can_not_be_read_is_absent_and_told() {
        let (read, complaints) = tuning(&meta(&[
            (keys::MAX_BLOCK, "soon"),
            (keys::MIN_ACTIVE, "-1"),
            (keys::SUSPENDING, "yes"),
        ]));
        assert_eq!(read, Tuning::default());
        let keys: Vec<_> = complaints.iter().map(|complaint| complaint.key).collect();
        assert_eq!(keys, [keys::MAX_BLOCK, keys::MIN_ACTIVE, keys::SUSPENDING]);
        assert_eq!(complaints[0].value, "soon");
    }
}
