//! The strict mode: every byte of a document is validated by a pull parser on a blocking thread, fed through a
//! short channel. Slower by far; the results are the same.

use std::io::{self, BufReader, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;
use reqwest::Response;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::spawn_blocking;

use crate::trino::error::ParseError;
use crate::trino::limits::Limits;
use crate::trino::query_list::ListHead;
use crate::trino::strict::{read_query_info, read_query_list};
use crate::trino::task::{ListSink, QueryHead, TaskSink};

use super::body::is_gzip;
use super::failure::Failure;

/// Chunks on their way to the parser; enough to keep it busy, few enough to bound memory.
const CHUNKS: usize = 4;

/// The pull parser asks for a kilobyte at a time; the channel is asked for more.
const BUFFER: usize = 64 << 10;

/// Reads a QueryInfo.
///
/// # Errors
/// As [`super::body::pour`].
pub async fn query<S: TaskSink + Send + 'static>(
    response: Response,
    sink: S,
    limits: Limits,
    timeout: Duration,
) -> Result<(QueryHead, S, u64), Failure> {
    let parse = move |body: &mut dyn Read| read_query_info(body, sink, limits);
    let ((head, sink), bytes) = pull(response, parse, timeout).await?;
    Ok((head, sink, bytes))
}

/// Reads a query list.
///
/// # Errors
/// As [`super::body::pour`].
pub async fn list<S: ListSink + Send + 'static>(
    response: Response,
    sink: S,
    limits: Limits,
    timeout: Duration,
) -> Result<(ListHead, S, u64), Failure> {
    let parse = move |body: &mut dyn Read| read_query_list(body, sink, limits);
    let ((head, sink), bytes) = pull(response, parse, timeout).await?;
    Ok((head, sink, bytes))
}

/// Feeds a body to `parse` on a blocking thread. Returns its result and the bytes that it took.
async fn pull<T: Send + 'static>(
    mut response: Response,
    parse: impl FnOnce(&mut dyn Read) -> Result<T, ParseError> + Send + 'static,
    timeout: Duration,
) -> Result<(T, u64), Failure> {
    let gzip = is_gzip(response.headers())?;
    let (chunks, received) = channel(CHUNKS);
    let reader = spawn_blocking(move || {
        let body = Body {
            chunks: received,
            rest: Bytes::new(),
        };
        let plain: Box<dyn Read> = if gzip {
            Box::new(MultiGzDecoder::new(body))
        } else {
            Box::new(body)
        };
        let mut counted = Counted {
            inner: BufReader::with_capacity(BUFFER, plain),
            bytes: 0,
        };
        (parse(&mut counted), counted.bytes)
    });
    while let Some(chunk) = next(&mut response, timeout).await? {
        if chunks.send(chunk).await.is_err() {
            break;
        }
    }
    drop(chunks);
    let (parsed, bytes) = reader
        .await
        .map_err(|_| Failure::Unexpected("the strict parser stopped".to_owned()))?;
    Ok((parsed?, bytes))
}

async fn next(response: &mut Response, timeout: Duration) -> Result<Option<Bytes>, Failure> {
    let chunk = response.chunk().await;
    chunk.map_err(|error| Failure::from_client(error, timeout))
}

/// The receiving end of a body.
struct Body {
    chunks: Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let taken = self.rest.len().min(out.len());
        self.rest.copy_to_slice(&mut out[..taken]);
        Ok(taken)
    }
}

/// Counts what the parser took.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let taken = self.inner.read(out)?;
        self.bytes += taken as u64;
        Ok(taken)
    }
}
