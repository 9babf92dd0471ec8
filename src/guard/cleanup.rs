//! `xtrinode guard cleanup`: the guard leaves. Webhook configurations go first, so that nothing waits for a guard that is
//! gone; then grants, costs and hints; then every drain of ours is taken back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::DeleteParams;
use kube::{Api, Client};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::client::Kubernetes;
use crate::process::tasks::Tasks;

use super::config::Settings;
use super::leader::{Lead, Leader};
use super::manifests::{Kind, configurations};
use super::wiring;

/// Until the watches must have listed everything.
const LISTED: Duration = Duration::from_secs(30);

/// The Lease stays taken for so long after the end, so that no replica drains anything before it is removed.
const AFTER: Duration = Duration::from_secs(60);

/// Whoever cleans acts alone: it has taken the Lease for longer than it may need.
#[derive(Debug)]
struct Always;

impl Lead for Always {
    fn lasts(&self, _: Duration) -> bool {
        true
    }
}

/// Leaves nothing behind.
///
/// # Errors
/// When the API server can't be reached, a configuration can't be removed, the Lease can't be taken, or something is left
/// when `patience` is over.
pub async fn cleanup(settings: Settings, patience: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + patience;
    let kubernetes = Kubernetes::connect().await;
    let kubernetes = kubernetes.context("cleanup needs a service account or a kubeconfig")?;
    remove_configurations(&kubernetes.client(), &settings).await?;
    let candidate = wiring::candidate(&settings, &kubernetes);
    let others = candidate.seize(patience + AFTER).await;
    let alone = Instant::now() + others.context("cannot take the Lease")?;
    let stop = CancellationToken::new();
    let (leader, tasks) = wiring::cleaner(settings, kubernetes, Arc::new(Always), &stop)?;
    let running = tokio::spawn(run(tasks, stop.clone()));
    listed(&leader, LISTED.min(patience)).await?;
    tokio::time::sleep_until(alone).await;
    let clean = leader
        .clean(end.saturating_duration_since(Instant::now()))
        .await;
    stop.cancel();
    let _ = running.await;
    if !clean {
        bail!(
            "something is left after {} s; run it again",
            patience.as_secs()
        );
    }
    tracing::info!("No mark of the guard is left on any pod, and no drain");
    Ok(())
}

async fn listed(leader: &Leader, patience: Duration) -> anyhow::Result<()> {
    let listed = async {
        while leader.fresh.stale().is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let listed = tokio::time::timeout(patience, listed).await;
    listed.context("the API server did not list everything in time")
}

async fn run(tasks: Tasks, stop: CancellationToken) {
    if let Err(error) = tasks.run(&stop, Duration::from_secs(5)).await {
        tracing::warn!(%error, "A task failed while cleaning up");
    }
}

async fn remove_configurations(client: &Client, settings: &Settings) -> anyhow::Result<()> {
    for configuration in configurations(settings) {
        let name = &configuration.name;
        let params = DeleteParams::default();
        let removed = match configuration.kind {
            Kind::Validating => {
                let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
                api.delete(name, &params).await.map(drop)
            }
            Kind::Mutating => {
                let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
                api.delete(name, &params).await.map(drop)
            }
        };
        match removed {
            Ok(()) => tracing::info!(name, "Removed a webhook configuration"),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot remove the webhook configuration {name}"));
            }
        }
    }
    Ok(())
}
