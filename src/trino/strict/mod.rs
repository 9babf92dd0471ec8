//! The slow readers that check everything: each byte of a document must be JSON, wanted or not.
//! They pull from a [`Read`], take the same values as the streaming readers, fail with the same
//! words, and share no code with them that finds a value: what both agree on is right.

mod query_info;
mod query_list;
mod reader;
mod source;

use std::io::Read;

use super::error::ParseError;
use super::limits::Limits;
use super::query_list::ListHead;
use super::task::{ListSink, QueryHead, TaskSink};
use reader::Reader;
use source::Source;

/// Reads a whole QueryInfo. Give it a source with a buffer of 64 KiB or so.
///
/// # Errors
/// The first problem of the document, or of the source ([`ParseError::Read`]).
pub fn read_query_info<R: Read, S: TaskSink>(
    body: R,
    sink: S,
    limits: Limits,
) -> Result<(QueryHead, S), ParseError> {
    let mut source = Source::new(body, limits.document_bytes);
    let result = query_info::read(Reader::new(&mut source, limits), sink);
    source.blame(result)
}

/// Reads a whole query list, likewise.
///
/// # Errors
/// The first problem of the document, or of the source ([`ParseError::Read`]).
pub fn read_query_list<R: Read, S: ListSink>(
    body: R,
    sink: S,
    limits: Limits,
) -> Result<(ListHead, S), ParseError> {
    let mut source = Source::new(body, limits.document_bytes);
    let result = query_list::read(Reader::new(&mut source, limits), sink);
    source.blame(result)
}
