//! A webhook's server on loopback and its clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Router};
use reqwest::tls::TlsInfo;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xtrinode::web::limits::Limits;
use xtrinode::web::serve::Server;
use xtrinode::web::tls::{ClientCertificate, Tls, install_provider};

use super::pki::{Authority, Pair};

/// Long enough for any machine; what takes longer never comes.
pub const FOR_EVER: Duration = Duration::from_secs(60);

pub struct Scene {
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub ended: JoinHandle<anyhow::Result<()>>,
    /// Lets one `/waits` answer.
    pub go: Arc<Notify>,
    /// How many `/waits` have begun.
    pub waiting: Arc<Notify>,
}

/// The two protocols that an API server could speak.
#[derive(Clone, Copy, Debug)]
pub enum Http {
    One,
    Two,
}

pub const BOTH: [Http; 2] = [Http::One, Http::Two];

/// A webhook's limits, but it leaves at once.
pub fn quick() -> Limits {
    Limits {
        lame_duck: Duration::ZERO,
        ..Limits::webhook()
    }
}

impl Scene {
    pub async fn start(limits: Limits, tls: Arc<Tls>) -> Self {
        install_provider();
        let (go, waiting) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, limits).await.unwrap();
        let server = server.with_tls(Some(tls));
        let (address, stop) = (server.address(), CancellationToken::new());
        let router = router(go.clone(), waiting.clone());
        let ended = tokio::spawn(server.run(router, stop.clone()));
        Self {
            address,
            stop,
            ended,
            go,
            waiting,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub async fn finish(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(FOR_EVER, self.ended).await;
        ended.expect("the server ends").unwrap().unwrap();
    }
}

fn router(go: Arc<Notify>, waiting: Arc<Notify>) -> Router {
    Router::new()
        .route("/", get(whoami))
        .route("/unable", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/review", post(async |body: String| body.len().to_string()))
        .route("/panics", post(async || -> String { panic!("hunter2") }))
        .route(
            "/waits",
            get(async move || {
                waiting.notify_one();
                go.notified().await;
                "done"
            }),
        )
}

async fn whoami(client: Option<Extension<Arc<ClientCertificate>>>) -> String {
    client.map_or_else(
        || "nobody".to_owned(),
        |Extension(client)| format!("{:?} {:?}", client.common_name, client.names),
    )
}

/// A server's certificate that is handed over, as in self-managed mode.
pub fn given(pair: &Pair) -> Arc<Tls> {
    let tls = Tls::given("the test", None).unwrap();
    assert!(replace(&tls, pair));
    Arc::new(tls)
}

pub fn replace(tls: &Tls, pair: &Pair) -> bool {
    tls.replace(pair.cert.as_bytes(), pair.key.as_bytes())
        .unwrap()
}

/// A client that keeps its connections and trusts this authority alone.
pub fn client(http: Http, trusted: &Authority, shows: Option<&Pair>) -> reqwest::Client {
    install_provider();
    let trusted = reqwest::Certificate::from_pem(trusted.pem.as_bytes()).unwrap();
    let builder = reqwest::Client::builder()
        .tls_certs_only([trusted])
        .tls_info(true)
        .no_proxy();
    let builder = match http {
        Http::One => builder.http1_only(),
        Http::Two => builder.http2_prior_knowledge(),
    };
    let builder = match shows {
        Some(pair) => {
            let pem = [pair.key.as_bytes(), pair.cert.as_bytes()].concat();
            builder.identity(reqwest::Identity::from_pem(&pem).unwrap())
        }
        None => builder,
    };
    builder.build().unwrap()
}

/// The server's certificate of the connection that this answer came by, DER.
pub fn seen(response: &reqwest::Response) -> Vec<u8> {
    let info = response.extensions().get::<TlsInfo>().unwrap();
    info.peer_certificate().unwrap().to_vec()
}

pub fn der(pair: &Pair) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::from_pem_slice(pair.cert.as_bytes())
        .unwrap()
        .to_vec()
}
