//! A shorter way through objects that are written without white space and lie whole in a chunk, as
//! nearly all do. Decides nothing: it takes the same steps as the event handlers, several at a time,
//! and leaves every other case to them.

use super::super::cursor::Cursor;
use super::super::is_space;
use super::super::model::Model;
use super::{State, Walker};
use crate::trino::error::ParseError;

impl<M: Model> Walker<M> {
    /// Takes members from the state [`State::NextKey`] on, up to one that is wanted or unusual.
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
            self.take_event(cursor, close)?;
            if !cursor.pass(b':') {
                return Ok(());
            }
            self.after_colon(close + 1);
            self.mark = close + 2;
            if !self.pass_scalar(cursor)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Gets over an unwanted number, literal or string and the comma after it.
    fn pass_scalar(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, ParseError> {
        if !matches!(self.state, State::Pass { .. }) {
            return Ok(false);
        }
        let Some(end) = cursor.op() else {
            return Ok(false);
        };
        let usual = end > self.mark && !is_space(cursor.chunk[self.mark]);
        if !usual || cursor.chunk[end] != b',' {
            self.take_event(cursor, end)?;
            return Ok(false);
        }
        self.mark = end + 1;
        self.state = State::NextKey;
        Ok(true)
    }
}
