//! What a certificate says of itself: names, validity, key. Reads DER and PEM; decides
//! nothing about trust, which is rustls' to check.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// One certificate's own claims.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// The subject's first common name.
    pub common_name: Option<String>,
    /// DNS names and IP addresses of the subject alternative name, in its order.
    pub names: Vec<String>,
    /// Valid from this second on.
    pub not_before: Timestamp,
    /// Valid up to and with this second.
    pub not_after: Timestamp,
    /// Whether it may certify others.
    pub is_authority: bool,
    /// The bits of the subject's public key, as its signing key has them too.
    pub public_key: Vec<u8>,
}

impl Facts {
    /// `None` when these bytes are no X.509 certificate whose dates can be told.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let validity = parsed.validity();
        Some(Self {
            common_name: common_name(&parsed),
            names: names(&parsed)?,
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
            is_authority: parsed.is_ca(),
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
        })
    }
}

/// All certificates of a PEM text; `None` when it has none or one that is damaged.
pub fn chain(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    (!chain.is_empty()).then_some(chain)
}

fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut names = certificate.subject().iter_common_name();
    Some(names.next()?.as_str().ok()?.to_owned())
}

/// `None` when the extension is there and can't be read: absent names are not none.
fn names(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    let extension = certificate.subject_alternative_name().ok()?;
    let names = extension.map(|found| found.value.general_names.iter().filter_map(name));
    Some(names.into_iter().flatten().collect())
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> (CertificateDer<'static>, KeyPair) {
        let names = ["a.b.svc", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().der().clone(), key)
    }

    #[test]
    fn a_certificate_says_who_and_how_long() {
        let (certificate, key) = made(|params| {
            params.distinguished_name.push(DnType::CommonName, "guard");
            params.not_before = date_time_ymd(2026, 1, 2);
            params.not_after = date_time_ymd(2027, 1, 2);
        });
        let facts = Facts::of(&certificate).unwrap();
        assert_eq!(facts.common_name.as_deref(), Some("guard"));
        assert_eq!(facts.names, ["a.b.svc", "127.0.0.1", "::1"]);
        assert_eq!(facts.not_before.to_string(), "2026-01-02T00:00:00Z");
        assert_eq!(facts.not_after.to_string(), "2027-01-02T00:00:00Z");
        assert_eq!(facts.public_key, key.public_key_raw());
        assert!(!facts.is_authority);
    }

    #[test]
    fn an_authority_says_so() {
        let (certificate, _) =
            made(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
        assert!(Facts::of(&certificate).unwrap().is_authority);
    }

    #[test]
    fn other_bytes_are_no_certificate() {
        let (certificate, _) = made(|_| ());
        let half = CertificateDer::from(certificate[..certificate.len() / 2].to_vec());
        assert_eq!(Facts::of(&half), None);
        assert_eq!(Facts::of(&CertificateDer::from(b"nonsense".to_vec())), None);
        assert!(chain(b"nonsense").is_none() && chain(b"").is_none());
    }
}
