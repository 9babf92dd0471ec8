//! One connection, from its handshake to its end. Moves requests into the router, tells
//! handlers who the client is, and ends when the server or the certificate asks for it,
//! so that no request is lost. Decides nothing about any request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode, Version};
use axum::response::Response;
use futures::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::limits::Limits;
use super::linger::{Lent, lend};
use super::stall::Stall;
use super::tls::{ClientCertificate, H2, Tls};

/// What every connection of a server needs.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) phases: Phases,
}

/// How a server goes, one after the other.
#[derive(Clone, Default)]
pub(super) struct Phases {
    /// Clients should find another server for their next request; this one still answers all.
    pub(super) leaving: CancellationToken,
    /// Requests that are open are finished; no others are begun.
    pub(super) closing: CancellationToken,
    /// Everything still open is dropped.
    pub(super) abort: CancellationToken,
}

/// Who the client is, and whether it should come back on another connection.
struct Guest {
    router: Router,
    certificate: Option<Arc<ClientCertificate>>,
    last: Arc<AtomicBool>,
    /// Cancelled once this server could not answer a request. Behind the same address there may be one that can, and the
    /// API server asks over one connection for as long as that stands.
    unable: CancellationToken,
}

impl Shared {
    pub(super) async fn connection(&self, stream: TcpStream) {
        // Answers are small and one piece; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let (stream, ending) = lend(stream);
        let work = async {
            if let Err(error) = self.over_tcp_or_tls(stream).await {
                // Ordinary on any network: resets, timeouts, port scans, wrong protocols.
                tracing::debug!(%error, "A connection ended badly");
            }
            ending.linger().await;
        };
        self.phases.abort.run_until_cancelled(work).await;
    }

    async fn over_tcp_or_tls(&self, stream: Lent) -> anyhow::Result<()> {
        let Some(tls) = &self.tls else {
            let stream = Stall::new(stream, self.limits.stall);
            return self.http1(stream, None, &CancellationToken::new()).await;
        };
        let Some(generation) = tls.generation() else {
            anyhow::bail!("there is no certificate yet");
        };
        // A handshake's state is large; boxed, it is gone once the handshake is over.
        let handshake = Box::pin(TlsAcceptor::from(generation.config.clone()).accept(stream));
        let handshake = tokio::time::timeout(self.limits.handshake_time, handshake);
        let Some(stream) = self.phases.closing.run_until_cancelled(handshake).await else {
            return Ok(());
        };
        let stream = stream??;
        let session = stream.get_ref().1;
        let certificate = ClientCertificate::of(session.peer_certificates());
        let h2 = session.alpn_protocol() == Some(H2);
        let stream = Stall::new(stream, self.limits.stall);
        if h2 {
            // A live peer answers our pings, so silence of several is a dead or hostile one.
            let stream = stream.with_read_limit(3 * self.limits.stall);
            self.http2(stream, certificate, &generation.retired).await
        } else {
            self.http1(stream, certificate, &generation.retired).await
        }
    }

    /// HTTP/1.1 can't say "no more" to a client that is just sending a request: it is told
    /// with the next answer instead. Until then the connection may stay idle for as long as
    /// ever; only the end of the server closes it under the client.
    async fn http1<S>(
        &self,
        stream: Stall<S>,
        certificate: Option<Arc<ClientCertificate>>,
        retired: &CancellationToken,
    ) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_buf_size(self.limits.head_bytes);
        let (heard, last) = (stream.heard(), Arc::new(AtomicBool::new(false)));
        let unable = CancellationToken::new();
        let guest = self.guest(certificate, last.clone(), unable);
        let service = service_fn(move |request| guest.answer(request));
        let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
        let next = either(self.phases.leaving.cancelled(), retired.cancelled());
        if let Some(result) = unless(next, connection.as_mut()).await {
            return Ok(result?);
        }
        last.store(true, Ordering::Relaxed);
        let closing = &self.phases.closing;
        if let Some(result) = closing.run_until_cancelled(connection.as_mut()).await {
            return Ok(result?);
        }
        if !heard.load(Ordering::Relaxed) {
            // Browsers connect ahead of need; nobody waits for an answer here.
            return Ok(());
        }
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }

    /// HTTP/2 names the last request that will be answered (GOAWAY), so none gets lost.
    async fn http2<S>(
        &self,
        stream: S,
        certificate: Option<Arc<ClientCertificate>>,
        retired: &CancellationToken,
    ) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let head = u32::try_from(self.limits.head_bytes).unwrap_or(u32::MAX);
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(head)
            .max_concurrent_streams(self.limits.streams)
            .keep_alive_interval(self.limits.stall)
            .keep_alive_timeout(self.limits.stall);
        let unable = CancellationToken::new();
        let guest = self.guest(certificate, Arc::default(), unable.clone());
        let service = service_fn(move |request| guest.answer(request));
        let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
        let next = either(
            either(self.phases.closing.cancelled(), retired.cancelled()),
            unable.cancelled(),
        );
        if let Some(result) = unless(next, connection.as_mut()).await {
            return Ok(result?);
        }
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }

    fn guest(
        &self,
        certificate: Option<Arc<ClientCertificate>>,
        last: Arc<AtomicBool>,
        unable: CancellationToken,
    ) -> Guest {
        Guest {
            router: self.router.clone(),
            certificate,
            last,
            unable,
        }
    }
}

impl Guest {
    /// Takes no lock: this is on the path of every request.
    fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, std::convert::Infallible>> + Send + use<> {
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        let is_http1 = request.version() < Version::HTTP_2;
        let answer = self.router.clone().oneshot(request);
        let (last, unable) = (self.last.clone(), self.unable.clone());
        async move {
            let mut response = answer.await?;
            let is_unable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
            if is_unable {
                unable.cancel();
            }
            if last.load(Ordering::Relaxed) || (is_unable && is_http1) {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok(response)
        }
    }
}

/// Over once one of the two is.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

/// `None` once `end` is over; the work may go on afterwards.
async fn unless<W: Future + Unpin>(end: impl Future<Output = ()>, work: W) -> Option<W::Output> {
    match select(std::pin::pin!(end), work).await {
        Either::Left(_) => None,
        Either::Right((output, _)) => Some(output),
    }
}
