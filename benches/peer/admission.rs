//! The peer: the plainest admission webhook that kube-rs' own example suggests, over the same TLS library. Reads each
//! object as a `serde_json::Value` (`DynamicObject`) and denies everything.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::address::{EVICTION, announce};
use super::pki::Authority;
use super::process::{SERVER, pinned};

/// Serves until it is stopped.
pub fn serve(folder: &Path) -> anyhow::Result<()> {
    let pair = Authority::load(folder)?.server()?;
    let certificate = CertificateDer::from_pem_slice(pair.cert.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    pinned(SERVER)?.block_on(accept(acceptor))
}

async fn accept(acceptor: TlsAcceptor) -> anyhow::Result<()> {
    let service = TowerToHyperService::new(Router::new().route(EVICTION, post(deny)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let builder = Builder::new(TokioExecutor::new());
                // A client that leaves early is its own affair.
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        });
    }
}

async fn deny(
    Json(review): Json<AdmissionReview<DynamicObject>>,
) -> Json<AdmissionReview<DynamicObject>> {
    let request: Result<AdmissionRequest<DynamicObject>, _> = review.try_into();
    let answer = match request {
        Ok(request) => {
            let name = &request.name;
            let message = format!("pod {name} must not go: it may hold data that a query needs");
            AdmissionResponse::from(&request).deny(message)
        }
        Err(error) => AdmissionResponse::invalid(error.to_string()),
    };
    Json(answer.into_review())
}
