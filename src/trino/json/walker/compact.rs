//! A shorter way through objects that are written without white space and lie whole in a chunk, as
//! nearly all do. Decides nothing: it takes the same steps as the event handlers, several at a time,
//! and leaves every other case to them.

use super::super::cursor::Cursor;
use super::super::is_space;
use super::super::model::{Model, Want};
use super::{KeyOf, State, Walker};
use crate::trino::error::ParseError;

impl<M: Model> Walker<M> {
    /// Takes members from the state [`State::NextKey`] on, up to one that is unusual.
    pub(super) fn members(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
        while let Some(open) = cursor.event() {
            if open != self.mark || cursor.chunk[open] != b'"' {
                return self.take_event(cursor, open);
            }
            self.mark = open + 1;
            self.state = State::InKey;
            let Some(close) = cursor.event() else {
                return Ok(());
            };
            self.key_ends(cursor.chunk, close)?;
            self.mark = close + 1;
            if !cursor.pass(b':') {
                return Ok(());
            }
            self.after_colon(close + 1);
            self.mark = close + 2;
            let usual = match self.state {
                State::Pass { .. } => self.pass_scalar(cursor)?,
                State::Value(key) => self.pass_text(key, cursor)?,
                _ => false,
            };
            if !usual {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Gets over an unwanted number, literal or string and the comma after it.
    #[inline]
    fn pass_scalar(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, ParseError> {
        let Some(end) = cursor.op() else {
            return Ok(false);
        };
        let usual = end > self.mark && !is_space(cursor.chunk[self.mark]);
        if !usual || cursor.chunk[end] != b',' {
            self.passed(false, cursor.chunk, end)?;
            self.mark = end + 1;
            return Ok(false);
        }
        self.mark = end + 1;
        self.state = State::NextKey;
        Ok(true)
    }

    /// Takes a wanted text and the comma after it.
    #[inline]
    fn pass_text(&mut self, key: KeyOf<M>, cursor: &mut Cursor<'_>) -> Result<bool, ParseError> {
        let text = matches!(key.want, Want::Text(_));
        if !text || !cursor.pass(b'"') {
            return Ok(false);
        }
        self.token = self.offset(self.mark);
        self.mark += 1;
        self.state = State::Text(key);
        let Some(close) = cursor.event() else {
            return Ok(false);
        };
        self.text_ends(key, cursor.chunk, close)?;
        self.mark = close + 1;
        if !cursor.pass(b',') {
            return Ok(false);
        }
        self.mark = close + 2;
        self.state = State::NextKey;
        Ok(true)
    }
}
