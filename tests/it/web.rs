//! The HTTP server as clients meet it, well-behaved and not: limits, shutdown, TLS.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xtrinode::web::limits::Limits;
use xtrinode::web::serve::Server;
use xtrinode::web::tls::{Tls, install_provider};

const SHORT: Duration = Duration::from_millis(50);

struct Served {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
    /// Lets `/waits` answer.
    go: Arc<Notify>,
}

impl Served {
    async fn start(limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        let go = Arc::new(Notify::new());
        let waits = go.clone();
        let router = Router::new().route("/", get(async || "hello")).route(
            "/waits",
            get(async move || {
                waits.notified().await;
                "done"
            }),
        );
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, limits).await.unwrap().with_tls(tls);
        let (address, stop) = (server.address(), CancellationToken::new());
        assert_ne!(address.port(), 0);
        let ended = tokio::spawn(server.run(router, stop.clone()));
        Self {
            address,
            stop,
            ended,
            go,
        }
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

/// Long enough for any machine; a server that keeps a client longer never lets it go.
const FOR_EVER: Duration = Duration::from_secs(60);

/// Everything until the server closes; a reset counts as that.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let closed = tokio::time::timeout(FOR_EVER, stream.read_to_end(&mut bytes)).await;
    assert!(closed.is_ok(), "the server did not close the connection");
    bytes
}

async fn text(stream: &mut TcpStream) -> String {
    String::from_utf8(rest(stream).await).unwrap()
}

