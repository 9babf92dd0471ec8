//! A value that must not be seen. Decides that printing it in any way says
//! `[redacted]`; never serializes it. Memory is not wiped: whoever reads our memory
//! reads the mounted file as well.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// A password, token or key. `Debug` and `Display` print `[redacted]`; the text comes
/// out through [`Secret::expose`] alone, so that a search for that word finds every use.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text as it is; callers trim what a file adds.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a caller presented this very secret. The time taken says how long the
    /// secret is, not how much of the guess was right.
    pub fn matches(&self, presented: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), presented.as_bytes()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_never_shows_the_text() {
        let secret = Secret::new("hunter2");
        let holder = Some(secret.clone());
        assert_eq!(
            format!("{secret} {secret:?} {holder:?}"),
            "[redacted] [redacted] Some([redacted])"
        );
        assert_eq!(format!("{secret:>40}").trim(), "[redacted]");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn only_the_whole_text_matches() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches("hunter2"));
        for wrong in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
    }
}
