//! Values of the types that Trino's documents have, one at a time, from a checking parser; its
//! errors in our words.

use std::io::{self, Read};

use struson::reader::{
    JsonReader, JsonReaderPosition, JsonStreamReader, JsonSyntaxError, ReaderError, ReaderSettings,
    SyntaxErrorKind, ValueType,
};

use super::source::Source;
use crate::trino::error::ParseError;
use crate::trino::json::number;
use crate::trino::limits::Limits;

/// A key that is wanted, with its path.
pub(super) type Key = (&'static str, &'static str);

/// A document that is being read.
pub(super) struct Reader<'a, R: Read> {
    json: JsonStreamReader<&'a mut Source<R>>,
    limits: Limits,
}

impl<'a, R: Read> Reader<'a, R> {
    pub(super) fn new(source: &'a mut Source<R>, limits: Limits) -> Self {
        let settings = ReaderSettings {
            track_path: false,
            max_nesting_depth: Some(limits.depth),
            restrict_number_values: false,
            ..ReaderSettings::default()
        };
        Self {
            json: JsonStreamReader::new_custom(source, settings),
            limits,
        }
    }

    /// After the document only white space may come.
    pub(super) fn end(self) -> Result<(), ParseError> {
        let limits = self.limits;
        self.json
            .consume_trailing_whitespace()
            .map_err(|error| translate(error, limits))
    }

    /// Reads an object; `member` takes the value of wanted key number n. False where it is null.
    pub(super) fn object(
        &mut self,
        path: &'static str,
        keys: &[Key],
        mut member: impl FnMut(&mut Self, usize) -> Result<(), ParseError>,
    ) -> Result<bool, ParseError> {
        if !self.begin_object(path)? {
            return Ok(false);
        }
        let mut seen = 0;
        while let Some(number) = self.member(keys, &mut seen)? {
            member(self, number)?;
        }
        Ok(true)
    }

    /// Reads an array; `element` takes each value that is not null.
    pub(super) fn array(
        &mut self,
        path: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        if !self.begin_array(path)? {
            return Ok(());
        }
        while self.element()? {
            element(self)?;
        }
        Ok(())
    }

    /// Enters an object. False where it is null.
    pub(super) fn begin_object(&mut self, path: &'static str) -> Result<bool, ParseError> {
        if self.null()? {
            return Ok(false);
        }
        self.expect(ValueType::Object, path, "an object or null")?;
        self.json.begin_object().map_err(self.translate())?;
        Ok(true)
    }

    /// Goes to the next wanted key of the object; bit n of `seen` says that key n was met. `None`
    /// once the object is left.
    pub(super) fn member(
        &mut self,
        keys: &[Key],
        seen: &mut u32,
    ) -> Result<Option<usize>, ParseError> {
        while self.more()? {
            let Some(number) = self.key(keys)? else {
                self.json.skip_value().map_err(self.translate())?;
                continue;
            };
            if *seen >> number & 1 == 1 {
                return Err(self.duplicate(keys[number].1));
            }
            *seen |= 1 << number;
            return Ok(Some(number));
        }
        self.json.end_object().map_err(self.translate())?;
        Ok(None)
    }

    /// Enters an array. False where it is null.
    pub(super) fn begin_array(&mut self, path: &'static str) -> Result<bool, ParseError> {
        if self.null()? {
            return Ok(false);
        }
        self.expect(ValueType::Array, path, "an array or null")?;
        self.json.begin_array().map_err(self.translate())?;
        Ok(true)
    }

    /// Goes to the next element that is not null. False once the array is left.
    pub(super) fn element(&mut self) -> Result<bool, ParseError> {
        while self.more()? {
            if !self.null()? {
                return Ok(true);
            }
        }
        self.json.end_array().map_err(self.translate())?;
        Ok(false)
    }

    /// Reads a text.
    pub(super) fn text(&mut self, path: &'static str) -> Result<Option<String>, ParseError> {
        if self.null()? {
            return Ok(None);
        }
        self.expect(ValueType::String, path, "a string or null")?;
        let (limits, offset) = (self.limits, self.position());
        let reader = self
            .json
            .next_string_reader()
            .map_err(|error| translate(error, limits))?;
        let mut text = String::new();
        reader
            .take(limits.string_bytes as u64 + 1)
            .read_to_string(&mut text)
            .map_err(|error| broken_text(error, offset))?;
        if text.len() > limits.string_bytes {
            return Err(ParseError::StringTooLong {
                offset,
                path,
                limit: limits.string_bytes,
            });
        }
        Ok(Some(text))
    }

