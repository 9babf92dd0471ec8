//! Query ids: how Trino builds them and what they tell about the coordinator that made them.

/// The part of a query id that a coordinator draws anew at each start
/// (`yyyyMMdd_HHmmss_NNNNN_ccccc`: the last field), or `None` for ids of another form.
#[must_use]
pub fn coordinator_suffix(query_id: &str) -> Option<&str> {
    let mut fields = query_id.split('_');
    let (date, time, counter, suffix) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let well_formed = fields.next().is_none()
        && digits(date)
        && digits(time)
        && digits(counter)
        && !suffix.is_empty();
    well_formed.then_some(suffix)
}

/// Whether a string may stand in a URL path as a query id: Trino's own charset `[_a-z0-9]`,
/// upper case and `-` tolerated, at most 128 bytes. Anything else is never sent anywhere.
#[must_use]
pub fn is_query_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_tells_coordinator_starts_apart() {
        assert_eq!(
            coordinator_suffix("20261121_221501_00003_k5z2p"),
            Some("k5z2p")
        );
        assert_eq!(coordinator_suffix("my_query"), None);
        assert_eq!(coordinator_suffix("a_b_c_d"), None);
        assert_eq!(coordinator_suffix("1_2_3_"), None);
        assert_eq!(coordinator_suffix("1_2_3_x_y"), None);
    }

    #[test]
    fn ids_that_could_change_a_path_are_refused() {
        assert!(is_query_id("20261121_221501_00003_k5z2p"));
        for bad in ["", "a/b", "a?b", "..", "a%2f", "ä", &"x".repeat(129)] {
            assert!(!is_query_id(bad), "{bad}");
        }
    }
}
