//! The HTTP server. Moves requests from a socket to a router within [`Limits`], over TCP
//! or TLS, and stops in an orderly way. Decides nothing about any request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limits::{Limits, harden};
use super::stall::Stall;
use super::tls::{H2, Tls};

/// Out of descriptors, trying at once would only burn CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening socket that is not yet served.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    limits: Limits,
}

/// The address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct BindError {
    /// What was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

impl Server {
    /// Listens on exactly this address; port 0 takes any free one. Connections queue from
    /// now on and are served by [`Server::run`].
    pub async fn bind(address: SocketAddr, limits: Limits) -> Result<Self, BindError> {
        let listen = async || {
            let listener = TcpListener::bind(address).await?;
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        };
        let (listener, bound) = listen()
            .await
            .map_err(|error| BindError { address, error })?;
        Ok(Self {
            listener,
            address: bound,
            tls: None,
            limits,
        })
    }

    /// Serves HTTPS (HTTP/1.1 and HTTP/2) in place of HTTP/1.1.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Arc<Tls>>) -> Self {
        self.tls = tls;
        self
    }

    /// Where it listens, with the port that was found.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, for logs and for a person to click.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `stop`, then lets open requests finish within [`Limits::shutdown`] and
    /// drops the rest. The router is [hardened](harden) here. Never fails; the result suits
    /// [`crate::process::tasks::Tasks::spawn`].
    pub async fn run(self, router: Router, stop: CancellationToken) -> anyhow::Result<()> {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let open = TaskTracker::new();
        let shared = Shared {
            router: harden(router, &self.limits),
            limits: self.limits,
            tls: self.tls.clone(),
            stop: stop.clone(),
            abort: CancellationToken::new(),
        };
        tracing::info!(url = self.url(), "Listening");
        // A slot before the connection: clients beyond the limit wait in the listen queue.
        while let Some(slot) = unless(&stop, slots.clone().acquire_owned()).await {
            let Some(accepted) = unless(&stop, self.listener.accept()).await else {
                break;
            };
            match accepted {
                Ok((stream, _)) => {
                    let shared = shared.clone();
                    open.spawn(async move {
                        shared.connection(stream).await;
                        drop(slot);
                    });
                }
                Err(error) => pause(&error).await,
            }
        }
        drop(self.listener);
        finish(&open, &shared).await;
        Ok(())
    }
}

/// `None` once `stop` is cancelled.
async fn unless<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    stop.run_until_cancelled(work).await
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "Cannot accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

async fn finish(open: &TaskTracker, shared: &Shared) {
    open.close();
    if tokio::time::timeout(shared.limits.shutdown, open.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = open.len(),
            "Dropping connections that did not finish in time"
        );
        shared.abort.cancel();
        open.wait().await;
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Shared {
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl Shared {
    async fn connection(&self, stream: TcpStream) {
        // Answers are small and one piece; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let served = unless(&self.abort, self.over_tcp_or_tls(stream)).await;
        if let Some(Err(error)) = served {
            // Ordinary on any network: resets, timeouts, port scans, wrong protocols.
            tracing::debug!(%error, "A connection ended badly");
        }
    }

    async fn over_tcp_or_tls(&self, stream: TcpStream) -> anyhow::Result<()> {
        let Some(tls) = &self.tls else {
            return self.http1(Stall::new(stream, self.limits.stall)).await;
        };
        // A handshake's state is large; boxed, it is gone once the handshake is over.
        let handshake = Box::pin(tls.acceptor().accept(stream));
        let handshake = tokio::time::timeout(self.limits.head_time, handshake);
        let Some(stream) = unless(&self.stop, handshake).await else {
            return Ok(());
        };
        let stream = stream??;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        let stream = Stall::new(stream, self.limits.stall);
        if h2 {
            // A live peer answers our pings, so silence of several is a dead or hostile one.
            self.http2(stream.with_read_limit(3 * self.limits.stall))
                .await
        } else {
            self.http1(stream).await
        }
    }

    async fn http1<S>(&self, stream: Stall<S>) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_buf_size(self.limits.head_bytes);
        let service = TowerToHyperService::new(self.router.clone());
        let heard = stream.heard();
        let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
        if let Some(result) = unless(&self.stop, connection.as_mut()).await {
            return Ok(result?);
        }
        if !heard.load(Ordering::Relaxed) {
            // Browsers connect ahead of need; nobody waits for an answer here.
            return Ok(());
        }
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }

    async fn http2<S>(&self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let head = u32::try_from(self.limits.head_bytes).unwrap_or(u32::MAX);
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(head)
            .max_concurrent_streams(100)
            .keep_alive_interval(self.limits.stall)
            .keep_alive_timeout(self.limits.stall);
        let service = TowerToHyperService::new(self.router.clone());
        let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
        if let Some(result) = unless(&self.stop, connection.as_mut()).await {
            return Ok(result?);
        }
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }
}
