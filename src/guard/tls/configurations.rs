//! Webhook configurations at the API server. Moves them into [`Live`] and applies what is ours; decides nothing.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;

use super::options::{Configuration, Kind};
use super::publish::{Entry, Live};

/// Whose fields ours are. Forced: `caBundle` and `failurePolicy` are ours whoever wrote them before.
pub(super) const MANAGER: &str = "xtrinode-guard-tls";

/// `None` when there is none of this name.
pub(super) async fn read(
    client: &Client,
    configuration: &Configuration,
) -> kube::Result<Option<Live>> {
    let name = &configuration.name;
    Ok(match configuration.kind {
        Kind::Validating => {
            let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
            api.get_opt(name).await?.map(validating)
        }
        Kind::Mutating => {
            let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
            api.get_opt(name).await?.map(mutating)
        }
    })
}

pub(super) async fn apply(
    client: &Client,
    configuration: &Configuration,
    object: Value,
) -> kube::Result<()> {
    let (name, patch) = (&configuration.name, Patch::Apply(object));
    let params = PatchParams::apply(MANAGER).force();
    match configuration.kind {
        Kind::Validating => {
            let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
            api.patch(name, &params, &patch).await.map(drop)
        }
        Kind::Mutating => {
            let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
            api.patch(name, &params, &patch).await.map(drop)
        }
    }
}

fn validating(object: ValidatingWebhookConfiguration) -> Live {
    let webhooks = object.webhooks.unwrap_or_default().into_iter();
    Live {
        metadata: object.metadata,
        entries: webhooks
            .map(|webhook| entry(webhook.name, webhook.client_config, webhook.failure_policy))
            .collect(),
    }
}

fn mutating(object: MutatingWebhookConfiguration) -> Live {
    let webhooks = object.webhooks.unwrap_or_default().into_iter();
    Live {
        metadata: object.metadata,
        entries: webhooks
            .map(|webhook| entry(webhook.name, webhook.client_config, webhook.failure_policy))
            .collect(),
    }
}

fn entry(name: String, client: WebhookClientConfig, policy: Option<String>) -> Entry {
    Entry {
        name,
        bundle: client.ca_bundle.unwrap_or_default().0,
        policy: policy.unwrap_or_default(),
    }
}
