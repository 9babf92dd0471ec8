//! Certificates of clients. Decides whose are accepted and what handlers learn of them;
//! never which caller may do what.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::certificate::{Facts, chain};
use super::source::{TlsError, read};

/// Which clients a server shakes hands with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientAuth {
    /// The authorities, PEM; read again whenever it changes, like the server's own certificate.
    pub ca_file: PathBuf,
    /// What becomes of a client that shows no certificate. One that shows a certificate of
    /// somebody else's is refused either way.
    pub presence: Presence,
}

/// Whether a client has to show a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// Without one the handshake fails.
    Required,
    /// Without one the client is served, and handlers see that it showed none.
    Optional,
}

/// Whom the client's verified certificate names: a request extension, as
/// `Option<Extension<Arc<ClientCertificate>>>`. Absent when none was shown or none was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientCertificate {
    /// The subject's common name.
    pub common_name: Option<String>,
    /// The DNS names (and IP addresses) of the subject alternative name.
    pub names: Vec<String>,
}

impl ClientCertificate {
    /// Whether the common name or one of the other names is among `allowed`, to the letter.
    pub fn is_one_of(&self, allowed: &[String]) -> bool {
        let mut names = self.common_name.iter().chain(&self.names);
        names.any(|name| allowed.contains(name))
    }

    /// Of the chain that a client has shown and rustls has verified.
    pub(in crate::web) fn of(shown: Option<&[CertificateDer<'_>]>) -> Option<Arc<Self>> {
        let facts = Facts::of(shown?.first()?)?;
        Some(Arc::new(Self {
            common_name: facts.common_name,
            names: facts.names,
        }))
    }
}

impl ClientAuth {
    /// Whether the file holds authorities at this moment.
    pub(super) fn check(&self) -> Result<(), TlsError> {
        self.verifier(&read(&self.ca_file)?).map(drop)
    }

    /// The verifier for the authorities in `pem`, the content of `ca_file`.
    pub(super) fn verifier(&self, pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let useless = || TlsError::useless(self.ca_file.display(), "certificate authority");
        let mut roots = RootCertStore::empty();
        for certificate in chain(pem).ok_or_else(useless)? {
            roots.add(certificate).map_err(|_| useless())?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::new(default_provider()),
        );
        let builder = match self.presence {
            Presence::Required => builder,
            Presence::Optional => builder.allow_unauthenticated(),
        };
        builder.build().map_err(|_| useless())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_its_names_is_enough_and_only_whole_names_count() {
        let shown = ClientCertificate {
            common_name: Some("kube-apiserver".to_owned()),
            names: vec!["api.example".to_owned()],
        };
        let allows = |name: &str| shown.is_one_of(&[name.to_owned()]);
        assert!(allows("kube-apiserver") && allows("api.example"));
        assert!(!allows("kube") && !allows("example") && !allows(""));
        assert!(!shown.is_one_of(&[]));
    }
}
