//! Why a document could not be read. Every reader of Trino's JSON speaks these words, so that a
//! metric counts them by a bounded label. Never carries more of the body than one character.

use thiserror::Error;

/// The first problem of a document. Offsets count bytes from the start of the body, from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The body ended before the document closed.
    #[error("the body ends after {offset} bytes, inside the document")]
    Truncated {
        /// Length of the body.
        offset: u64,
    },
    /// Something other than white space follows the closed document.
    #[error("unexpected data after the end of the document, at byte {offset}")]
    TrailingData {
        /// Where the first foreign byte is.
        offset: u64,
    },
    /// More containers are open at once than [`super::Limits::depth`] allows.
    #[error("more than {limit} nested objects and arrays at byte {offset}")]
    TooDeep {
        /// The bracket that opened one too many; 0 where a reader cannot tell.
        offset: u64,
        /// The limit that was crossed.
        limit: u32,
    },
    /// A text that had to be kept is longer than [`super::Limits::string_bytes`].
    #[error("the text of {path} at byte {offset} is longer than {limit} bytes")]
    StringTooLong {
        /// Where the value begins.
        offset: u64,
        /// The value's path.
        path: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A key that is read stands twice in one object, so neither value can be believed.
    #[error("{path} appears twice in one object, again at byte {offset}")]
    DuplicateKey {
        /// Where the second key ends.
        offset: u64,
        /// The key's path.
        path: &'static str,
    },
    /// A value has another JSON type than Trino gives it.
    #[error("{path} at byte {offset} is not {expected}")]
    WrongType {
        /// Where the value is.
        offset: u64,
        /// The value's path.
        path: &'static str,
        /// What is allowed.
        expected: &'static str,
    },
    /// A counter is negative, not whole, too large, or no JSON number at all.
    #[error("{path} at byte {offset} is not a whole number from 0 to 2^64-1")]
    BadNumber {
        /// Where the value is.
        offset: u64,
        /// The counter's path.
        path: &'static str,
    },
    /// The body does not begin like a JSON object or array.
    #[error("the body is not JSON: it begins with {first:?}{}", hint(*first))]
    NotJson {
        /// The first byte that is not white space, shown as a character.
        first: char,
        /// Where it stands.
        offset: u64,
    },
    /// The document breaks JSON's grammar in a part that is read.
    #[error("malformed JSON at byte {offset}: expected {expected}")]
    Syntax {
        /// Where it breaks.
        offset: u64,
        /// What the grammar allows there.
        expected: &'static str,
    },
    /// An entry lacks a key without which it means nothing.
    #[error("an entry that ends at byte {offset} has no {path}")]
    MissingKey {
        /// Where the entry ends.
        offset: u64,
        /// The missing key's path.
        path: &'static str,
    },
    /// The body is longer than [`super::Limits::document_bytes`].
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The source of the bytes failed (only readers that pull their bytes).
    #[error("reading the body failed after about {offset} bytes: {kind}")]
    Read {
        /// Roughly how far the reader got.
        offset: u64,
        /// What the source said.
        kind: std::io::ErrorKind,
    },
}

/// Login pages of proxies are the usual reason for a body that is not JSON.
const fn hint(first: char) -> &'static str {
    match first {
        '<' => ", which looks like HTML",
        // The first byte of the mark in UTF-8.
        '\u{ef}' => ", which looks like a byte order mark",
        _ => "",
    }
}

impl ParseError {
    /// Every word that [`Self::reason`] can return: the values of a metric's label.
    pub const REASONS: [&'static str; 12] = [
        "truncated",
        "trailing_data",
        "too_deep",
        "string_too_long",
        "duplicate_key",
        "wrong_type",
        "bad_number",
        "not_json",
        "syntax",
        "missing_key",
        "too_large",
        "read",
    ];

    /// One stable word for the kind of problem.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::TrailingData { .. } => "trailing_data",
            Self::TooDeep { .. } => "too_deep",
            Self::StringTooLong { .. } => "string_too_long",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::WrongType { .. } => "wrong_type",
            Self::BadNumber { .. } => "bad_number",
            Self::NotJson { .. } => "not_json",
            Self::Syntax { .. } => "syntax",
            Self::MissingKey { .. } => "missing_key",
            Self::TooLarge { .. } => "too_large",
            Self::Read { .. } => "read",
        }
    }

    /// The path of the value that is wrong, where one value is to blame.
    #[must_use]
    pub const fn path(&self) -> Option<&'static str> {
        match self {
            Self::StringTooLong { path, .. }
            | Self::DuplicateKey { path, .. }
            | Self::WrongType { path, .. }
            | Self::BadNumber { path, .. }
            | Self::MissingKey { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Bytes from the start of the body to the problem, where it has one place.
    #[must_use]
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Truncated { offset }
            | Self::TrailingData { offset }
            | Self::TooDeep { offset, .. }
            | Self::StringTooLong { offset, .. }
            | Self::DuplicateKey { offset, .. }
            | Self::WrongType { offset, .. }
            | Self::BadNumber { offset, .. }
            | Self::NotJson { offset, .. }
            | Self::Syntax { offset, .. }
            | Self::MissingKey { offset, .. }
            | Self::Read { offset, .. } => Some(*offset),
            Self::TooLarge { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_page_is_called_by_its_name() {
        let error = ParseError::NotJson {
            first: '<',
            offset: 0,
        };
        assert_eq!(
            error.to_string(),
            "the body is not JSON: it begins with '<', which looks like HTML"
        );
        assert!(ParseError::REASONS.contains(&error.reason()));
    }
}
