//! Every replica's side: serves what the Secret holds. Decides when to look; writes nothing.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret as ApiSecret;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use super::held::Held;
use super::options::Options;
use crate::process::readiness::Hold;
use crate::web::tls::Tls;

/// How often to look.
pub const FOLLOW_INTERVAL: Duration = Duration::from_secs(10);

/// How often to look while there is nothing to serve: reviews wait for it.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// A connection that is dead says nothing for minutes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps one server's certificate equal to the Secret's.
#[derive(Debug)]
pub struct Follower {
    api: Api<ApiSecret>,
    options: Options,
    tls: Arc<Tls>,
    /// Released with the first certificate.
    hold: Option<Hold>,
    /// Told once, not at each look.
    trouble: Option<String>,
}

impl Follower {
    /// `tls` is made by [`Tls::given`]; `hold` keeps the process unready until it has something to serve.
    pub fn new(client: Client, options: Options, tls: Arc<Tls>, hold: Hold) -> Self {
        Self {
            api: Api::namespaced(client, &options.namespace),
            options,
            tls,
            hold: Some(hold),
            trouble: None,
        }
    }

    /// Looks until `stop`. What can't be read or served leaves the certificate in use, and is logged.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        while stop.run_until_cancelled(self.look()).await.is_some() {
            let pause = if self.tls.is_ready() {
                FOLLOW_INTERVAL
            } else {
                IMPATIENCE
            };
            let pause = tokio::time::sleep(pause);
            if stop.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Looks once.
    pub async fn look(&mut self) {
        let taken = tokio::time::timeout(PATIENCE, self.take()).await;
        let silent = || format!("no answer in {} s", PATIENCE.as_secs());
        let trouble = taken.unwrap_or_else(|_| Err(silent())).err();
        if let Some(trouble) = trouble.as_ref().filter(|_| trouble != self.trouble) {
            tracing::warn!(trouble, "Cannot take the certificate from its Secret");
        }
        self.trouble = trouble;
        if let Some(hold) = self.hold.take_if(|_| self.tls.is_ready()) {
            hold.release();
        }
    }

    async fn take(&self) -> Result<(), String> {
        let (origin, name) = (self.options.origin(), &self.options.secret);
        let secret = self.api.get_opt(name).await;
        let secret = secret.map_err(|error| format!("cannot read {origin}: {error}"))?;
        let data = secret.and_then(|secret| secret.data);
        let held = Held::read(&data.ok_or_else(|| format!("{origin} holds nothing yet"))?);
        let pair = held.serving.as_ref();
        let found = pair.and_then(|pair| Some((&pair.cert, pair.key.as_ref()?)));
        let (cert, key) = found.ok_or_else(|| format!("{origin} lacks tls.crt or tls.key"))?;
        let taken = self.tls.replace(cert.as_bytes(), key.expose().as_bytes());
        if taken.map_err(|error| error.to_string())? {
            tracing::info!(origin, "Took a new certificate into use");
        }
        Ok(())
    }
}
