//! Keys and containers: which key is wanted, entering and leaving the containers on wanted paths,
//! and getting over those that are not.

use super::super::block::{Depth, Skipped};
use super::super::model::{Model, Shape};
use super::super::text;
use super::{Frame, KeyOf, State, Walker};
use crate::trino::error::ParseError;

const KEY: &str = "a key";
const KEY_OR_END: &str = "a key or the end of the object";
const VALUE: &str = "a value";
const COMMA_OR_END: &str = "a comma or the end of the container";

impl<M: Model> Walker<M> {
    /// Enters the document.
    pub(super) fn enter_root(&mut self, opener: u8, at: usize) -> Result<(), ParseError> {
        let (expected, first) = match M::shape(M::ROOT) {
            Shape::Object(_) => ("an object", b'{'),
            Shape::Array(_) => ("an array", b'['),
        };
        if opener != first {
            return Err(ParseError::WrongType {
                offset: self.offset(at),
                path: "$",
                expected,
            });
        }
        self.room(1, at)?;
        self.open(M::ROOT);
        Ok(())
    }

    /// Enters a container on a wanted path.
    pub(super) fn enter(&mut self, node: M::Node, at: usize) -> Result<(), ParseError> {
        self.room(self.open_containers() + 1, at)?;
        self.parents.push(self.here);
        self.open(node);
        Ok(())
    }

    fn open(&mut self, node: M::Node) {
        self.here = Frame { node, seen: 0 };
        self.kept.clear();
        self.state = match M::shape(node) {
            Shape::Object(_) => State::FirstKey,
            Shape::Array(_) => State::FirstElement,
        };
        self.model.open(node);
    }

    fn leave(&mut self, at: usize) -> Result<(), ParseError> {
        self.model
            .close(self.here.node)
            .map_err(|path| ParseError::MissingKey {
                offset: self.offset(at),
                path,
            })?;
        self.state = match self.parents.pop() {
            Some(parent) => {
                self.here = parent;
                State::AfterValue
            }
            None => State::Done,
        };
        Ok(())
    }

    /// A comma or the end of the container.
    pub(super) fn after_value(&mut self, byte: u8, at: usize) -> Result<(), ParseError> {
        self.kept.clear();
        match (byte, M::shape(self.here.node)) {
            (b',', Shape::Object(_)) => self.state = State::NextKey,
            (b',', Shape::Array(_)) => self.state = State::NextElement,
            (b'}', Shape::Object(_)) | (b']', Shape::Array(_)) => return self.leave(at),
            _ => return self.syntax(at, COMMA_OR_END),
        }
        Ok(())
    }

    pub(super) fn key_begins(&mut self, chunk: &[u8], at: usize) -> Result<(), ParseError> {
        let first = matches!(self.state, State::FirstKey);
        let expected = if first { KEY_OR_END } else { KEY };
        self.blank_before(chunk, at, expected)?;
        match chunk[at] {
            b'"' => {
                self.state = State::InKey;
                Ok(())
            }
            b'}' if first => self.leave(at),
            _ => self.syntax(at, expected),
        }
    }

    pub(super) fn key_ends(&mut self, chunk: &[u8], at: usize) -> Result<(), ParseError> {
        let found = if self.kept.is_empty() {
            let raw = &chunk[self.mark..at];
            find::<M>(self.here.node, raw, self.carry.backslash, &mut self.scratch)
        } else {
            self.keep_key(&chunk[..at]);
            find::<M>(self.here.node, &self.kept, true, &mut self.scratch)
        };
        let Some((number, key)) = found else {
            self.state = State::Colon(None);
            return Ok(());
        };
        if self.here.seen >> number & 1 == 1 {
            return Err(ParseError::DuplicateKey {
                offset: self.offset(at),
                path: key.path,
            });
        }
        self.here.seen |= 1 << number;
        self.state = State::Colon(Some(key));
        Ok(())
    }