    /// Reads a counter.
    pub(super) fn count(&mut self, path: &'static str) -> Result<Option<u64>, ParseError> {
        if self.null()? {
            return Ok(None);
        }
        self.expect(ValueType::Number, path, "a number or null")?;
        let (limits, offset) = (self.limits, self.position());
        let text = self
            .json
            .next_number_as_str()
            .map_err(|error| translate(error, limits))?;
        let short = text.len() <= limits.string_bytes;
        let count = short.then(|| number::whole(text.as_bytes())).flatten();
        count
            .ok_or(ParseError::BadNumber { offset, path })
            .map(Some)
    }

    /// Reads a boolean.
    pub(super) fn flag(&mut self, path: &'static str) -> Result<Option<bool>, ParseError> {
        if self.null()? {
            return Ok(None);
        }
        self.expect(ValueType::Boolean, path, "true, false or null")?;
        self.json.next_bool().map(Some).map_err(self.translate())
    }

    /// Reads a text without keeping it; false where the next value is something else.
    pub(super) fn pass_text(&mut self) -> Result<bool, ParseError> {
        let text = self.json.peek().map_err(self.translate())? == ValueType::String;
        if text {
            self.json.skip_value().map_err(self.translate())?;
        }
        Ok(text)
    }

    /// Fails where the next value has another type.
    pub(super) fn expect(
        &mut self,
        wanted: ValueType,
        path: &'static str,
        expected: &'static str,
    ) -> Result<(), ParseError> {
        if self.json.peek().map_err(self.translate())? == wanted {
            return Ok(());
        }
        Err(ParseError::WrongType {
            offset: self.position(),
            path,
            expected,
        })
    }

    /// Where the reader is.
    pub(super) fn position(&self) -> u64 {
        place(&self.json.current_position(false))
    }

    fn null(&mut self) -> Result<bool, ParseError> {
        let null = self.json.peek().map_err(self.translate())? == ValueType::Null;
        if null {
            self.json.next_null().map_err(self.translate())?;
        }
        Ok(null)
    }

    fn more(&mut self) -> Result<bool, ParseError> {
        self.json.has_next().map_err(self.translate())
    }

    fn key(&mut self, keys: &[Key]) -> Result<Option<usize>, ParseError> {
        let limits = self.limits;
        let name = self
            .json
            .next_name()
            .map_err(|error| translate(error, limits))?;
        Ok(keys.iter().position(|key| key.0 == name))
    }

    fn duplicate(&self, path: &'static str) -> ParseError {
        ParseError::DuplicateKey {
            offset: self.position(),
            path,
        }
    }

    fn translate(&self) -> impl Fn(ReaderError) -> ParseError + use<R> {
        let limits = self.limits;
        move |error| translate(error, limits)
    }
}

fn place(position: &JsonReaderPosition) -> u64 {
    position.data_pos.unwrap_or(0)
}

/// The parser's error in our words. What the source says of itself is put in its place later.
fn translate(error: ReaderError, limits: Limits) -> ParseError {
    match error {
        ReaderError::SyntaxError(error) => broken_grammar(&error),
        ReaderError::MaxNestingDepthExceeded { location, .. } => ParseError::TooDeep {
            offset: place(&location),
            limit: limits.depth,
        },
        ReaderError::IoError { location, .. } => ParseError::Syntax {
            offset: place(&location),
            expected: "valid UTF-8",
        },
        // Types are looked at before a value is taken, so that no other kind can come here.
        _ => ParseError::Syntax {
            offset: 0,
            expected: "another value",
        },
    }
}

fn broken_grammar(error: &JsonSyntaxError) -> ParseError {
    let offset = place(&error.location);
    match error.kind {
        SyntaxErrorKind::IncompleteDocument => ParseError::Truncated { offset },
        SyntaxErrorKind::TrailingData => ParseError::TrailingData { offset },
        _ => ParseError::Syntax {
            offset,
            expected: "what JSON allows there",
        },
    }
}

/// A text's reader wraps the parser's error once more.
fn broken_text(error: io::Error, offset: u64) -> ParseError {
    match error.downcast::<JsonSyntaxError>() {
        Ok(error) => broken_grammar(&error),
        Err(_) => ParseError::Syntax {
            offset,
            expected: "valid UTF-8",
        },
    }
}
