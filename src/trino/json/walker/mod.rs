//! Follows the paths that a model wants through a document that arrives in chunks, and jumps over
//! all else. Memory stays the same whatever the document: one short frame for each container on a
//! wanted path (never more than the depth limit), and one token that a chunk border may cut.
//!
//! What lies on a wanted path is checked against JSON's grammar. The values of other keys are not:
//! only their strings and brackets are followed. Every key of a wanted object is compared up to its
//! closing brace, also after all were found, so a late duplicate is still an error.

mod compact;
mod members;
mod tokens;
mod values;

use super::block::{Carry, Depth, Skipped};
use super::cursor::Cursor;
use super::engine::{Engine, Scanner};
use super::first_solid;
use super::model::{Key, Model};
use crate::trino::error::ParseError;
use crate::trino::limits::Limits;

type KeyOf<M> = &'static Key<<M as Model>::Node, <M as Model>::Field>;

/// A resumable reader of one document.
pub(in crate::trino) struct Walker<M: Model> {
    model: M,
    scanner: Scanner,
    limits: Limits,
    carry: Carry,
    /// The containers around the innermost wanted one.
    parents: Vec<Frame<M::Node>>,
    here: Frame<M::Node>,
    state: State<M>,
    /// What earlier chunks hold of the current token.
    kept: Vec<u8>,
    /// Where in the chunk the last event ended; 0 where that was in an earlier chunk.
    mark: usize,
    /// Where in the body the current value begins.
    token: u64,
    /// Bytes of earlier chunks.
    read: u64,
    scratch: String,
    failed: Option<ParseError>,
}

/// A wanted container that is open.
#[derive(Clone, Copy)]
struct Frame<N> {
    node: N,
    /// Bit n: wanted key n was seen.
    seen: u16,
}

/// What the next event can be.
enum State<M: Model> {
    /// Nothing but white space was read.
    Start,
    /// A key, or the end of the object.
    FirstKey,
    NextKey,
    /// Inside a key of a wanted object.
    InKey,
    /// The colon after a key; `None` where the key is not wanted.
    Colon(Option<KeyOf<M>>),
    /// The value of a wanted key.
    Value(KeyOf<M>),
    /// Inside a wanted text.
    Text(KeyOf<M>),
    /// An unwanted value; whether any of it was seen in an earlier chunk.
    Pass {
        begun: bool,
    },
    /// An element of a wanted array, or the end of the array.
    FirstElement,
    NextElement,
    /// Inside a text among the elements of a wanted array.
    PassText,
    /// Inside an unwanted container that `opener` opened.
    Skip {
        opener: u8,
        depth: Depth,
    },
    /// A comma or the end of the container.
    AfterValue,
    /// The document closed.
    Done,
}

impl<M: Model> Walker<M> {
    pub(in crate::trino) fn new(model: M, limits: Limits, engine: Engine) -> Self {
        Self {
            model,
            scanner: engine.into(),
            limits,
            carry: Carry::default(),
            parents: Vec::new(),
            here: Frame {
                node: M::ROOT,
                seen: 0,
            },
            state: State::Start,
            kept: Vec::new(),
            mark: 0,
            token: 0,
            read: 0,
            scratch: String::new(),
            failed: None,
        }
    }

