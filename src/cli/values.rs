//! Values on the command line that need more than a type: addresses, names, times. Says what is allowed.

use std::time::Duration;

use url::Url;

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

/// `NAMESPACE/NAME`
pub(super) fn certificate(text: &str) -> Result<String, String> {
    let parts = text.split_once('/');
    let whole = |(namespace, name): (&str, &str)| {
        !namespace.is_empty() && !name.is_empty() && !name.contains('/')
    };
    if parts.is_some_and(whole) {
        Ok(text.to_owned())
    } else {
        Err("give the namespace and the name of a Certificate: NAMESPACE/NAME".to_owned())
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
}
