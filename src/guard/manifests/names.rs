//! How webhook configurations are called. Decides names only; whoever completes, watches or removes them asks here.

use crate::core::guard::facts::place::Mode;
use crate::guard::config::Settings;

use super::selectors;

/// The two kinds of webhook configurations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `ValidatingWebhookConfiguration`
    Validating,
    /// `MutatingWebhookConfiguration`
    Mutating,
}

/// One webhook configuration of an installation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Configuration {
    /// Validating or mutating.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The mode of the namespaces that it serves.
    pub mode: Mode,
}

/// Every configuration that an installation with these settings has, in the order in which they are printed.
#[must_use]
pub fn configurations(settings: &Settings) -> Vec<Configuration> {
    let prefix = &settings.installation.webhook_prefix;
    let own: Vec<_> = selectors::own(&settings.clusters);
    let mut found = Vec::new();
    for mode in [Mode::Audit, Mode::Enforce] {
        found.push(validating(prefix, mode, None));
        for cluster in &own {
            found.push(validating(prefix, mode, Some(&cluster.name)));
        }
    }
    if settings.policy.clamp {
        found.push(clamp(prefix));
    }
    found
}

/// A cluster with labels of its own has a configuration of its own: an entry can't be taken out of a list while
/// somebody else (the leader, who sets `caBundle`) owns fields of it by server-side apply, an object can.
pub(super) fn validating(prefix: &str, mode: Mode, cluster: Option<&str>) -> Configuration {
    let mode_word = mode.word();
    let name = cluster.map_or_else(
        || format!("{prefix}-{mode_word}"),
        |cluster| format!("{prefix}-{mode_word}-{cluster}"),
    );
    Configuration {
        kind: Kind::Validating,
        name,
        mode,
    }
}

/// Audit mode changes nothing, so only enforced namespaces are clamped.
pub(super) fn clamp(prefix: &str) -> Configuration {
    Configuration {
        kind: Kind::Mutating,
        name: format!("{prefix}-clamp"),
        mode: Mode::Enforce,
    }
}
