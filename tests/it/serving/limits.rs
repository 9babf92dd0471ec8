//! What one client may take: size of bodies, time for a handshake; and that a panic harms
//! nobody but its own request.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xtrinode::web::limits::Limits;
use xtrinode::web::tls::Tls;

use super::pki::Authority;
use super::scene::{BOTH, FOR_EVER, Scene, client, given, quick, replace};

/// A TLS connection that has agreed on HTTP/2, exchanged settings and asks nothing.
pub async fn http2(scene: &Scene, authority: &Authority) -> TlsStream<TcpStream> {
    let mut stream = connect(scene, authority, &rustls::version::TLS13)
        .await
        .unwrap();
    // The preface and empty settings; then the server's settings have come, so it serves us.
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    assert_eq!(frame(&mut stream).await.unwrap().kind, SETTINGS);
    stream
}

const SETTINGS: u8 = 4;
const PING: u8 = 6;

/// One frame of HTTP/2 (RFC 9113, 4.1) without its stream.
struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

async fn frame(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await?;
    Ok(Frame {
        kind: head[3],
        flags: head[4],
        payload,
    })
}

async fn connect(
    scene: &Scene,
    authority: &Authority,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<TlsStream<TcpStream>> {
    speak(scene, authority, version, b"h2").await
}

async fn speak(
    scene: &Scene,
    authority: &Authority,
    version: &'static rustls::SupportedProtocolVersion,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
        .unwrap();
    let mut config = rustls::ClientConfig::builder_with_protocol_versions(&[version])
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(scene.address).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// Answers pings as any HTTP/2 client does, until the server closes.
pub async fn until_closed(stream: &mut TlsStream<TcpStream>) {
    let answered = async {
        while let Ok(frame) = frame(stream).await {
            // A ping that is not itself an answer.
            if frame.kind == PING && frame.flags == 0 {
                let head = [0, 0, 8, PING, 1, 0, 0, 0, 0];
                let answer = [head.as_slice(), &frame.payload].concat();
                stream.write_all(&answer).await.ok();
            }
        }
    };
    let closed = tokio::time::timeout(FOR_EVER, answered).await;
    assert!(closed.is_ok(), "the server kept the connection");
}

/// Whatever comes until the server closes; a reset counts as that.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let closed = tokio::time::timeout(FOR_EVER, stream.read_to_end(&mut bytes)).await;
    assert!(closed.is_ok(), "the server kept the connection");
    bytes
}

#[tokio::test]
async fn a_panic_is_a_500_and_harms_no_other_request() {
    let authority = Authority::new("ours");
    let scene = Scene::start(quick(), given(&authority.server())).await;
    for http in BOTH {
        let client = client(http, &authority, None);
        for _ in 0..3 {
            let answer = client.post(scene.url("/panics")).body("{}").send().await;
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 500);
            let body = answer.text().await.unwrap();
            assert!(
                !body.contains("hunter2") && !body.contains("allowed"),
                "{body}"
            );
            let fine = client.post(scene.url("/review")).body("abc").send().await;
            assert_eq!(fine.unwrap().text().await.unwrap(), "3");
        }
    }
    scene.finish().await;
}

