//! A small HTTPS server on loopback for the parts of a cluster that a test plays itself: webhooks, metrics APIs. Its
//! certificate comes from the plane's authority.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certs::{Authority, Pair};

/// A running server. Dropping it ends it.
pub struct Https {
    /// `127.0.0.1` and the port that was found.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Https {
    /// Serves on a free port.
    pub async fn start(authority: &Authority, router: Router) -> Result<Self> {
        let pair = authority.issue("test", &["127.0.0.1", "localhost"])?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let tls = Tls {
            listener,
            acceptor: acceptor(&pair)?,
        };
        let task = tokio::spawn(async move {
            // It never ends by itself.
            let _ = axum::serve(tls, router).await;
        });
        Ok(Self { address, task })
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A listener whose connections are TLS from their start.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // Who breaks off his handshake tries again.
            if let Ok((stream, peer)) = self.listener.accept().await
                && let Ok(secure) = self.acceptor.accept(stream).await
            {
                return (secure, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

fn acceptor(pair: &Pair) -> Result<TlsAcceptor> {
    let chain =
        vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).context("a certificate")?];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).context("a key")?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
