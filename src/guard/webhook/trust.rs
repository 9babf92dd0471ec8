//! Whose reviews may have effects. Any pod can reach the webhook; only the API server knows the path's secret or has a
//! trusted client certificate. Strangers get a verdict, and nothing else happens.

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::Extensions;

use crate::process::secret::Secret;
use crate::web::tls::ClientCertificate;

/// How the API server is recognised.
#[derive(Debug)]
pub struct Trust {
    secret: Option<Secret>,
    /// Whether client certificates are asked for; `names` empty = any that verifies.
    certificates: Option<Vec<String>>,
}

/// The path's secret can't be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the path secret in {}: {problem}", path.display())]
pub struct SecretError {
    path: PathBuf,
    problem: String,
}

impl Trust {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the file can't be read or is empty.
    pub fn load(
        file: Option<&PathBuf>,
        certificates: Option<Vec<String>>,
    ) -> Result<Self, SecretError> {
        let secret = file.map(|path| {
            let failed = |problem: String| SecretError {
                path: path.clone(),
                problem,
            };
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            match text.trim() {
                "" => Err(failed("it is empty".to_owned())),
                text => Ok(Secret::new(text)),
            }
        });
        Ok(Self {
            secret: secret.transpose()?,
            certificates,
        })
    }

    /// Whether this caller is the API server.
    #[must_use]
    pub fn is_trusted(&self, secret: Option<&str>, extensions: &Extensions) -> bool {
        let by_path = match (&self.secret, secret) {
            (Some(own), Some(theirs)) => own.matches(theirs),
            _ => false,
        };
        by_path || self.has_certificate(extensions)
    }

    fn has_certificate(&self, extensions: &Extensions) -> bool {
        let shown = extensions.get::<Arc<ClientCertificate>>();
        let (Some(allowed), Some(shown)) = (&self.certificates, shown) else {
            return false;
        };
        allowed.is_empty() || shown.is_one_of(allowed)
    }
}