#[tokio::test]
async fn the_largest_body_is_read_and_one_byte_more_is_a_413() {
    let authority = Authority::new("ours");
    let scene = Scene::start(quick(), given(&authority.server())).await;
    let most = Limits::webhook().body_bytes;
    for http in BOTH {
        let client = client(http, &authority, None);
        let send = async |size: usize| {
            let request = client.post(scene.url("/review")).body("x".repeat(size));
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(send(most).await, (200, most.to_string()), "{http:?}");
        let (status, body) = send(most + 1).await;
        assert_eq!(status, 413, "{http:?}: {body}");
        assert!(body.contains("longer than this server reads"), "{body}");
    }
    scene.finish().await;
}

/// One client has sent half of what all may send together and goes no further; another one gets 503 where it needs
/// more than the other half, and its way as soon as the first one is gone.
#[tokio::test]
async fn bodies_together_take_no_more_than_their_budget() {
    let authority = Authority::new("ours");
    let limits = Limits {
        body_bytes: 1 << 20,
        bodies_bytes: 1 << 20,
        ..quick()
    };
    let scene = Scene::start(limits, given(&authority.server())).await;
    for http in BOTH {
        let client = client(http, &authority, None);
        let send = async |size: usize| {
            let request = client.post(scene.url("/review")).body("x".repeat(size));
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let slow = half_a_body(&scene, &authority, 512 << 10).await;
        let (status, body) =
            until(async || send(768 << 10).await, |(status, _)| *status == 503).await;
        assert_eq!(status, 503, "{http:?}: {body}");
        assert!(body.contains("as many bytes of requests"), "{body}");
        assert_eq!(send(256 << 10).await.0, 200, "{http:?}: the rest is enough");
        drop(slow);
        let (status, body) =
            until(async || send(768 << 10).await, |(status, _)| *status == 200).await;
        assert_eq!(status, 200, "{http:?}: {body}");
    }
    scene.finish().await;
}

/// The first so many bytes of an HTTP/1.1 body that is said to be twice as long.
async fn half_a_body(scene: &Scene, authority: &Authority, half: usize) -> TlsStream<TcpStream> {
    let mut stream = speak(scene, authority, &rustls::version::TLS13, b"http/1.1")
        .await
        .unwrap();
    let head = format!(
        "POST /review HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        2 * half
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; half]).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

/// Asks again until the answer is the right one: what was sent is not what was read yet. The last answer.
async fn until<T>(ask: impl AsyncFn() -> T, right: impl Fn(&T) -> bool) -> T {
    let mut answer = ask().await;
    for _ in 0..200 {
        if right(&answer) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = ask().await;
    }
    answer
}

#[tokio::test]
async fn slow_handshakes_are_cut_off_while_others_are_served() {
    let authority = Authority::new("ours");
    let limits = Limits {
        handshake_time: Duration::from_millis(50),
        ..quick()
    };
    let scene = Scene::start(limits, given(&authority.server())).await;
    // Nothing at all; a record that does not end; a record that claims 16 KiB.
    for beginning in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x40\x00\x01"] {
        let mut stream = TcpStream::connect(scene.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        assert_eq!(rest(&mut stream).await, b"");
    }
    let client = client(BOTH[1], &authority, None);
    assert!(client.get(scene.url("/")).send().await.is_ok());
    scene.finish().await;
}

#[tokio::test]
async fn both_versions_of_tls_are_served() {
    let authority = Authority::new("ours");
    let scene = Scene::start(quick(), given(&authority.server())).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = connect(&scene, &authority, version).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    scene.finish().await;
}

/// A TLS 1.1 hello: the server names no version it would speak, but a failure.
#[tokio::test]
async fn older_versions_of_tls_are_refused() {
    let authority = Authority::new("ours");
    let scene = Scene::start(quick(), given(&authority.server())).await;
    let mut stream = TcpStream::connect(scene.address).await.unwrap();
    // Version 3.2, a random of 32 bytes, no session, one suite (RSA with AES-128-CBC), no compression.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x02, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    stream.write_all(&record).await.unwrap();
    let said = rest(&mut stream).await;
    assert_eq!(said.first(), Some(&0x15), "an alert: {said:?}");
    scene.finish().await;
}

#[tokio::test]
async fn without_a_certificate_connections_are_closed_until_there_is_one() {
    let authority = Authority::new("ours");
    let tls = Arc::new(Tls::given("the test", None).unwrap());
    let scene = Scene::start(quick(), tls.clone()).await;
    let client = client(BOTH[1], &authority, None);
    assert!(client.get(scene.url("/")).send().await.is_err());
    assert!(replace(&tls, &authority.server()));
    assert!(client.get(scene.url("/")).send().await.is_ok());
    scene.finish().await;
}