async fn status(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const GET_AND_CLOSE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn it_answers_and_stops() {
    let served = Served::start(Limits::default(), None).await;
    let answer = text(&mut served.send(GET_AND_CLOSE).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"),
        "{answer}"
    );
    let mut idle = served.send(GET).await;
    assert_eq!(status(&mut idle).await, "HTTP/1.1 200");
    served.stop.cancel();
    served.ended.await.unwrap().unwrap();
    rest(&mut idle).await;
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let served = Served::start(Limits::default(), None).await;
    let error = Server::bind(served.address, Limits::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {}: ", served.address)),
        "{error}"
    );
}

#[tokio::test]
async fn silent_and_slow_heads_are_cut_off() {
    let served = Served::start(
        Limits {
            head_time: SHORT,
            ..Limits::default()
        },
        None,
    )
    .await;
    for beginning in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let answer = text(&mut served.send(beginning).await).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // A kept connection is cut off too once it is idle.
    let answer = text(&mut served.send(GET).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn long_heads_are_refused() {
    let served = Served::start(
        Limits {
            head_bytes: 8192,
            ..Limits::default()
        },
        None,
    )
    .await;
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n",
        "x".repeat(8192)
    );
    let mut stream = served.send(&head).await;
    assert_eq!(status(&mut stream).await, "HTTP/1.1 431");
}

#[tokio::test]
async fn stalled_bodies_are_cut_off() {
    let limits = Limits {
        stall: SHORT,
        ..Limits::default()
    };
    let router = Router::new().route("/", axum::routing::post(async |body: String| body));
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), limits)
        .await
        .unwrap();
    let address = server.address();
    tokio::spawn(server.run(router, CancellationToken::new()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1";
    stream.write_all(head).await.unwrap();
    assert_eq!(status(&mut stream).await, "HTTP/1.1 400");
}

#[tokio::test]
async fn clients_beyond_the_limit_wait_their_turn() {
    let served = Served::start(
        Limits {
            connections: 1,
            ..Limits::default()
        },
        None,
    )
    .await;
    let mut first = served.send(GET).await;
    assert_eq!(status(&mut first).await, "HTTP/1.1 200");
    let mut second = served.send(GET_AND_CLOSE).await;
    let early = tokio::time::timeout(SHORT, status(&mut second)).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert!(text(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn an_open_request_is_finished_before_the_end() {
    let served = Served::start(Limits::default(), None).await;
    let mut stream = served.send("GET /waits HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let other = text(&mut served.send(GET_AND_CLOSE).await).await;
    assert!(other.ends_with("hello"), "{other}");
    served.stop.cancel();
    served.go.notify_one();
    assert!(text(&mut stream).await.ends_with("done"));
    served.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_is_dropped() {
    let served = Served::start(
        Limits {
            shutdown: SHORT,
            ..Limits::default()
        },
        None,
    )
    .await;
    let mut stream = served.send("GET /waits HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // Answered after the first was accepted, so that one is open by now.
    text(&mut served.send(GET_AND_CLOSE).await).await;
    served.stop.cancel();
    served.ended.await.unwrap().unwrap();
    assert_eq!(text(&mut stream).await, "");
}

/// A certificate and key in a folder laid out as a mounted Secret.
struct Secret(tempfile::TempDir);

impl Secret {
    fn new() -> Self {
        let secret = Self(tempfile::tempdir().unwrap());
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), secret.path(name)).unwrap();
        }
        secret
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Issues a certificate, swaps it in and returns it as PEM.
    fn issue(&self, generation: &str) -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::create_dir(self.path(generation)).unwrap();
        fs::write(self.path(generation).join("tls.crt"), made.cert.pem()).unwrap();
        fs::write(
            self.path(generation).join("tls.key"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        symlink(generation, self.path("..next")).unwrap();
        fs::rename(self.path("..next"), self.path("..data")).unwrap();
        made.cert.pem()
    }

    fn load(&self) -> Arc<Tls> {
        Arc::new(Tls::load(&self.path("tls.crt"), &self.path("tls.key")).unwrap())
    }
}

/// One request on a new connection that trusts this certificate alone.
async fn fetch(served: &Served, trusted: &str) -> reqwest::Result<(reqwest::Version, String)> {
    let trusted = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([trusted])
        .no_proxy()
        .resolve("localhost", served.address)
        .build()?;
    let url = format!("https://localhost:{}/", served.address.port());
    let answer = client.get(url).send().await?;
    Ok((answer.version(), answer.text().await?))
}

#[tokio::test]
async fn a_swapped_certificate_is_served_without_a_restart() {
    install_provider();
    let secret = Secret::new();
    let first = secret.issue("..1");
    let tls = secret.load();
    let served = Served::start(Limits::default(), Some(tls.clone())).await;
    tokio::spawn(tls.watch(Duration::from_millis(10), served.stop.clone()));
    let (version, body) = fetch(&served, &first).await.unwrap();
    assert_eq!(
        (version, body.as_str()),
        (reqwest::Version::HTTP_2, "hello")
    );
    let second = secret.issue("..2");
    assert!(becomes_trusted(&served, &second).await);
    assert!(fetch(&served, &first).await.is_err());
    served.stop.cancel();
    served.ended.await.unwrap().unwrap();
}

async fn becomes_trusted(served: &Served, certificate: &str) -> bool {
    for _ in 0..500 {
        if fetch(served, certificate).await.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_cut_off() {
    let secret = Secret::new();
    secret.issue("..1");
    let limits = Limits {
        handshake_time: SHORT,
        ..Limits::default()
    };
    let served = Served::start(limits, Some(secret.load())).await;
    assert_eq!(text(&mut served.send("").await).await, "");
    assert!(!text(&mut served.send(GET).await).await.contains("200 OK"));
}

/// Speaks TLS, agrees on HTTP/2 and then says nothing.
#[tokio::test]
async fn a_silent_http2_client_is_cut_off() {
    let secret = Secret::new();
    let certificate = secret.issue("..1");
    let limits = Limits {
        stall: Duration::from_millis(20),
        ..Limits::default()
    };
    let served = Served::start(limits, Some(secret.load())).await;
    let stream = TcpStream::connect(served.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(h2_client(&certificate)));
    let mut stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    // Its settings and pings, then the end.
    assert!(!rest(&mut stream).await.is_empty());
}

fn h2_client(certificate: &str) -> rustls::ClientConfig {
    use rustls::pki_types::pem::PemObject as _;

    install_provider();
    let mut roots = rustls::RootCertStore::empty();
    let pem = certificate.as_bytes();
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_slice(pem).unwrap())
        .unwrap();
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// It is still sending when the answer is ready; closing on it at once would destroy the answer.
#[tokio::test]
async fn a_body_that_is_too_long_is_answered_although_it_is_still_coming() {
    let router = Router::new().route("/", axum::routing::post(async |body: String| body));
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(address, Limits::default()).await.unwrap();
    let address = server.address();
    tokio::spawn(server.run(router, CancellationToken::new()));
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        stream.write_all(&vec![b'x'; 8_000_000]).await.unwrap();
        assert_eq!(status(&mut stream).await, "HTTP/1.1 413");
    }
}
