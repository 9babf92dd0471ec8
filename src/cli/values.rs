//! Values on the command line that need more than a type: addresses, times, reasons. Says what is allowed.

use std::time::Duration;

use url::Url;

use crate::core::guard::notes::Override;
use crate::core::guard::time::Time;

/// The longest that the default policy lets a break-glass last.
const LONGEST_OVERRIDE: Duration = Duration::from_secs(24 * 3600);

/// An http or https URL.
pub(super) fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err("give a URL that begins with http:// or https://".to_owned())
    }
}

/// An https URL: the API server calls nothing else.
pub(super) fn https_url(text: &str) -> Result<Url, String> {
    let url = web_url(text)?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if url.scheme() == "https" && plain {
        Ok(url)
    } else {
        Err("give a URL that begins with https://, without user, query and fragment".to_owned())
    }
}

/// `90`, `30s`, `5m` or `1h`, above zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let allowed = || "give a time above zero, for example 30s, 5m or 1h".to_owned();
    let units = [("s", 1_u64), ("m", 60), ("h", 3600)];
    let unit = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1));
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    let seconds = seconds.filter(|seconds| *seconds > 0).ok_or_else(allowed)?;
    Ok(Duration::from_secs(seconds))
}

/// How long a break-glass lasts.
pub(super) fn override_span(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    if span > LONGEST_OVERRIDE {
        return Err("give at most 24h".to_owned());
    }
    Ok(span)
}

/// Why the glass is broken, in one line. The guard's own reader judges it, so that what is written counts.
pub(super) fn override_reason(text: &str) -> Result<String, String> {
    let text = text.replace(['\n', '\r'], " ");
    match Override::read(&format!("{};{text}", Time::default())) {
        Override::Until { reason, .. } => Ok(reason),
        Override::Malformed(what) => Err(format!("the guard would not take it: {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let seconds = ["90", "30s", "5m", "1h"].map(|text| duration(text).unwrap().as_secs());
        assert_eq!(seconds, [90, 30, 300, 3600]);
        for wrong in ["", "s", "-1s", "0", "1d", "99999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_break_glass_lasts_a_day_at_most_and_has_a_reason() {
        assert_eq!(override_span("24h"), duration("24h"));
        assert!(override_span("25h").is_err_and(|told| told.contains("24h")));
        let told = override_reason(" short\n\n\n\n\n\n").unwrap_err();
        assert!(told.contains("10 characters"), "{told}");
        let reason = override_reason("the node;\nburns ").unwrap();
        assert_eq!(reason, "the node; burns");
    }
}
