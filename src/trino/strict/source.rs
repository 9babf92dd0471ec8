//! The bytes below a strict reader: counts them, looks at the first, and remembers what went wrong
//! here, since the parser above can only say that reading failed.

use std::io::{self, ErrorKind, Read};

use crate::trino::error::ParseError;

/// A body with a limit.
pub(super) struct Source<R> {
    body: R,
    limit: u64,
    read: u64,
    begun: bool,
    problem: Option<ParseError>,
}

impl<R> Source<R> {
    pub(super) const fn new(body: R, limit: u64) -> Self {
        Self {
            body,
            limit,
            read: 0,
            begun: false,
            problem: None,
        }
    }

    /// The source's own problem where it had one: it came first.
    pub(super) fn blame<T>(self, result: Result<T, ParseError>) -> Result<T, ParseError> {
        match self.problem {
            Some(problem) => Err(problem),
            None => result,
        }
    }

    fn fail(&mut self, problem: ParseError) -> io::Error {
        self.problem = Some(problem);
        io::Error::from(ErrorKind::InvalidData)
    }

    /// Looks for the document's first byte, if it has not come yet.
    fn begin(&mut self, bytes: &[u8]) -> io::Result<()> {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        if self.begun {
            return Ok(());
        }
        let Some(at) = bytes.iter().position(|byte| !blank(byte)) else {
            return Ok(());
        };
        self.begun = true;
        if matches!(bytes[at], b'{' | b'[') {
            return Ok(());
        }
        Err(self.fail(ParseError::NotJson {
            first: char::from(bytes[at]),
            offset: self.read + at as u64,
        }))
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.body.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                return Err(self.fail(ParseError::Read {
                    offset: self.read,
                    kind: error.kind(),
                }));
            }
        };
        self.begin(&buffer[..count])?;
        self.read += count as u64;
        if self.read > self.limit {
            return Err(self.fail(ParseError::TooLarge { limit: self.limit }));
        }
        Ok(count)
    }
}
