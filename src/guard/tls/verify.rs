//! Whether the API server could reach us. Goes the way that it goes, trusting what it trusts; sends no request, so
//! it needs no client certificate and disturbs nobody.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::web::tls::certificate::chain;

/// As long as the API server waits by default for a webhook of ours.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the API server could not call us.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Nothing listens there, or something else than TLS, or with a chain that isn't ours.
    #[error("no TLS handshake with {host}:{port} that our own authority vouches for: {error}")]
    Handshake {
        /// Whom we called.
        host: String,
        /// At which port.
        port: u16,
        /// What the system or rustls said.
        error: std::io::Error,
    },
    /// It accepts connections and says nothing.
    #[error("{host}:{port} did not finish a TLS handshake within {patience:?}")]
    Silence {
        /// Whom we called.
        host: String,
        /// At which port.
        port: u16,
        /// How long we waited.
        patience: Duration,
    },
    /// We can't even ask.
    #[error("{0:?} and the published authorities can't be used for a TLS handshake")]
    Unusable(String),
}

/// One handshake with `host:port`, trusting the authorities of `bundle` (PEM) alone. `host` as in a URL.
pub async fn handshake(host: &str, port: u16, bundle: &str) -> Result<(), VerifyError> {
    handshake_within(PATIENCE, host, port, bundle).await
}

async fn handshake_within(
    patience: Duration,
    host: &str,
    port: u16,
    bundle: &str,
) -> Result<(), VerifyError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let unusable = || VerifyError::Unusable(host.to_owned());
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| unusable())?;
    let connector = connector(bundle).ok_or_else(unusable)?;
    let work = async {
        let stream = TcpStream::connect((bare, port)).await?;
        connector.connect(name, stream).await
    };
    let host = host.to_owned();
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(VerifyError::Handshake { host, port, error }),
        Err(_) => Err(VerifyError::Silence {
            host,
            port,
            patience,
        }),
    }
}

fn connector(bundle: &str) -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for authority in chain(bundle.as_bytes())? {
        roots.add(authority).ok()?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_says_nothing_or_is_not_there_is_no_proof() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let bundle = made.cert.pem();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let patience = Duration::from_millis(20);
        let ask = async |bundle| {
            let asked = handshake_within(patience, "127.0.0.1", port, bundle).await;
            asked.unwrap_err().to_string()
        };
        let expected = format!("127.0.0.1:{port} did not finish a TLS handshake within 20ms");
        assert_eq!(ask(&bundle).await, expected);
        assert!(ask("nonsense").await.contains("can't be used"));
        drop(listener);
        let expected = format!("no TLS handshake with 127.0.0.1:{port} ");
        assert!(ask(&bundle).await.starts_with(&expected));
    }
}
