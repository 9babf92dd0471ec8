//! Wanted values: texts, counters, flags, and the elements of wanted arrays.

use super::super::model::{Element, Model, Shape, Want};
use super::super::{first_solid, is_space, number, text};
use super::{KeyOf, State, Walker};
use crate::trino::error::ParseError;

const VALUE: &str = "a value";

impl<M: Model> Walker<M> {
    /// The value of a wanted key begins or, where it is no string or container, ends.
    pub(super) fn value(
        &mut self,
        key: KeyOf<M>,
        chunk: &[u8],
        at: usize,
    ) -> Result<(), ParseError> {
        let bare = self.bare(chunk, at);
        match (chunk[at], &key.want) {
            (b'"', Want::Text(_)) if bare => {
                self.token = self.offset(at);
                self.state = State::Text(key);
                Ok(())
            }
            (b'{', Want::Object(node)) | (b'[', Want::Array(node)) if bare => self.enter(*node, at),
            (b'"' | b'{' | b'[', want) if bare => {
                Err(wrong(self.offset(at), key.path, want.expected()))
            }
            (byte @ (b',' | b'}'), _) if !bare => {
                self.scalar(key, chunk, at)?;
                self.after_value(byte, at)
            }
            _ => self.syntax(at, VALUE),
        }
    }

    /// An element of a wanted array begins or, where it is null, ends.
    pub(super) fn element(&mut self, chunk: &[u8], at: usize) -> Result<(), ParseError> {
        let Shape::Array(element) = M::shape(self.here.node) else {
            return self.syntax(at, VALUE);
        };
        let bare = self.bare(chunk, at);
        let first = matches!(self.state, State::FirstElement);
        match chunk[at] {
            b'{' if bare => self.enter(element.node, at),
            b'"' if bare && element.texts => {
                self.state = State::PassText;
                Ok(())
            }
            b'"' | b'[' if bare => Err(wrong(self.offset(at), element.path, element.expected())),
            b']' if bare && first => self.after_value(b']', at),
            byte @ (b',' | b']') if !bare => {
                self.null_element(element, chunk, at)?;
                self.after_value(byte, at)
            }
            _ => self.syntax(at, VALUE),
        }
    }

    fn null_element(
        &mut self,
        element: &Element<M::Node>,
        chunk: &[u8],
        at: usize,
    ) -> Result<(), ParseError> {
        let offset = self.offset(at);
        if self.scalar_text(chunk, at) == b"null" {
            return Ok(());
        }
        Err(wrong(offset, element.path, element.expected()))
    }

    /// A number or literal of a wanted key.
    fn scalar(&mut self, key: KeyOf<M>, chunk: &[u8], at: usize) -> Result<(), ParseError> {
        let (offset, limit) = (self.token, self.limits.string_bytes);
        let text = self.scalar_text(chunk, at);
        match (text, &key.want) {
            (b"null", _) => {}
            (b"true", Want::Flag(field)) => self.model.flag(*field, true),
            (b"false", Want::Flag(field)) => self.model.flag(*field, false),
            (b"true" | b"false", want) => return Err(wrong(offset, key.path, want.expected())),
            (_, Want::Count(field)) => {
                let short = text.len() <= limit;
                let count = short.then(|| number::whole(text)).flatten();
                let path = key.path;
                let count = count.ok_or(ParseError::BadNumber { offset, path })?;
                self.model.count(*field, count);
            }
            (_, want) => return Err(wrong(offset, key.path, want.expected())),
        }
        Ok(())
    }

    /// A wanted text ends.
    pub(super) fn text_ends(
        &mut self,
        key: KeyOf<M>,
        chunk: &[u8],
        at: usize,
    ) -> Result<(), ParseError> {
        let raw = &chunk[self.mark..at];
        if !self.kept.is_empty() || raw.len() > self.limits.string_bytes {
            self.keep_text(key, raw)?;
            let kept = std::mem::take(&mut self.kept);
            self.hand_over(key, &kept)?;
            self.kept = kept;
            self.kept.clear();
        } else {
            self.hand_over(key, raw)?;
        }
        self.state = State::AfterValue;
        Ok(())
    }

    fn hand_over(&mut self, key: KeyOf<M>, raw: &[u8]) -> Result<(), ParseError> {
        let Some(text) = text::decode(raw, &mut self.scratch) else {
            return Err(ParseError::Syntax {
                offset: self.token,
                expected: "a string of valid characters and escapes",
            });
        };
        if let Want::Text(field) = key.want {
            self.model.text(field, text);
        }
        Ok(())
    }

    /// Whether nothing stands between the last event and this one.
    fn bare(&self, chunk: &[u8], at: usize) -> bool {
        self.kept.is_empty() && self.solid_before(chunk, at).is_none()
    }

    /// The number or literal that ends at `at`, without white space around it.
    fn scalar_text<'a>(&'a mut self, chunk: &'a [u8], at: usize) -> &'a [u8] {
        let here = &chunk[self.mark..at];
        if self.kept.is_empty() {
            return trimmed(here);
        }
        self.keep_scalar(here);
        trimmed(&self.kept)
    }
}

const fn wrong(offset: u64, path: &'static str, expected: &'static str) -> ParseError {
    ParseError::WrongType {
        offset,
        path,
        expected,
    }
}

/// Without the white space around it.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let start = first_solid(bytes).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|&byte| !is_space(byte));
    &bytes[start..end.map_or(start, |last| last + 1)]
}
