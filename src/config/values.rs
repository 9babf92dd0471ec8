//! Single values: text to a duration, a size, a URL and so on. Each error says what is
//! allowed, to stand after "is not allowed;". Pure.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::api::dns;

/// What is allowed instead.
pub(crate) type Allowed = String;

/// Longer texts are a mistake, and would make messages unreadable.
const MAX_LABEL_CHARS: usize = 253;

/// `true` or `false`, as YAML 1.2 writes them.
pub(crate) fn boolean(text: &str) -> Result<bool, Allowed> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err("give true or false".to_owned()),
    }
}

/// Seconds between two bounds, both included; fractions count.
pub(crate) fn seconds(least: f64, most: f64) -> impl FnOnce(&str) -> Result<Duration, Allowed> {
    move |text| {
        let seconds = text
            .parse::<f64>()
            .ok()
            .filter(|s| (least..=most).contains(s));
        let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
        // Where half a second would be wrong the example would mislead.
        let example = if least <= 0.5 {
            ", for example 15 or 0.5"
        } else {
            ""
        };
        duration.ok_or_else(|| format!("give a number of seconds from {least} to {most}{example}"))
    }
}

/// Whole seconds between two bounds, both included: what Kubernetes stores as a number.
pub(crate) fn whole_seconds(
    least: u64,
    most: u64,
) -> impl FnOnce(&str) -> Result<Duration, Allowed> {
    move |text| {
        let seconds = whole(text, least, most).map(Duration::from_secs);
        seconds.ok_or_else(|| format!("give a whole number of seconds from {least} to {most}"))
    }
}

/// A count between two bounds, both included.
pub(crate) fn count(least: u32, most: u32) -> impl FnOnce(&str) -> Result<u32, Allowed> {
    move |text| {
        let number = whole(text, u64::from(least), u64::from(most));
        let count = number.and_then(|number| u32::try_from(number).ok());
        count.ok_or_else(|| format!("give a whole number from {least} to {most}"))
    }
}

/// A whole number between two bounds, both included. `8e3` counts: Helm writes large
/// numbers so.
fn whole(text: &str, least: u64, most: u64) -> Option<u64> {
    let number = text.parse().ok().or_else(|| whole_float(text))?;
    (least..=most).contains(&number).then_some(number)
}

/// Up to 2^53 every whole float is exactly the number that was written.
fn whole_float(text: &str) -> Option<u64> {
    let float: f64 = text.parse().ok()?;
    let exact = float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float);
    // In range and whole, so the conversion loses nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    exact.then_some(float as u64)
}

/// A TCP port; `least` is 1, or 0 where that means "any free one".
pub(crate) fn port(least: u16) -> impl FnOnce(&str) -> Result<u16, Allowed> {
    move |text| {
        let number = whole(text, u64::from(least), u64::from(u16::MAX));
        let port = number.and_then(|number| u16::try_from(number).ok());
        port.ok_or_else(|| format!("give a port from {least} to 65535"))
    }
}

/// A number of bytes, bare or with a unit.
pub(crate) fn bytes(least: u64, most: u64) -> impl FnOnce(&str) -> Result<u64, Allowed> {
    move |text| {
        size(text)
            .filter(|size| (least..=most).contains(size))
            .ok_or_else(|| {
                format!("give a size from {least} to {most} bytes, for example 4294967296 or 4GiB")
            })
    }
}

fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let unit = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1));
    whole(number.trim_end(), 0, u64::MAX)?.checked_mul(factor)
}

/// An address to listen on. Names are refused: which address they mean can change.
pub(crate) fn address(text: &str) -> Result<IpAddr, Allowed> {
    let allowed = "give an IP address, for example 127.0.0.1, 0.0.0.0 or ::";
    text.parse().map_err(|_| allowed.to_owned())
}

