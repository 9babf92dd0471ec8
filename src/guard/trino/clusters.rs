//! Which Trino clusters there are, where their coordinators answer, and how they may be asked. Decides whether a pod is
//! discovered or named by the configuration.

use std::sync::Arc;

use url::Url;

use crate::collect::api::TrinoApi;
use crate::collect::client::Client;
use crate::collect::options::{Options, Target};
use crate::core::buffers::snapshot::CoordinatorSpec;
use crate::core::guard::class::View;
use crate::core::guard::facts::pod::{ClusterId, Pod};
use crate::guard::config::{self, Origin, Settings};

use super::address::plain_url;

/// A cluster whose coordinator can be asked.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which.
    pub id: ClusterId,
    /// Where its coordinator answers.
    pub target: Target,
    /// How it became known.
    pub origin: Origin,
}

impl Found {
    /// What tells one incarnation of a coordinator from the next.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.target.url
    }

    /// What a collector of this cluster has to be told.
    #[must_use]
    pub fn options(&self, settings: &Settings) -> Options {
        config::collector_options(settings, self.target.clone(), self.origin)
    }

    /// A way to ask the coordinator single questions, each within `settings`' time limit.
    #[must_use]
    pub fn api(&self, settings: &Settings) -> TrinoApi {
        let options = self.options(settings);
        let client = Arc::new(Client::new(options.trino));
        TrinoApi::new(
            client,
            self.target.url.clone(),
            options.max_response_bytes,
            false,
        )
    }
}

/// The guarded clusters whose coordinator has an address.
#[must_use]
pub fn found(view: &View, settings: &Settings) -> Vec<Found> {
    let ids = view.world.clusters();
    let guarded = ids.filter(|id| view.mode(&id.namespace).is_some() && view.is_cluster(id));
    guarded.filter_map(|id| one(view, settings, id)).collect()
}

/// One cluster: as the configuration says, else at its coordinator's pod.
#[must_use]
pub fn one(view: &View, settings: &Settings, id: &ClusterId) -> Option<Found> {
    let id = id.clone();
    if let Some(target) = named(settings, &id) {
        let origin = Origin::Named;
        return Some(Found { id, target, origin });
    }
    let pod = view.coordinator(&id)?;
    Some(Found {
        target: discovered(pod, &id)?,
        origin: Origin::Discovered,
        id,
    })
}

fn named(settings: &Settings, id: &ClusterId) -> Option<Target> {
    let mut targets = settings.clusters.iter().map(config::target);
    targets
        .find(|target| target.spec.release == id.release && target.spec.namespace == id.namespace)
}

/// Trino's HTTP port where the pod names none.
const PORT: u16 = 8080;

fn discovered(pod: &Pod, id: &ClusterId) -> Option<Target> {
    let url = plain_url(pod.ip?, pod.port.unwrap_or(PORT))?;
    let spec = CoordinatorSpec {
        name: id.to_string(),
        release: id.release.clone(),
        namespace: id.namespace.clone(),
    };
    Some(Target { spec, url })
}
