//! Puts the self-managed certificate's parts together: the follower that serves it, and the leader's keeper.

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster::lease::Leadership;
use crate::collect::Task;
use crate::process::readiness::Hold;
use crate::web::tls::{ClientAuth, Tls};

use super::config::{SelfManaged, Settings};
use super::manifests;
use super::tls::{Configuration, Follower, Keeper, Kind, Options, Verify, handshake};

/// What the certificate depends on.
pub struct Kept<'a> {
    /// The Kubernetes API.
    pub client: Client,
    /// Names and addresses.
    pub settings: &'a Settings,
    /// How it is made.
    pub own: &'a SelfManaged,
    /// Whose certificates are asked for.
    pub clients: Option<ClientAuth>,
    /// Released once there is one.
    pub hold: Hold,
    /// Who renews it.
    pub leadership: Leadership,
    /// Ends everything.
    pub stop: CancellationToken,
}

impl Kept<'_> {
    /// The certificate to serve, and the work that keeps it good.
    ///
    /// # Errors
    /// When client certificates are asked for and their authorities can't be read.
    pub fn prepare(self) -> anyhow::Result<(Arc<Tls>, Vec<Task>)> {
        let serving = &self.settings.serving;
        let namespace = &self.settings.installation.namespace;
        let options = Options::new(
            namespace,
            self.own,
            serving.webhook_url.as_ref(),
            kept_configurations(self.settings),
        );
        let tls = Arc::new(Tls::given(options.origin(), self.clients)?);
        let follower = Follower::new(self.client.clone(), options.clone(), tls.clone(), self.hold);
        let verify = verification(self.settings, self.own);
        let (leads, heard) = watch::channel(false);
        let keeper = Keeper::new(self.client, options, verify, heard);
        let stop = self.stop;
        let tasks: Vec<Task> = vec![
            (
                "follow the certificate".to_owned(),
                Box::pin(follower.run(stop.clone())),
            ),
            (
                "keep the certificate".to_owned(),
                Box::pin(keeper.run(stop.clone())),
            ),
            (
                "tell who leads".to_owned(),
                Box::pin(tell(self.leadership, leads, stop)),
            ),
        ];
        Ok((tls, tasks))
    }
}

/// The configurations that the chart or `xtrinode manifests` made, as the keeper knows them.
fn kept_configurations(settings: &Settings) -> Vec<Configuration> {
    let of = |one: manifests::Configuration| Configuration {
        kind: match one.kind {
            manifests::Kind::Validating => Kind::Validating,
            manifests::Kind::Mutating => Kind::Mutating,
        },
        name: one.name,
        mode: one.mode,
    };
    manifests::configurations(settings)
        .into_iter()
        .map(of)
        .collect()
}

/// Tries what the API server calls.
fn verification(settings: &Settings, own: &SelfManaged) -> Verify {
    let service = format!(
        "{}.{}.svc",
        own.service_name, settings.installation.namespace
    );
    let url = settings.serving.webhook_url.as_ref();
    let host = url
        .and_then(|url| url.host_str())
        .map_or(service, str::to_owned);
    let port = url.and_then(url::Url::port_or_known_default).unwrap_or(443);
    Arc::new(move |bundle: String| {
        let host = host.clone();
        Box::pin(async move { Ok(handshake(&host, port, &bundle).await?) })
    })
}

/// Tells whoever only wants to know yes or no.
async fn tell(
    mut leadership: Leadership,
    leads: watch::Sender<bool>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let pause = std::time::Duration::from_secs(1);
    loop {
        let now = leadership.leads();
        leads.send_if_modified(|before| std::mem::replace(before, now) != now);
        let changed = tokio::time::timeout(pause, leadership.changed());
        match stop.run_until_cancelled(changed).await {
            None => return Ok(()),
            Some(Ok(false)) => stop.cancelled().await,
            Some(_) => {}
        }
    }
}
