//! Certificates of the bench's own, ECDSA P-256: an authority in the folder that both servers are started with, and one
//! certificate for each of them.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Signs server certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    /// Puts a new one into a folder.
    pub fn write(folder: &Path) -> anyhow::Result<()> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join("ca.pem"), params.self_signed(&key)?.pem())?;
        fs::write(folder.join("ca.key"), key.serialize_pem())?;
        Ok(())
    }

    /// The folder's.
    pub fn load(folder: &Path) -> anyhow::Result<Self> {
        let key = KeyPair::from_pem(&fs::read_to_string(folder.join("ca.key"))?)?;
        let certificate = fs::read_to_string(folder.join("ca.pem"))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)?;
        Ok(Self { issuer })
    }

    /// For a server at 127.0.0.1.
    pub fn server(&self) -> anyhow::Result<Pair> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        let cert = params.signed_by(&key, &self.issuer)?.pem();
        let key = key.serialize_pem();
        Ok(Pair { cert, key })
    }
}

/// What trusts the folder's authority and nothing else.
pub fn roots(folder: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.pem"))?)?;
    Ok(roots)
}
