//! New authorities and certificates. Carries out what was planned, on plain data; decides only their form: ECDSA
//! P-256, an authority that signs nothing but servers' certificates, a certificate for servers alone.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::held::{Held, Pair};
use super::options::{BACKDATE, Validity};
use super::plan::{Signer, Step};
use crate::process::secret::Secret;

/// Dates in certificates end with the year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Why a step can't be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum IssueError {
    /// A name that no certificate can carry, or an authority that changed under us.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The plan was made for another Secret.
    #[error("the authority that should sign has no key")]
    NoKey,
    /// Later than dates in certificates can say, or before 1970.
    #[error("the time {0} can't stand in a certificate")]
    Time(Timestamp),
}

/// What certificates are made for, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    pub(super) names: &'a [String],
    pub(super) validity: Validity,
    pub(super) now: Timestamp,
}

/// The Secret's content after this step.
pub(super) fn carry_out(step: Step, held: &Held, order: Order<'_>) -> Result<Held, IssueError> {
    let mut after = held.clone();
    match step {
        Step::Begin => {
            let authority = order.authority()?;
            after.serving = Some(order.certificate(&authority)?);
            after.authority = Some(authority);
            after.next = None;
        }
        Step::AddNext => after.next = Some(order.authority()?),
        Step::DropNext => after.next = None,
        Step::Issue(signer) => {
            let signer = match signer {
                Signer::Present => &held.authority,
                Signer::Next => &held.next,
            };
            let signer = signer.as_ref().ok_or(IssueError::NoKey)?;
            after.serving = Some(order.certificate(signer)?);
        }
        Step::Promote => after.authority = after.next.take(),
        Step::Wait(_) => {}
    }
    Ok(after)
}

impl Order<'_> {
    fn authority(&self) -> Result<Pair, IssueError> {
        let mut params = self.params(Vec::new(), self.validity.authority)?;
        // Two authorities in one bundle are told apart by their names, too.
        let name = format!("xtrinode-guard authority {}", self.now);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Ok(pair(&params.self_signed(&key)?, &key))
    }

    fn certificate(&self, authority: &Pair) -> Result<Pair, IssueError> {
        let mut params = self.params(self.names.to_vec(), self.validity.certificate)?;
        let name = "xtrinode-guard";
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let signing = authority.key.as_ref().ok_or(IssueError::NoKey)?;
        let signing = KeyPair::from_pem(signing.expose())?;
        let issuer = Issuer::from_ca_cert_pem(&authority.cert, signing)?;
        let key = KeyPair::generate()?;
        Ok(pair(&params.signed_by(&key, &issuer)?, &key))
    }

    fn params(&self, names: Vec<String>, lasts: Duration) -> Result<CertificateParams, IssueError> {
        let mut params = CertificateParams::new(names)?;
        let impossible = || IssueError::Time(self.now);
        let seconds = u64::try_from(self.now.as_second()).map_err(|_| impossible())?;
        let now = Duration::from_secs(seconds);
        let (since, until) = (now.saturating_sub(BACKDATE), now.saturating_add(lasts));
        if until > LAST {
            return Err(impossible());
        }
        params.not_before = date_time_ymd(1970, 1, 1) + since;
        params.not_after = date_time_ymd(1970, 1, 1) + until;
        Ok(params)
    }
}

fn pair(certificate: &rcgen::Certificate, key: &KeyPair) -> Pair {
    Pair {
        cert: certificate.pem(),
        key: Some(Secret::new(key.serialize_pem())),
    }
}