    /// Reads the next bytes of the body. An error is final: every later call repeats it.
    pub(in crate::trino) fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.take(chunk);
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// Ends the body: the document must have closed.
    pub(in crate::trino) fn finish(self) -> Result<M, ParseError> {
        match (self.failed, self.state) {
            (Some(error), _) => Err(error),
            (None, State::Done) => Ok(self.model),
            (None, _) => Err(ParseError::Truncated { offset: self.read }),
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        let read = self.read + chunk.len() as u64;
        if read > self.limits.document_bytes {
            return Err(ParseError::TooLarge {
                limit: self.limits.document_bytes,
            });
        }
        self.mark = 0;
        let mut at = self.begin(chunk)?;
        let mut cursor = Cursor::new(chunk);
        while at < chunk.len() {
            at = self.advance(&mut cursor, at)?;
        }
        self.suspend(chunk)?;
        self.read = read;
        Ok(())
    }

    /// Looks for the document's first byte, if it has not come yet; returns where to go on.
    fn begin(&mut self, chunk: &[u8]) -> Result<usize, ParseError> {
        if !matches!(self.state, State::Start) {
            return Ok(0);
        }
        let Some(at) = first_solid(chunk) else {
            return Ok(chunk.len());
        };
        if !matches!(chunk[at], b'{' | b'[') {
            return Err(ParseError::NotJson {
                first: char::from(chunk[at]),
                offset: self.offset(at),
            });
        }
        self.enter_root(chunk[at], at)?;
        self.mark = at + 1;
        Ok(self.mark)
    }

    /// Goes on at `at`, by a jump or event by event; returns where it got to.
    fn advance(&mut self, cursor: &mut Cursor<'_>, at: usize) -> Result<usize, ParseError> {
        match self.state {
            State::Skip { .. } => self.jump(cursor.chunk, at),
            State::Done => self.trailing(cursor.chunk, at),
            _ => {
                // A key that began earlier may hold an escape that was seen there.
                self.carry.backslash &= matches!(self.state, State::InKey);
                cursor.load(self.scanner, at, &mut self.carry);
                self.walk(cursor)?;
                let done = matches!(self.state, State::Done);
                Ok(if done { self.mark } else { cursor.end() })
            }
        }
    }

    /// Takes the cursor's events, until they are used up or the document closes.
    fn walk(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
        loop {
            let found = match self.state {
                State::Skip { .. } => cursor.bracket(),
                State::Pass { .. } => cursor.op(),
                State::Done => None,
                State::NextKey if !cursor.is_empty() => {
                    self.members(cursor)?;
                    continue;
                }
                _ => cursor.event(),
            };
            let Some(at) = found else {
                return Ok(());
            };
            self.take_event(cursor, at)?;
        }
    }

    #[inline]
    fn take_event(&mut self, cursor: &Cursor<'_>, at: usize) -> Result<(), ParseError> {
        self.event(cursor.chunk, at)?;
        self.mark = at + 1;
        Ok(())
    }

    /// Takes the event at `at`.
    fn event(&mut self, chunk: &[u8], at: usize) -> Result<(), ParseError> {
        match self.state {
            State::FirstKey | State::NextKey => self.key_begins(chunk, at),
            State::InKey => self.key_ends(chunk, at),
            State::Colon(_) => self.colon(chunk, at),
            State::Pass { begun } => self.passed(begun, chunk, at),
            State::Value(key) => self.value(key, chunk, at),
            State::Text(key) => self.text_ends(key, chunk, at),
            State::FirstElement | State::NextElement => self.element(chunk, at),
            State::PassText => {
                self.state = State::AfterValue;
                Ok(())
            }
            State::Skip { opener, depth } => self.bracket(opener, depth, chunk, at),
            State::AfterValue => {
                self.blank_before(chunk, at, "a comma or the end of the container")?;
                self.after_value(chunk[at], at)
            }
            State::Start | State::Done => Ok(()),
        }
    }

    /// Runs to the end of an unwanted container, or of the chunk.
    fn jump(&mut self, chunk: &[u8], at: usize) -> Result<usize, ParseError> {
        let State::Skip { opener, depth } = &mut self.state else {
            return Ok(at);
        };
        let opener = *opener;
        let ended = self.scanner.skip(&chunk[at..], &mut self.carry, depth);
        let Skipped::Closed(end) = ended.shifted(at) else {
            return self.skip_goes_on(ended.shifted(at)).map(|()| chunk.len());
        };
        self.carry = Carry::default();
        self.skip_ends(opener, chunk[end], end)?;
        self.mark = end + 1;
        Ok(self.mark)
    }

    /// After the document only white space may come.
    fn trailing(&self, chunk: &[u8], at: usize) -> Result<usize, ParseError> {
        match first_solid(&chunk[at..]) {
            None => Ok(chunk.len()),
            Some(more) => Err(ParseError::TrailingData {
                offset: self.offset(at + more),
            }),
        }
    }

    /// Counts from the start of the body what counts from the start of the chunk.
    const fn offset(&self, at: usize) -> u64 {
        self.read + at as u64
    }
}
