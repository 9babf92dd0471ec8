//! One certificate in use. Decides whether certificate, key and client authorities fit
//! together, and builds the configuration that new connections get.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio_util::sync::CancellationToken;

use super::certificate::{Facts, chain};
use super::client::ClientAuth;
use super::source::{Material, TlsError};

/// HTTP/2 in ALPN.
pub(in crate::web) const H2: &[u8] = b"h2";

/// What new connections get until the next change.
#[derive(Debug)]
pub(in crate::web) struct Generation {
    pub(in crate::web) config: Arc<ServerConfig>,
    /// Cancelled by the next change: connections that began with this generation should end
    /// soon, so that the new certificate is what clients really see.
    pub(in crate::web) retired: CancellationToken,
    /// What the certificate says of itself.
    pub(super) facts: Facts,
}

/// Where certificate and key are, for messages.
pub(super) struct Names {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Generation {
    pub(super) fn new(
        material: &Material,
        clients: Option<&ClientAuth>,
        names: &Names,
    ) -> Result<Self, TlsError> {
        let useless = || TlsError::useless(&names.cert, "certificate");
        let chain = chain(&material.pair.cert).ok_or_else(useless)?;
        let facts = chain.first().and_then(Facts::of).ok_or_else(useless)?;
        let key = PrivateKeyDer::from_pem_slice(&material.pair.key)
            .map_err(|_| TlsError::useless(&names.key, "private key"))?;
        let verifier = verifier(material, clients)?;
        let mismatch = |error| TlsError::Mismatch {
            cert: names.cert.clone(),
            key: names.key.clone(),
            error,
        };
        // TLS 1.2 and 1.3: rustls has no others.
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(mismatch)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(mismatch)?;
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            retired: CancellationToken::new(),
            facts,
        })
    }
}

fn verifier(
    material: &Material,
    clients: Option<&ClientAuth>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    match (clients, &material.client_ca) {
        (Some(clients), Some(pem)) => clients.verifier(pem),
        _ => Ok(WebPkiClientVerifier::no_client_auth()),
    }
}