/// A non-empty path.
pub(crate) fn path(text: &str) -> Result<PathBuf, Allowed> {
    if text.trim().is_empty() {
        return Err("give the path of a file, or leave the key out".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// The base address of an HTTP server. Credentials have keys of their own, and a query
/// or fragment would be cut off by the paths we add.
pub(crate) fn server_url(text: &str) -> Result<Url, Allowed> {
    let allowed = |wrong: &str| format!("{wrong}; give http://HOST:PORT or https://HOST:PORT");
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(allowed("the scheme must be http or https"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(allowed("a URL has no spaces"));
    }
    let url = Url::parse(text).map_err(|error| allowed(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(allowed(
            "a user name or password does not belong in the URL",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(allowed("a query or fragment does not belong here"));
    }
    if url.port() == Some(0) {
        return Err(allowed("nothing listens on port 0"));
    }
    Ok(url)
}

/// Text that becomes a metric label: what Prometheus stores, without what a person
/// can't see.
pub(crate) fn label(text: &str) -> Result<String, Allowed> {
    let fits = (1..=MAX_LABEL_CHARS).contains(&text.chars().count());
    let visible = !text.chars().any(char::is_control) && text.trim() == text;
    if fits && visible {
        return Ok(text.to_owned());
    }
    Err(format!(
        "give 1 to {MAX_LABEL_CHARS} characters without control characters or outer spaces"
    ))
}

/// A Kubernetes namespace: an RFC 1123 label.
pub(crate) fn namespace(text: &str) -> Result<String, Allowed> {
    if dns::is_label(text) {
        return Ok(text.to_owned());
    }
    Err("give a Kubernetes namespace: 1 to 63 of a-z, 0-9 and -, not at the ends".to_owned())
}

/// A Prometheus metric name.
pub(crate) fn metric_name(text: &str) -> Result<String, Allowed> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if text.starts_with(|c: char| inner(c) && !c.is_ascii_digit()) && text.chars().all(inner) {
        return Ok(text.to_owned());
    }
    Err("give a metric name: letters, digits, _ and :, not beginning with a digit".to_owned())
}

/// One of some words, by the table that names them.
pub(crate) fn word<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl FnOnce(&str) -> Result<T, Allowed> {
    move |text| {
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let all: Vec<_> = words
                .iter()
                .map(|(word, _)| if word.is_empty() { "\"\"" } else { word })
                .collect();
            format!("give one of {}", all.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_take_fractions_within_bounds() {
        assert_eq!(seconds(0.1, 3600.0)("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds(0.1, 3600.0)("3600"), Ok(Duration::from_secs(3600)));
        for wrong in ["-1", "0", "3600.1", "15s", "", "nan", "inf"] {
            let allowed = seconds(0.1, 3600.0)(wrong).unwrap_err();
            assert!(allowed.contains("from 0.1 to 3600"), "{wrong}: {allowed}");
        }
    }

    #[test]
    fn sizes_take_units_and_helm_floats() {
        let read = |text| bytes(1024, 1 << 40)(text);
        for four in ["4294967296", "4GiB", "4 GiB", "4.294967296e+09", "4096MiB"] {
            assert_eq!(read(four), Ok(1 << 32), "{four}");
        }
        assert_eq!(read("5MB"), Ok(5_000_000));
        for wrong in ["4gib", "1.5GiB", "-1", "0", "GiB", "99999999TiB", "1e400"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ports_stay_in_range() {
        assert_eq!(port(0)("0"), Ok(0));
        assert_eq!(port(1)("8e3"), Ok(8000));
        for wrong in ["0", "65536", "80.5", "http", "-1"] {
            assert!(port(1)(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn urls_are_servers_and_nothing_else() {
        for fine in [
            "http://trino:8080",
            "https://a.b/prefix",
            "http://[::1]:80/",
        ] {
            assert!(server_url(fine).is_ok(), "{fine}");
        }
        let wrong = [
            "trino:8080",
            "ftp://a",
            "http:trino",
            "http://",
            "http://a:99999",
            "http://u:p@a",
            "http://a?b",
            "http://a#b",
            "http://a b",
            "http://a:0",
            "HTTP//a",
            "http://u@a",
        ];
        for text in wrong {
            assert!(server_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_follow_their_grammars() {
        assert!(label("blue/grün").is_ok() && namespace("trino-1").is_ok());
        for wrong in ["", " a", "a\n", &"x".repeat(254)] {
            assert!(label(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "Trino", "-a", "a-", "a.b", &"x".repeat(64)] {
            assert!(namespace(wrong).is_err(), "{wrong:?}");
        }
        assert!(metric_name("jvm:a_1").is_ok());
        for wrong in ["", "1a", "a-b", "a{}"] {
            assert!(metric_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
