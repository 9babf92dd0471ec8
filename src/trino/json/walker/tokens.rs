//! The bytes between events: white space that must be white space, and tokens that a chunk border
//! cuts in two.

use super::super::model::Model;
use super::super::{first_solid, is_space};
use super::{KeyOf, State, Walker};
use crate::trino::error::ParseError;

/// A longer key cannot be a wanted one, even if each of its characters is a six-byte escape.
const KEY_BYTES: usize = 256;

impl<M: Model> Walker<M> {
    /// Saves what the next chunk needs of this one.
    pub(super) fn suspend(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        let rest = chunk.get(self.mark..).unwrap_or_default();
        match self.state {
            State::InKey => self.keep_key(rest),
            State::Text(key) => return self.keep_text(key, rest),
            State::Value(_) | State::FirstElement | State::NextElement => self.keep_scalar(rest),
            State::Pass { begun } => {
                let begun = begun || first_solid(rest).is_some();
                self.state = State::Pass { begun };
            }
            State::FirstKey => {
                self.blank_before(chunk, chunk.len(), "a key or the end of the object")?;
            }
            State::NextKey => self.blank_before(chunk, chunk.len(), "a key")?,
            State::Colon(_) => self.blank_before(chunk, chunk.len(), "a colon")?,
            State::AfterValue => {
                self.blank_before(chunk, chunk.len(), "a comma or the end of the container")?;
            }
            State::PassText | State::Skip { .. } | State::Start | State::Done => {}
        }
        Ok(())
    }

    pub(super) fn keep_key(&mut self, bytes: &[u8]) {
        let room = KEY_BYTES.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn keep_text(&mut self, key: KeyOf<M>, bytes: &[u8]) -> Result<(), ParseError> {
        if self.kept.len() + bytes.len() > self.limits.string_bytes {
            return Err(ParseError::StringTooLong {
                offset: self.token,
                path: key.path,
                limit: self.limits.string_bytes,
            });
        }
        self.kept.extend_from_slice(bytes);
        Ok(())
    }

    /// Keeps a number or literal. A run of white space is kept as one space, and one byte more than
    /// is allowed is enough to know that there are too many.
    pub(super) fn keep_scalar(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let space = is_space(byte);
            let pointless = space && self.kept.last().is_none_or(|&last| last == b' ');
            if !pointless && self.kept.len() <= self.limits.string_bytes {
                self.kept.push(if space { b' ' } else { byte });
            }
        }
    }

    /// Everything since the last event must be white space.
    #[inline]
    pub(super) fn blank_before(
        &self,
        chunk: &[u8],
        at: usize,
        expected: &'static str,
    ) -> Result<(), ParseError> {
        if at <= self.mark {
            return Ok(());
        }
        match self.solid_before(chunk, at) {
            None => Ok(()),
            Some(solid) => self.syntax(solid, expected),
        }
    }

    /// The first byte since the last event that is not white space.
    #[inline]
    pub(super) fn solid_before(&self, chunk: &[u8], at: usize) -> Option<usize> {
        first_solid(&chunk[self.mark..at]).map(|solid| self.mark + solid)
    }

    pub(super) const fn syntax<T>(
        &self,
        at: usize,
        expected: &'static str,
    ) -> Result<T, ParseError> {
        Err(ParseError::Syntax {
            offset: self.offset(at),
            expected,
        })
    }
}
