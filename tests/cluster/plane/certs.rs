//! Keys and certificates of a control plane: its authority, the API server's own, the key that signs service account
//! tokens, and the front proxy's, by which extension API servers know the API server. Made anew for every plane.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The name by which the API server shows itself to extension API servers.
pub const FRONT_PROXY: &str = "front-proxy";

/// An authority that certifies servers and clients of one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub pem: String,
}

/// A certificate and its key, both PEM.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    /// A new authority of this name.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, pem })
    }

    /// A certificate for a common name and these host names and addresses.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> Result<Pair> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair {
            cert,
            key: key.serialize_pem(),
        })
    }
}

/// The files of a plane's folder `certs`.
pub struct Certs {
    folder: PathBuf,
    /// The authority that certifies the API server.
    pub authority: Authority,
}

impl Certs {
    /// Writes everything into `folder`.
    pub fn write(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let certs = Self {
            folder: folder.to_owned(),
            authority: Authority::new("xtrinode-test")?,
        };
        certs.put("ca.crt", &certs.authority.pem)?;
        let hosts = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
        certs.put_pair(
            "apiserver",
            &certs.authority.issue("kube-apiserver", &hosts)?,
        )?;
        let proxies = Authority::new("xtrinode-test-front-proxy")?;
        certs.put("front-proxy-ca.crt", &proxies.pem)?;
        certs.put_pair("front-proxy", &proxies.issue(FRONT_PROXY, &[])?)?;
        let signer = KeyPair::generate()?;
        certs.put("sa.key", &signer.serialize_pem())?;
        certs.put("sa.pub", &signer.public_key_pem())?;
        Ok(certs)
    }

    /// The path of one of the files.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn put_pair(&self, name: &str, pair: &Pair) -> Result<()> {
        self.put(&format!("{name}.crt"), &pair.cert)?;
        self.put(&format!("{name}.key"), &pair.key)
    }

    fn put(&self, name: &str, content: &str) -> Result<()> {
        Ok(std::fs::write(self.folder.join(name), content)?)
    }
}
