//! Where a server's certificate and key come from. Moves them from files, or from
//! whoever hands them over, and says what is wrong with them; never prints a key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::client::ClientAuth;
use super::generation::Names;

/// Why a certificate and key can't be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file, or an entry of a Secret, holds something else than it should.
    #[error("{origin} holds no usable {what} in PEM form")]
    Useless {
        /// Which.
        origin: String,
        /// Certificate, private key, or certificate authority.
        what: &'static str,
    },
    /// Both can be read, and can't be used together.
    #[error("the certificate in {cert} cannot be served with the key in {key}: {error}")]
    Mismatch {
        /// Where the certificate is.
        cert: String,
        /// Where the key is.
        key: String,
        /// What rustls said.
        error: rustls::Error,
    },
}

/// Where certificate and key are.
pub(super) enum Source {
    /// Two files of a mounted Secret.
    Files {
        cert_file: PathBuf,
        key_file: PathBuf,
    },
    /// Somebody hands them over; the name is for messages.
    Given {
        origin: String,
        pair: Mutex<Option<Pair>>,
    },
}

/// A certificate chain and its key, PEM.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) cert: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// Everything a configuration is made of.
pub(super) struct Material {
    pub(super) pair: Pair,
    pub(super) client_ca: Option<Vec<u8>>,
}

/// SHA-256 of everything; `Err` is the kind of the error that reading met.
pub(super) type Fingerprint = Result<Vec<u8>, io::ErrorKind>;

impl TlsError {
    pub(super) fn useless(origin: impl fmt::Display, what: &'static str) -> Self {
        let origin = origin.to_string();
        Self::Useless { origin, what }
    }
}

impl Source {
    /// `None` while nothing was handed over.
    pub(super) fn read(&self, clients: Option<&ClientAuth>) -> Result<Option<Material>, TlsError> {
        let pair = match self {
            Self::Files {
                cert_file,
                key_file,
            } => Some(Pair {
                cert: read(cert_file)?,
                key: read(key_file)?,
            }),
            Self::Given { pair, .. } => pair.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        let client_ca = clients.map(|clients| read(&clients.ca_file)).transpose()?;
        Ok(pair.map(|pair| Material { pair, client_ca }))
    }

    /// What messages call them.
    pub(super) fn names(&self) -> Names {
        match self {
            Self::Files {
                cert_file,
                key_file,
            } => Names {
                cert: cert_file.display().to_string(),
                key: key_file.display().to_string(),
            },
            Self::Given { origin, .. } => Names {
                cert: format!("tls.crt of {origin}"),
                key: format!("tls.key of {origin}"),
            },
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cert = self.names().cert;
        formatter.debug_tuple("Source").field(&cert).finish()
    }
}

impl Material {
    pub(super) fn fingerprint(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        let client_ca = self.client_ca.as_deref().unwrap_or_default();
        for part in [&self.pair.cert, &self.pair.key, client_ca] {
            // With its length, so that no byte can move from one part to the next unseen.
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        context.finish().as_ref().to_vec()
    }
}

/// What a look found, in a form that can be kept and compared.
pub(super) fn fingerprint(read: &Result<Option<Material>, TlsError>) -> Option<Fingerprint> {
    match read {
        Ok(material) => material.as_ref().map(|found| Ok(found.fingerprint())),
        Err(TlsError::Unreadable { error, .. }) => Some(Err(error.kind())),
        Err(_) => Some(Err(io::ErrorKind::InvalidData)),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable {
        path: path.to_owned(),
        error,
    })
}
