//! A server on loopback that says exactly the bytes it is told, well-formed or not, and remembers who asked for what.
//! Raw sockets: an HTTP library would not let it lie. Each connection carries one answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::reply::{Body, Reply};

/// Details of one query: what the politeness rules speak of.
pub const DETAIL: &str = "/v1/query/";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    /// Everything up to the empty line.
    pub head: String,
    /// When its head had come.
    came: Instant,
}

impl Asked {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| -> Option<(String, usize)> {
            let (key, _) = line.split_once(':')?;
            Some((key.to_ascii_lowercase(), key.len() + 1))
        };
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|text| {
            let (key, value) = line(text)?;
            (key == name).then(|| text[value..].trim())
        })
    }
}

/// A running server; it ends when dropped.
pub struct Fake {
    /// Its base URL.
    pub url: String,
    shared: Arc<Shared>,
    work: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<HashMap<String, Turns>>,
    asked: Mutex<Vec<Asked>>,
    /// Bytes of bodies that were handed to the kernel.
    sent: AtomicU64,
    /// Answers that are never whole and whose client went away.
    left: AtomicU64,
    details: Mutex<InFlight>,
}

#[derive(Default)]
struct InFlight {
    now: usize,
    most: usize,
}

/// Answers that are given in turn.
struct Turns {
    replies: Vec<Reply>,
    next: usize,
}

impl Fake {
    /// A server that answers 404 to everything.
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0", None).await
    }

    /// The same, with TLS.
    pub async fn start_tls(tls: TlsAcceptor) -> Self {
        Self::start_at("127.0.0.1:0", Some(tls)).await
    }

    /// The same at an address.
    pub async fn start_at(address: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let work = tokio::spawn(accept(listener, tls, shared.clone()));
        Self { url, shared, work }
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// What to answer at a path, or at a path with this very query.
    pub fn on(&self, target: &str, reply: Reply) {
        self.in_turn(target, vec![reply]);
    }

    /// Answers that take turns.
    pub fn in_turn(&self, target: &str, replies: Vec<Reply>) {
        let turns = Turns { replies, next: 0 };
        lock(&self.shared.script).insert(target.to_owned(), turns);
    }

    /// Requests whose target begins so.
    pub fn asked(&self, prefix: &str) -> Vec<Asked> {
        let asked = lock(&self.shared.asked);
        let fits = asked.iter().filter(|one| one.target.starts_with(prefix));
        fits.cloned().collect()
    }

    /// Waits until somebody has asked for `prefix` so many times.
    pub async fn until_asked(&self, prefix: &str, times: usize) {
        super::harness::eventually(prefix, || self.asked(prefix).len() >= times).await;
    }

    /// Bytes of bodies that were handed to the kernel.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Clients that left an answer without end.
    pub fn left(&self) -> u64 {
        self.shared.left.load(Ordering::SeqCst)
    }

    /// Times from one request for a thing to the next.
    pub fn intervals(&self, target: &str) -> Vec<Duration> {
        let asked = self.asked(target);
        let pairs = asked.iter().zip(asked.iter().skip(1));
        pairs.map(|(one, next)| next.came - one.came).collect()
    }

    /// The most details that were ever asked for at once.
    pub fn most_details(&self) -> usize {
        lock(&self.shared.details).most
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.work.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

// === The server ===

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, tls.clone(), shared.clone()));
    }
}

async fn connection(mut stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    match tls {
        Some(tls) => {
            if let Ok(mut stream) = tls.accept(stream).await {
                talk(&mut stream, &shared).await;
            }
        }
        None => {
            if talk(&mut stream, &shared).await == Ending::Reset {
                stream.set_zero_linger().unwrap();
            }
        }
    }
}

#[derive(PartialEq)]
enum Ending {
    Close,
    Reset,
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, shared: &Shared) -> Ending {
    let Some(asked) = request(stream).await else {
        return Ending::Close;
    };
    let reply = shared.reply(&asked.target);
    let detail = asked.target.starts_with(DETAIL);
    lock(&shared.asked).push(asked);
    let _counted = detail.then(|| Counted::enter(&shared.details));
    tokio::time::sleep(reply.delay).await;
    let ending = answer(stream, &reply, shared).await;
    let _ = stream.shutdown().await;
    ending
}

async fn request<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        if head[0] != b'G' {
            let refusal = b"HTTP/1.1 400 Not HTTP\r\nconnection: close\r\n\r\n";
            stream.write_all(refusal).await.ok()?;
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.split(' ').nth(1)?.to_owned();
    Some(Asked {
        target,
        head,
        came: Instant::now(),
    })
}

impl Shared {
    fn reply(&self, target: &str) -> Reply {
        let path = target.split('?').next().unwrap();
        let mut script = lock(&self.script);
        let key = if script.contains_key(target) {
            target
        } else {
            path
        };
        let Some(turns) = script.get_mut(key) else {
            return Reply::html("<html>nothing here</html>").status(404);
        };
        let reply = turns.replies[turns.next % turns.replies.len()].clone();
        turns.next += 1;
        reply
    }

    async fn send<S: AsyncWrite + Unpin>(&self, stream: &mut S, bytes: &[u8]) -> bool {
        self.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
    }
}

/// Counts a request while it lives.
struct Counted<'a>(&'a Mutex<InFlight>);

impl<'a> Counted<'a> {
    fn enter(of: &'a Mutex<InFlight>) -> Self {
        let mut held = lock(of);
        held.now += 1;
        held.most = held.most.max(held.now);
        Self(of)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        lock(self.0).now -= 1;
    }
}

// === The answer ===

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    reply: &Reply,
    shared: &Shared,
) -> Ending {
    let head = reply.head();
    if stream.write_all(head.as_bytes()).await.is_err() {
        return Ending::Close;
    }
    match &reply.body {
        Body::Whole(bytes) | Body::Short(bytes) | Body::Raw(bytes) => {
            shared.send(stream, bytes).await;
        }
        Body::Unended(bytes) => {
            shared.send(stream, &chunk(bytes)).await;
        }
        Body::Endless(bytes) => {
            let chunk = chunk(bytes);
            while shared.send(stream, &chunk).await {}
            shared.left.fetch_add(1, Ordering::SeqCst);
        }
        Body::Drip(tick) => drip(stream, *tick, shared).await,
        Body::Never => gone(stream, shared).await,
        Body::Reset(bytes) => {
            shared.send(stream, bytes).await;
            return Ending::Reset;
        }
    }
    Ending::Close
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat()
}

/// White space, one byte a tick: always something new, never a document.
async fn drip<S: AsyncWrite + Unpin>(stream: &mut S, tick: Duration, shared: &Shared) {
    while shared.send(stream, &chunk(b" ")).await {
        tokio::time::sleep(tick).await;
    }
    shared.left.fetch_add(1, Ordering::SeqCst);
}

/// Says nothing until the client has gone.
async fn gone<S: AsyncRead + Unpin>(stream: &mut S, shared: &Shared) {
    let _ = stream.read_u8().await;
    shared.left.fetch_add(1, Ordering::SeqCst);
}