    pub(super) fn colon(&mut self, chunk: &[u8], at: usize) -> Result<(), ParseError> {
        self.blank_before(chunk, at, "a colon")?;
        if chunk[at] != b':' {
            return self.syntax(at, "a colon");
        }
        self.after_colon(at);
        Ok(())
    }

    /// A colon was read at `at`.
    #[inline]
    pub(super) fn after_colon(&mut self, at: usize) {
        let State::Colon(key) = self.state else {
            return;
        };
        self.token = self.offset(at + 1);
        self.kept.clear();
        self.state = key.map_or(State::Pass { begun: false }, State::Value);
    }

    /// An unwanted value of an object ends, or turns out to be a container.
    pub(super) fn passed(
        &mut self,
        begun: bool,
        chunk: &[u8],
        at: usize,
    ) -> Result<(), ParseError> {
        match chunk[at] {
            opener @ (b'{' | b'[') => self.skip_begins(opener, at),
            byte @ (b',' | b'}') if begun || self.solid_before(chunk, at).is_some() => {
                self.after_value(byte, at)
            }
            _ => self.syntax(at, VALUE),
        }
    }

    fn skip_begins(&mut self, opener: u8, at: usize) -> Result<(), ParseError> {
        let above = self.open_containers();
        self.room(above + 1, at)?;
        let depth = Depth {
            open: 1,
            limit: self.limits.depth - above,
        };
        self.state = State::Skip { opener, depth };
        Ok(())
    }

    /// One bracket inside of an unwanted container.
    pub(super) fn bracket(
        &mut self,
        opener: u8,
        mut depth: Depth,
        chunk: &[u8],
        at: usize,
    ) -> Result<(), ParseError> {
        let opens = matches!(chunk[at], b'{' | b'[');
        match depth.bracket(opens, at) {
            Skipped::Closed(_) => self.skip_ends(opener, chunk[at], at),
            ended => {
                self.state = State::Skip { opener, depth };
                self.skip_goes_on(ended)
            }
        }
    }

    pub(super) fn skip_goes_on(&self, ended: Skipped) -> Result<(), ParseError> {
        match ended {
            Skipped::TooDeep(at) => Err(self.too_deep(at)),
            Skipped::Open | Skipped::Closed(_) => Ok(()),
        }
    }

    pub(super) fn skip_ends(&mut self, opener: u8, byte: u8, at: usize) -> Result<(), ParseError> {
        if (opener == b'{') != (byte == b'}') {
            return self.syntax(at, "the other closing bracket");
        }
        self.state = State::AfterValue;
        Ok(())
    }

    /// Containers that are open, the innermost wanted one included.
    fn open_containers(&self) -> u32 {
        // Never more than the limit, which is a u32.
        u32::try_from(self.parents.len()).map_or(u32::MAX, |parents| parents.saturating_add(1))
    }

    fn room(&self, containers: u32, at: usize) -> Result<(), ParseError> {
        if containers > self.limits.depth {
            return Err(self.too_deep(at));
        }
        Ok(())
    }

    const fn too_deep(&self, at: usize) -> ParseError {
        ParseError::TooDeep {
            offset: self.offset(at),
            limit: self.limits.depth,
        }
    }
}

/// The wanted key that `raw` spells, and its number. Escapes are rare: they are undone only where
/// there are any, and the bytes as they stand match nothing.
#[inline]
fn find<M: Model>(
    node: M::Node,
    raw: &[u8],
    escapes: bool,
    scratch: &mut String,
) -> Option<(usize, KeyOf<M>)> {
    let Shape::Object(keys) = M::shape(node) else {
        return None;
    };
    let mut found = keys.iter().position(|key| key.name.as_bytes() == raw);
    if escapes && found.is_none() {
        let name = text::decode(raw, scratch)?;
        found = keys.iter().position(|key| key.name == name);
    }
    found.map(|number| (number, &keys[number]))
}
