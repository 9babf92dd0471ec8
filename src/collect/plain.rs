//! Connections without TLS, with a read buffer of bounded size. Behind TLS the records bound what one read
//! brings; here the buffer would grow with the server's speed, to 400 KiB and in the allocator to four times that.
//! Only GETs; follows no redirect; judges no answer.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Empty;
use hyper::body::{Body, Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reqwest::Response;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use url::Url;

use super::failure::Failure;

/// Room for a few chunks of the usual sizes. An answer's head must fit in it.
const READ_BUFFER: usize = 64 << 10;

/// Dead peers are noticed although a long render sends nothing.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Sends GET requests over plain HTTP/1.1.
#[derive(Clone, Debug)]
pub struct Plain {
    client: Client<HttpConnector, Empty<Bytes>>,
    timeout: Duration,
}

/// How long connecting, idling and a whole request may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until a connection stands.
    pub connect: Duration,
    /// An unused connection is closed after this long.
    pub idle: Duration,
    /// A whole request, to its last byte.
    pub request: Duration,
}

impl Plain {
    /// A client; connects to nothing yet.
    #[must_use]
    pub fn new(times: Times) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(times.connect));
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(times.idle)
            .pool_max_idle_per_host(2)
            .http1_max_buf_size(READ_BUFFER)
            .build(connector);
        Self {
            client,
            timeout: times.request,
        }
    }

    /// Sends a GET and returns the answer, whatever it is.
    ///
    /// # Errors
    /// When no answer's head came in time.
    pub async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Response, Failure> {
        let deadline = Instant::now() + self.timeout;
        let strange = |error: http::Error| Failure::Unexpected(error.to_string());
        let mut request = Request::get(url.as_str())
            .body(Empty::new())
            .map_err(strange)?;
        *request.headers_mut() = headers;
        let answer = timeout_at(deadline, self.client.request(request)).await;
        let answer = answer.map_err(|_| Failure::Timeout(self.timeout))?;
        let answer = answer.map_err(|error| Failure::from_plain(&error, self.timeout))?;
        let limited = answer.map(|body| {
            reqwest::Body::wrap(Limited {
                body,
                deadline: Box::pin(sleep_until(deadline)),
            })
        });
        Ok(limited.into())
    }
}

/// A body that ends with an error when its time is over.
struct Limited {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl Body for Limited {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            let late = io::Error::from(io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(late.into())));
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn client(request: Duration) -> Plain {
        Plain::new(Times {
            connect: PATIENCE,
            idle: PATIENCE,
            request,
        })
    }

    /// Answers one request with the head of a body of `bytes` bytes, and the first `sent` of them.
    async fn serve(bytes: usize, sent: usize) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&vec![b' '; sent]).await.unwrap();
            tokio::time::sleep(PATIENCE).await;
        });
        Url::parse(&format!("http://{address}")).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_fast_server_fills_no_large_buffer() {
        const BYTES: usize = 32 << 20;
        let url = serve(BYTES, BYTES).await;
        let got = client(PATIENCE).get(&url, HeaderMap::new()).await;
        let mut response = got.unwrap();
        let (mut whole, mut largest) = (0, 0);
        while let Some(chunk) = response.chunk().await.unwrap() {
            // A reader slower than the server, as with a busy processor.
            tokio::task::yield_now().await;
            whole += chunk.len();
            largest = largest.max(chunk.len());
        }
        assert_eq!(whole, BYTES);
        assert!(largest <= 2 * READ_BUFFER, "{largest}");
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_a_timeout() {
        let url = serve(10, 5).await;
        let limit = Duration::from_millis(300);
        let mut response = client(limit).get(&url, HeaderMap::new()).await.unwrap();
        while let Ok(chunk) = response.chunk().await {
            assert!(chunk.is_some(), "it ended");
        }
        let error = response.chunk().await.unwrap_err();
        assert_eq!(Failure::from_client(error, limit), Failure::Timeout(limit));
    }

    #[tokio::test]
    async fn nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let url = Url::parse(&url).unwrap();
        let failure = client(PATIENCE).get(&url, HeaderMap::new()).await;
        assert_eq!(failure.unwrap_err().reason(), "connect");
    }
}
