//! What self-managed certificates depend on. Decides names, times and which configurations are ours to complete;
//! reads nothing.

use std::time::Duration;

use url::{Host, Url};

use crate::core::guard::facts::place::Mode;
use crate::guard::config::SelfManaged;

/// A new authority or certificate is dated back so far, for clocks that are behind the API server's.
pub(super) const BACKDATE: Duration = Duration::from_secs(3600);

/// Everything that [`super::Keeper`] and [`super::Follower`] need to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the Secret is.
    pub namespace: String,
    /// Its name.
    pub secret: String,
    /// What the certificate is for, DNS names and IP addresses: what the API server calls.
    pub names: Vec<String>,
    /// How long authorities and certificates are used.
    pub validity: Validity,
    /// Whom to tell our authority.
    pub configurations: Vec<Configuration>,
}

/// How long things are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// An authority; it is replaced after two thirds of this. Default 3650 days.
    pub authority: Duration,
    /// A certificate; it is replaced after two thirds of this. Default 365 days.
    pub certificate: Duration,
}

/// One webhook configuration that is there already; its `caBundle` and `failurePolicy` are ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Configuration {
    /// Validating or mutating.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Audit never blocks anybody, whatever happens to us.
    pub mode: Mode,
}

/// The two kinds of webhook configurations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `ValidatingWebhookConfiguration`
    Validating,
    /// `MutatingWebhookConfiguration`: never blocks anybody.
    Mutating,
}

impl Options {
    /// For the Service of this installation, and the host of `url` where the API server calls that instead.
    pub fn new(
        namespace: &str,
        settings: &SelfManaged,
        url: Option<&Url>,
        configurations: Vec<Configuration>,
    ) -> Self {
        let service = format!("{}.{namespace}.svc", settings.service_name);
        let host = url.and_then(|url| url.host().as_ref().map(host));
        let other = host.filter(|host| *host != service);
        Self {
            namespace: namespace.to_owned(),
            secret: settings.secret_name.clone(),
            names: std::iter::once(service).chain(other).collect(),
            validity: Validity {
                authority: settings.authority_validity,
                certificate: settings.certificate_validity,
            },
            configurations,
        }
    }

    /// What messages call the Secret.
    pub fn origin(&self) -> String {
        format!("Secret {}/{}", self.namespace, self.secret)
    }
}

impl Default for Validity {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            authority: 3650 * DAY,
            certificate: 365 * DAY,
        }
    }
}

impl Validity {
    /// After both authorities were seen in every configuration, until one relies on it: API servers watch
    /// configurations, and each hears of a change in its own time.
    pub(super) fn settle(self) -> Duration {
        Duration::from_secs(60).min(self.authority / 100)
    }

    /// After the certificate changed its authority, until the old one is trusted no more: a replica that can't
    /// read the Secret serves the old certificate for as long.
    pub(super) fn keep(self) -> Duration {
        Duration::from_secs(86_400).min(self.authority / 10)
    }
}

/// As a certificate says it: an IPv6 address without brackets.
fn host(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(url: Option<&str>) -> Vec<String> {
        let settings = SelfManaged {
            secret_name: "guard-tls".to_owned(),
            service_name: "guard".to_owned(),
            certificate_validity: Duration::from_secs(1),
            authority_validity: Duration::from_secs(2),
        };
        let url = url.map(|url| Url::parse(url).unwrap());
        Options::new("trino", &settings, url.as_ref(), Vec::new()).names
    }

    #[test]
    fn a_certificate_is_for_whatever_the_api_server_calls() {
        assert_eq!(names(None), ["guard.trino.svc"]);
        let by_name = names(Some("https://guard.example:8443/x"));
        assert_eq!(by_name, ["guard.trino.svc", "guard.example"]);
        let by_address = names(Some("https://127.0.0.1:8443"));
        assert_eq!(by_address, ["guard.trino.svc", "127.0.0.1"]);
        assert_eq!(names(Some("https://[::1]/")), ["guard.trino.svc", "::1"]);
        let same = names(Some("https://guard.trino.svc:8443"));
        assert_eq!(same, ["guard.trino.svc"]);
    }
}
