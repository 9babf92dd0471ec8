//! How many bytes of request bodies one server holds at once, all clients together. Counts what has come, not what was
//! announced: who only promises a long body takes nothing from others. Decides which request is turned away when there is
//! no room: the one that just needs more.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Semaphore;

use super::problem::Problem;

/// The bytes that a server has left. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// What one request has taken; given back when it is answered.
#[derive(Debug)]
struct Taken {
    from: Budget,
    bytes: AtomicUsize,
    /// There was no more.
    short: AtomicBool,
}

/// A body whose bytes are counted as they come.
struct Counted {
    body: Body,
    taken: Arc<Taken>,
}

/// There is no room for more.
#[derive(Debug)]
struct Exhausted;

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }
}

/// Middleware: answers 503 where the body does not fit in with those of other requests.
pub(super) async fn count(State(budget): State<Budget>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Kept until the answer is there: handlers keep the body for as long.
    let taken = Arc::new(Taken {
        from: budget,
        bytes: AtomicUsize::new(0),
        short: AtomicBool::new(false),
    });
    let counting = taken.clone();
    let request = request.map(|body| {
        let taken = counting;
        Body::new(Counted { body, taken })
    });
    let response = next.run(request).await;
    if taken.short.load(Ordering::Relaxed) {
        let detail = "this server holds as many bytes of requests as it may; try again";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    }
    response
}

impl Taken {
    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let permits = u32::try_from(bytes).map_err(|_| Exhausted);
        let permits = permits.and_then(|count| {
            let permits = self.from.0.try_acquire_many(count);
            permits.map_err(|_| Exhausted)
        });
        match permits {
            Ok(permits) => {
                permits.forget();
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(exhausted) => {
                self.short.store(true, Ordering::Relaxed);
                Err(exhausted)
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.from.0.add_permits(*self.bytes.get_mut());
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let next = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(frame) = next.transpose()? else {
            return Poll::Ready(None);
        };
        if let Some(data) = frame.data_ref() {
            self.taken.take(data.len())?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for more bytes of requests")
    }
}

impl Error for Exhausted {}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn taken(from: &Budget) -> Arc<Taken> {
        Arc::new(Taken {
            from: from.clone(),
            bytes: AtomicUsize::new(0),
            short: AtomicBool::new(false),
        })
    }

    #[test]
    fn what_one_request_took_comes_back_when_it_ends() {
        let budget = Budget::new(10);
        let (one, other) = (taken(&budget), taken(&budget));
        assert!(one.take(6).is_ok());
        assert!(other.take(5).is_err());
        assert!(other.short.load(Ordering::Relaxed) && !one.short.load(Ordering::Relaxed));
        assert!(other.take(4).is_ok());
        drop(one);
        assert_eq!(budget.0.available_permits(), 6);
        drop(other);
        assert_eq!(budget.0.available_permits(), 10);
    }

    #[tokio::test]
    async fn bytes_are_counted_as_they_come() {
        let budget = Budget::new(10);
        let taken = taken(&budget);
        let chunks = futures::stream::iter(["12345678", "901"].map(Ok::<_, std::io::Error>));
        let body = Body::from_stream(chunks);
        let mut counted = Counted {
            body,
            taken: taken.clone(),
        };
        assert!(counted.frame().await.is_some_and(|frame| frame.is_ok()));
        assert_eq!(budget.0.available_permits(), 2);
        assert!(counted.frame().await.is_some_and(|frame| frame.is_err()));
        assert!(taken.short.load(Ordering::Relaxed));
    }
}
