//! Whether removals would pass unjudged while no guard answers: an enforcing configuration whose entries say
//! `failurePolicy: Ignore`. Looks now and then; changes nothing.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::{Api, Client};
use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;

use crate::core::guard::facts::place::Mode;

use super::manifests::{Configuration, Kind};
use super::tls::must_block;

/// How often the configurations are looked at.
const EVERY: Duration = Duration::from_secs(30);

/// Looks at configurations.
pub struct FailOpen {
    /// The Kubernetes API.
    pub client: Client,
    /// Every configuration of this installation.
    pub configurations: Vec<Configuration>,
    /// 1 while an entry that must block does not.
    pub gauge: Gauge,
}

impl FailOpen {
    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let look = tokio::time::timeout(EVERY, self.look());
            match stop.run_until_cancelled(look).await {
                None => return,
                Some(Err(_)) => tracing::debug!("The API server does not answer"),
                Some(Ok(Ok(open))) => drop(self.gauge.set(i64::from(open))),
                Some(Ok(Err(error))) => {
                    tracing::debug!(%error, "Could not look at the webhook configurations");
                }
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(EVERY))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Whether an entry that must block does not. A configuration that is not there blocks nothing, and is none of ours to
    /// complain about: the mode may have no namespace.
    async fn look(&self) -> kube::Result<bool> {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let enforcing = self.configurations.iter();
        let enforcing =
            enforcing.filter(|one| one.kind == Kind::Validating && one.mode == Mode::Enforce);
        for configuration in enforcing {
            let Some(found) = api.get_opt(&configuration.name).await? else {
                continue;
            };
            let mut entries = found.webhooks.unwrap_or_default().into_iter();
            if entries.any(|entry| {
                must_block(&entry.name) && entry.failure_policy.as_deref() == Some("Ignore")
            }) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
