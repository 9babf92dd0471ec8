//! A listener that can die like a process: stopping it closes every connection at once, kept-alive
//! ones too. It moves bytes between a socket and a router; it knows no routes.

use std::net::SocketAddr;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct NodeServer {
    /// Where it listens.
    pub address: SocketAddr,
    accept: JoinHandle<()>,
}

impl NodeServer {
    /// Serves `router` on an open listener.
    ///
    /// # Errors
    /// When the listener cannot say its address.
    pub fn start(listener: TcpListener, router: Router) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let accept = tokio::spawn(accept(listener, router));
        Ok(Self { address, accept })
    }

    /// Closes the listener and all its connections.
    pub fn kill(&self) {
        self.accept.abort();
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Accepts until it is aborted; its connections are aborted with it.
async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, router.clone()));
                }
                // Out of file descriptors or the like: leave others time to close theirs.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    // A client that goes away in the middle of an answer is no event for a server.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
