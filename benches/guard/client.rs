//! A client as an API server is one: HTTP/2 on one connection, or HTTP/1.1 on connections that are kept and of which another
//! is opened when all are in use, up to a number. Checks that each answer is the expected one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::EVICTION;
use super::pki::roots;

/// The protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    One,
    Two,
}

impl Http {
    /// For the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::One => "HTTP/1.1",
            Self::Two => "HTTP/2",
        }
    }
}

/// Opens connections to a server.
#[derive(Clone)]
pub struct Door {
    address: SocketAddr,
    connector: TlsConnector,
    http: Http,
}

type Body = Full<Bytes>;

/// A connection.
pub enum Connection {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

impl Door {
    /// To a server that has a certificate of the folder's authority. Every handshake is a whole one.
    pub fn new(address: SocketAddr, folder: &Path, http: Http) -> anyhow::Result<Self> {
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots(folder)?)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        if http == Http::Two {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self {
            address,
            connector,
            http,
        })
    }

    /// A new connection.
    pub async fn open(&self) -> anyhow::Result<Connection> {
        let stream = TokioIo::new(self.handshake().await?);
        Ok(match self.http {
            Http::One => {
                let (sender, connection) = http1::handshake(stream).await?;
                tokio::spawn(connection);
                Connection::One(sender)
            }
            Http::Two => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(connection);
                Connection::Two(sender)
            }
        })
    }

    async fn handshake(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = rustls::pki_types::ServerName::from(self.address.ip());
        Ok(self.connector.connect(name, stream).await?)
    }
}

impl Connection {
    /// Sends a review; whether it was allowed.
    pub async fn ask(&mut self, review: Bytes) -> anyhow::Result<bool> {
        let response = match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request(EVICTION, review)?).await?
            }
            Self::Two(sender) => {
                sender.ready().await?;
                let whole = format!("https://127.0.0.1{EVICTION}");
                sender.send_request(request(&whole, review)?).await?
            }
        };
        verdict(response).await
    }
}

fn request(uri: &str, review: Bytes) -> anyhow::Result<Request<Body>> {
    let request = Request::post(uri)
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, */*")
        .header(header::USER_AGENT, "kube-apiserver-admission");
    Ok(request.body(Full::new(review))?)
}

async fn verdict(response: Response<Incoming>) -> anyhow::Result<bool> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(
        status == 200,
        "answered {status}: {}",
        String::from_utf8_lossy(&body)
    );
    let key = b"\"allowed\":";
    let at = body.windows(key.len()).position(|part| part == key);
    let said = at.and_then(|at| body.get(at + key.len()));
    Ok(*said.context("an answer that says nothing")? == b't')
}

/// Connections that a client of HTTP/1.1 has at most.
const MOST: usize = 64;

/// A client with its connections.
#[derive(Clone)]
pub struct Client {
    door: Door,
    slots: Arc<Semaphore>,
    /// Idle ones; with HTTP/2 the one that all requests share.
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Client {
    /// Opens the first connection.
    pub async fn new(door: Door) -> anyhow::Result<Self> {
        let first = door.open().await?;
        let idle = Arc::new(Mutex::new(vec![first]));
        let slots = match door.http {
            Http::One => MOST,
            Http::Two => Semaphore::MAX_PERMITS,
        };
        let slots = Arc::new(Semaphore::new(slots));
        Ok(Self { door, slots, idle })
    }

    /// Sends a review and insists on the answer.
    pub async fn expect(&self, review: Bytes, allowed: bool) -> anyhow::Result<()> {
        let _slot = self.slots.acquire().await?;
        let mut connection = match self.take() {
            Some(connection) => connection,
            None => self.door.open().await?,
        };
        let said = connection.ask(review).await?;
        self.give(connection);
        ensure!(said == allowed, "allowed: {said}, expected: {allowed}");
        Ok(())
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Connection::Two(shared)) = idle.first() {
            return Some(Connection::Two(shared.clone()));
        }
        idle.pop()
    }

    fn give(&self, connection: Connection) {
        if let Connection::One(_) = connection {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }
}
