//! From the chunks of a body to a push parser: undoes gzip, counts bytes. Holds one chunk at a time.

use std::io::{self, Write};
use std::time::Duration;

use flate2::write::GzDecoder;
use http::{HeaderMap, header};
use reqwest::Response;

use crate::trino::error::ParseError;
use crate::trino::query_info::Extractor;
use crate::trino::query_list::ListReader;
use crate::trino::task::{ListSink, TaskSink};

use super::failure::Failure;

/// A parser that is fed.
pub trait Push {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The first problem of the document.
    fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError>;
}

impl<S: TaskSink> Push for Extractor<S> {
    fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        Self::push(self, chunk)
    }
}

impl<S: ListSink> Push for ListReader<S> {
    fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        Self::push(self, chunk)
    }
}

/// Feeds a whole body to a parser. Returns the parser and the number of bytes it took.
///
/// # Errors
/// When the body breaks off, is too slow, or the parser refuses it.
pub async fn pour<P: Push>(
    mut response: Response,
    parser: P,
    timeout: Duration,
) -> Result<(P, u64), Failure> {
    let mut pipe = Pipe::new(parser, response.headers())?;
    let lost = |error| Failure::from_client(error, timeout);
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        pipe.push(&chunk)?;
    }
    pipe.finish()
}

/// Whether a body is under gzip, by any of the names that RFC 9110 gives it; servers may send it unasked.
///
/// # Errors
/// When it is under anything else.
pub fn is_gzip(headers: &HeaderMap) -> Result<bool, Failure> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    let encoding = encoding.map_or("identity", |value| value.to_str().unwrap_or("?"));
    let is = |name: &str| encoding.eq_ignore_ascii_case(name);
    if is("gzip") || is("x-gzip") {
        Ok(true)
    } else if is("identity") {
        Ok(false)
    } else {
        Err(Failure::Encoding(encoding.chars().take(40).collect()))
    }
}

enum Pipe<P: Push> {
    Plain(Counted<P>),
    Gzip(Box<GzDecoder<Counted<P>>>),
}

impl<P: Push> Pipe<P> {
    fn new(parser: P, headers: &HeaderMap) -> Result<Self, Failure> {
        let counted = Counted {
            parser,
            bytes: 0,
            refused: None,
        };
        Ok(if is_gzip(headers)? {
            Self::Gzip(Box::new(GzDecoder::new(counted)))
        } else {
            Self::Plain(counted)
        })
    }

    fn push(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Plain(counted) => Ok(counted.take(chunk)?),
            Self::Gzip(decoder) => decoder
                .write_all(chunk)
                .map_err(|error| decoder.get_mut().why(&error)),
        }
    }

    fn finish(self) -> Result<(P, u64), Failure> {
        let counted = match self {
            Self::Plain(counted) => counted,
            Self::Gzip(mut decoder) => {
                let ended = decoder.try_finish();
                ended.map_err(|error| decoder.get_mut().why(&error))?;
                decoder
                    .finish()
                    .map_err(|error| Failure::Body(error.to_string()))?
            }
        };
        Ok((counted.parser, counted.bytes))
    }
}

/// The decoder's output: `Write` has no room for a parse error, so it waits here.
struct Counted<P> {
    parser: P,
    bytes: u64,
    refused: Option<ParseError>,
}

impl<P: Push> Counted<P> {
    fn take(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        self.bytes += chunk.len() as u64;
        self.parser.push(chunk)
    }

    fn why(&mut self, error: &io::Error) -> Failure {
        match self.refused.take() {
            Some(refused) => refused.into(),
            None => Failure::Body(format!("bad gzip data: {error}")),
        }
    }
}

impl<P: Push> Write for Counted<P> {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        match self.take(chunk) {
            Ok(()) => Ok(chunk.len()),
            Err(error) => {
                self.refused = Some(error);
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
