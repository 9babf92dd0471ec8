//! What to do with the Secret next. Decides one step at a time from its content, from what the API server is known
//! to trust and from the API server's time; does nothing itself, so each step may be the last one that a leader took.
//!
//! The order of a rotation keeps one promise: whatever is served is trusted. The next authority is published
//! beside the present one; the certificate changes once both are trusted; the old authority goes when no replica
//! can still be serving what it signed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::held::{Held, Pair};
use super::options::{BACKDATE, Validity};
use crate::web::tls::certificate::{Facts, chain};

/// What to write into the Secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// A new authority and certificate in place of everything: nothing there can be used or built upon.
    Begin,
    /// A next authority beside the present one.
    AddNext,
    /// Without the next authority: it can't sign.
    DropNext,
    /// A new certificate.
    Issue(Signer),
    /// The next authority in place of the present one.
    Promote,
    /// Nothing, and what for.
    Wait(Wait),
}

/// Which authority signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signer {
    Present,
    Next,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// The day something is due.
    Due,
    /// The next authority to be trusted everywhere.
    Trust,
    /// The last replica to serve what the next authority signed.
    Replicas,
}

/// Everything a step depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) held: &'a Held,
    pub(super) names: &'a [String],
    pub(super) validity: Validity,
    /// The API server's time, since it is the API server that checks our dates.
    pub(super) now: Timestamp,
    /// For how long every configuration has been seen to hold the next authority; `None` when one does not, or
    /// when it isn't known.
    pub(super) next_trusted: Option<Duration>,
}

/// An authority whose certificate is valid now.
struct Authority {
    certificate: CertificateDer<'static>,
    facts: Facts,
    /// Whether its key is there and fits.
    signs: bool,
}

/// How good a certificate is under one authority.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Leaf {
    Fine,
    /// Works, and should be replaced.
    Due,
    /// The API server would refuse it.
    Broken,
}

/// The next step; to be asked again after it was taken.
pub(super) fn plan(view: View<'_>) -> Step {
    let present = view.authority(view.held.authority.as_ref());
    let next = view.authority(view.held.next.as_ref());
    match (present, next) {
        (None, Some(next)) if next.signs => Step::Promote,
        (None, _) => Step::Begin,
        (Some(present), Some(next)) if next.signs => rotating(view, &present, &next),
        (Some(_), None) if view.held.next.is_some() => Step::DropNext,
        (Some(_), Some(_)) => Step::DropNext,
        (Some(present), None) => steady(view, &present),
    }
}

/// No key is no reason for haste: what the authority signed stays trusted meanwhile.
fn steady(view: View<'_>, present: &Authority) -> Step {
    let leaf = view.leaf(present);
    if present.signs && leaf == Leaf::Broken {
        Step::Issue(Signer::Present)
    } else if !present.signs || view.is_due(&present.facts) {
        Step::AddNext
    } else if leaf == Leaf::Due {
        Step::Issue(Signer::Present)
    } else {
        Step::Wait(Wait::Due)
    }
}

fn rotating(view: View<'_>, present: &Authority, next: &Authority) -> Step {
    match view.leaf(next) {
        Leaf::Due => return Step::Issue(Signer::Next),
        Leaf::Fine if view.is_everywhere() => return Step::Promote,
        Leaf::Fine => return Step::Wait(Wait::Replicas),
        Leaf::Broken => {}
    }
    let settle = view.validity.settle();
    if view.next_trusted.is_some_and(|span| span >= settle) {
        return Step::Issue(Signer::Next);
    }
    match view.leaf(present) {
        Leaf::Due | Leaf::Broken if present.signs => Step::Issue(Signer::Present),
        // Nothing that is trusted can be served; what will be trusted soon is the best there is.
        Leaf::Broken => Step::Issue(Signer::Next),
        Leaf::Due | Leaf::Fine => Step::Wait(Wait::Trust),
    }
}

impl View<'_> {
    fn authority(&self, pair: Option<&Pair>) -> Option<Authority> {
        let pair = pair?;
        let certificate = chain(pair.cert.as_bytes())?.into_iter().next()?;
        let facts = Facts::of(&certificate)?;
        let valid = facts.not_before <= self.now && self.now <= facts.not_after;
        (valid && facts.is_authority).then(|| Authority {
            signs: fits(pair, &facts),
            certificate,
            facts,
        })
    }

    fn leaf(&self, authority: &Authority) -> Leaf {
        let Some((facts, chain)) = self.serving() else {
            return Leaf::Broken;
        };
        if !self
            .names
            .iter()
            .all(|name| self.trusts(authority, &chain, name))
        {
            return Leaf::Broken;
        }
        let superfluous = facts.names.iter().any(|name| !self.names.contains(name));
        if superfluous || self.is_due(&facts) {
            Leaf::Due
        } else {
            Leaf::Fine
        }
    }

    /// The certificate, if it can be served at all.
    fn serving(&self) -> Option<(Facts, Vec<CertificateDer<'static>>)> {
        let pair = self.held.serving.as_ref()?;
        let chain = chain(pair.cert.as_bytes())?;
        let facts = Facts::of(chain.first()?)?;
        fits(pair, &facts).then_some((facts, chain))
    }

    /// Whether a client that trusts this authority alone accepts the chain under this name now.
    fn trusts(&self, authority: &Authority, chain: &[CertificateDer<'_>], name: &str) -> bool {
        let verified = || {
            let (first, others) = chain.split_first()?;
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.clone()).ok()?;
            let provider = Arc::new(default_provider());
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            let name = ServerName::try_from(name).ok()?;
            let seconds = u64::try_from(self.now.as_second()).ok()?;
            let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let verifier = builder.build().ok()?;
            verifier
                .verify_server_cert(first, others, &name, &[], now)
                .ok()
        };
        verified().is_some()
    }

    /// Two thirds of its time are over.
    fn is_due(&self, facts: &Facts) -> bool {
        let issued = issued(facts).as_second();
        let lifetime = facts.not_after.as_second() - issued;
        self.now.as_second() >= issued + lifetime / 3 * 2
    }

    /// Whether what is served has been so for long enough that no replica serves anything older.
    fn is_everywhere(&self) -> bool {
        let Some((facts, _)) = self.serving() else {
            return false;
        };
        let age = self.now.as_second() - issued(&facts).as_second();
        u64::try_from(age).is_ok_and(|age| age >= self.validity.keep().as_secs())
    }
}

fn issued(facts: &Facts) -> Timestamp {
    facts
        .not_before
        .saturating_add(BACKDATE)
        .unwrap_or(facts.not_before)
}

/// Whether the key is there, can be read and is the certificate's.
fn fits(pair: &Pair, facts: &Facts) -> bool {
    let key = pair.key.as_ref().map(|key| KeyPair::from_pem(key.expose()));
    matches!(key, Some(Ok(key)) if key.der_bytes() == facts.public_key)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
