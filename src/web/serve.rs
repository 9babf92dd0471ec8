//! The HTTP server. Accepts connections within [`Limits`], over TCP or TLS, and decides
//! when it stops accepting, when it closes and what it drops; never anything about a request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Phases, Shared};
use super::limits::{Limits, harden};
use super::tls::Tls;

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

    /// Serves until `stop` and for [`Limits::lame_duck`] longer, then lets open requests
    /// finish within [`Limits::shutdown`] and drops the rest. The router is [hardened](harden)
    /// here. Never fails; the result suits [`crate::process::tasks::Tasks::spawn`].
    pub async fn run(self, router: Router, stop: CancellationToken) -> anyhow::Result<()> {
        let open = TaskTracker::new();
        let shared = Shared {
            router: harden(router, &self.limits),
            limits: self.limits,
            tls: self.tls.clone(),
            phases: Phases {
                leaving: stop,
                ..Phases::default()
            },
        };
        tracing::info!(url = self.url(), "Listening");
        tokio::select! {
            () = self.accept(&open, &shared) => {}
            () = lame_duck(&shared) => {}
        }
        drop(self.listener);
        shared.phases.closing.cancel();
        finish(&open, &shared).await;
        Ok(())
    }

    /// Never ends by itself.
    async fn accept(&self, open: &TaskTracker, shared: &Shared) {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        // A slot before the connection: clients beyond the limit wait in the listen queue.
        while let Ok(slot) = slots.clone().acquire_owned().await {
            match self.listener.accept().await {
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
    }
}

/// Over when the server should close: until then it serves on, since clients learn only
/// after a while that this process is leaving.
async fn lame_duck(shared: &Shared) {
    shared.phases.leaving.cancelled().await;
    if !shared.limits.lame_duck.is_zero() {
        tokio::time::sleep(shared.limits.lame_duck).await;
    }
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
        shared.phases.abort.cancel();
        open.wait().await;
    }
}
