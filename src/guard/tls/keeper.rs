//! The leader's side: keeps the Secret and the webhook configurations as they should be. Moves what
//! [`plan`](super::plan) and [`publish`](super::publish) decide; each write is a compare-and-swap. A replica that does
//! not lead makes the first certificate where no leader does, and nothing else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as ApiSecret;
use kube::api::PostParams;
use kube::{Api, Client};
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::configurations::{MANAGER, apply, read};
use super::held::Held;
use super::issue::{IssueError, Order, carry_out};
use super::options::{Configuration, Options};
use super::plan::{Step, View, plan};
use super::publish::{Live, applied, wants_proof};
use crate::cluster::client::Kubernetes;
use crate::cluster::failure::Failure;
use crate::web::tls::certificate::chain;

/// A connection that is dead says nothing for minutes; a turn makes many calls.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the leader looks.
pub const KEEP_INTERVAL: Duration = Duration::from_secs(10);

/// How long the API server may take to say what time it is.
const TIME: Duration = Duration::from_secs(10);

/// A rotation has fewer steps in a row than this; more would be a loop.
const MOST_STEPS: usize = 5;

/// Tries the API server's way to us, trusting this PEM bundle alone.
pub type Verify = Arc<dyn Fn(String) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// Makes and renews certificates, and tells the API server.
pub struct Keeper {
    client: Client,
    options: Options,
    verify: Verify,
    leader: watch::Receiver<bool>,
    /// Since when every configuration has been seen to trust this next authority.
    next_trusted: Option<(CertificateDer<'static>, Timestamp)>,
    /// The bundle that the API server's way was last tried with.
    verified: Option<String>,
}

/// Why a look ended early; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The API server refused, or could not be reached.
    #[error("{what}: {error}")]
    Api {
        /// What was tried.
        what: String,
        /// What the client said.
        error: Box<kube::Error>,
    },
    /// The planned certificate can't be made.
    #[error("{0}")]
    Issue(String),
    /// Dates of certificates can't be judged without the API server's time.
    #[error("the API server's answer has no usable Date header")]
    NoTime,
    /// Nor while it does not answer.
    #[error("cannot ask the API server for the time: {0}")]
    TimeUnanswered(Failure),
    /// This replica no longer leads: the new leader goes on.
    #[error("lost the lead")]
    NotLeading,
    /// The plan does not come to rest.
    #[error("{MOST_STEPS} steps in a row and still not done")]
    Restless,
    /// The configurations stay as harmless as they are.
    #[error("the API server could not reach this webhook: {0:#}")]
    Unverified(anyhow::Error),
}

/// The configurations that exist.
type Found<'a> = Vec<(&'a Configuration, Live)>;

impl Keeper {
    /// `leader` says whether this replica leads; `verify` is [`super::handshake`] with what the API server calls.
    pub fn new(
        client: Client,
        options: Options,
        verify: Verify,
        leader: watch::Receiver<bool>,
    ) -> Self {
        Self {
            client,
            options,
            verify,
            leader,
            next_trusted: None,
            verified: None,
        }
    }

    /// Looks every [`KEEP_INTERVAL`] until `stop`: at everything while this replica leads, else whether there is a
    /// certificate at all.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut told = None;
        let mut waited = false;
        while !stop.is_cancelled() {
            let turn = tokio::time::timeout(PATIENCE, self.turn(waited));
            let Some(outcome) = stop.run_until_cancelled(turn).await else {
                break;
            };
            let trouble = match outcome {
                Ok(outcome) => outcome.err().map(|error| error.to_string()),
                Err(_) => Some(format!("no answer in {} s", PATIENCE.as_secs())),
            };
            if let Some(trouble) = trouble.as_ref().filter(|_| trouble != told) {
                tracing::warn!(trouble, "Cannot keep the webhook's certificate");
            }
            told = trouble;
            let pause = tokio::time::timeout(KEEP_INTERVAL, self.leader.changed());
            match stop.run_until_cancelled(pause).await {
                None => break,
                // Whoever elected is gone, so nobody leads.
                Some(Ok(Err(_))) => stop.cancelled().await,
                Some(changed) => waited = changed.is_err(),
            }
        }
        Ok(())
    }

    /// Leads, or has `waited` for whoever does.
    async fn turn(&mut self, waited: bool) -> Result<(), KeepError> {
        if *self.leader.borrow_and_update() {
            return self.look().await;
        }
        // What this replica saw as an earlier leader may be long untrue.
        (self.next_trusted, self.verified) = (None, None);
        if waited { self.begin().await } else { Ok(()) }
    }

    /// Makes the first certificate where there is nothing to build upon. Whoever leads may be of an earlier installation
    /// whose certificates come out of files; it goes only when this replica is ready, which takes a certificate.
    async fn begin(&self) -> Result<(), KeepError> {
        let now = self.time().await?;
        let secret = self.secret().await?;
        let held = held(secret.as_ref());
        let step = self.step(&held, now, None);
        if step != Step::Begin {
            return Ok(());
        }
        let after = carry_out(step, &held, self.order(now)).map_err(KeepError::from)?;
        self.write(secret, &after, step).await
    }

    /// Looks once and does what there is to do.
    pub async fn look(&mut self) -> Result<(), KeepError> {
        let options = self.options.clone();
        for _ in 0..MOST_STEPS {
            let now = self.time().await?;
            let mut found = self.configurations(&options).await?;
            let secret = self.secret().await?;
            let held = held(secret.as_ref());
            let next_trusted = self.next_trusted(&held, &found, now);
            let step = self.step(&held, now, next_trusted);
            if matches!(step, Step::Wait(_)) {
                return self.publish(&held.bundle(), &mut found).await;
            }
            let after = carry_out(step, &held, self.order(now)).map_err(KeepError::from)?;
            self.leading()?;
            self.write(secret, &after, step).await?;
        }
        Err(KeepError::Restless)
    }

    /// The API server's clock, since it is the API server that will check dates. Ours may jump.
    async fn time(&self) -> Result<Timestamp, KeepError> {
        let time = Kubernetes::new(self.client.clone()).time(TIME).await;
        time.map_err(KeepError::TimeUnanswered)?
            .ok_or(KeepError::NoTime)
    }

    fn step(&self, held: &Held, now: Timestamp, next_trusted: Option<Duration>) -> Step {
        plan(View {
            held,
            names: &self.options.names,
            validity: self.options.validity,
            now,
            next_trusted,
        })
    }

    fn order(&self, now: Timestamp) -> Order<'_> {
        Order {
            names: &self.options.names,
            validity: self.options.validity,
            now,
        }
    }

    async fn configurations<'a>(&self, options: &'a Options) -> Result<Found<'a>, KeepError> {
        let mut found = Vec::new();
        for configuration in &options.configurations {
            let live = read(&self.client, configuration).await;
            let live = live.map_err(|error| failed(&reading(configuration), error))?;
            found.extend(live.map(|live| (configuration, live)));
        }
        Ok(found)
    }

    fn secrets(&self) -> Api<ApiSecret> {
        Api::namespaced(self.client.clone(), &self.options.namespace)
    }

    async fn secret(&self) -> Result<Option<ApiSecret>, KeepError> {
        let secret = self.secrets().get_opt(&self.options.secret).await;
        secret.map_err(|error| failed(&format!("cannot read {}", self.options.origin()), error))
    }

    /// Remembers since when the next authority is trusted everywhere; says for how long.
    fn next_trusted(&mut self, held: &Held, found: &Found<'_>, now: Timestamp) -> Option<Duration> {
        let next = held.next.as_ref();
        let next = next.and_then(|pair| chain(pair.cert.as_bytes())?.into_iter().next());
        let next = next.filter(|next| found.iter().all(|(_, live)| live.trusts(next)));
        let known = self.next_trusted.take();
        // A clock that went back begins to count anew.
        let known = known.filter(|(one, since)| next.as_ref() == Some(one) && *since <= now);
        self.next_trusted = known.or_else(|| Some((next?, now)));
        let (_, since) = self.next_trusted.as_ref()?;
        now.duration_since(*since).try_into().ok()
    }

    /// A conflict means that somebody else wrote: the next look sees what.
    async fn write(
        &self,
        secret: Option<ApiSecret>,
        after: &Held,
        step: Step,
    ) -> Result<(), KeepError> {
        let create = secret.is_none();
        let mut secret = secret.unwrap_or_default();
        after.write(secret.data.get_or_insert_default());
        let (api, name) = (self.secrets(), &self.options.secret);
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let written = if create {
            secret.metadata.name = Some(name.clone());
            api.create(&params, &secret).await
        } else {
            // With the resourceVersion that was read.
            api.replace(name, &params, &secret).await
        };
        let origin = self.options.origin();
        written.map_err(|error| failed(&format!("cannot write {origin}"), error))?;
        tracing::info!(origin, step = ?step, "Renewed the webhook's certificates");
        Ok(())
    }

    /// Trust first; then, where a failure should block, proof; then that.
    async fn publish(&mut self, bundle: &str, found: &mut Found<'_>) -> Result<(), KeepError> {
        let verified = self.verified.as_deref() == Some(bundle);
        let changed = self.apply(bundle, found, verified).await?;
        let open = found
            .iter()
            .any(|(configuration, live)| wants_proof(configuration, live));
        if changed || verified || !open {
            // What was just written is looked at first; it is the next look that proves it.
            return Ok(());
        }
        let proof = (self.verify)(bundle.to_owned()).await;
        proof.map_err(KeepError::Unverified)?;
        tracing::info!("The API server's way to this webhook was tried and is good");
        self.verified = Some(bundle.to_owned());
        self.apply(bundle, found, true).await.map(drop)
    }

    /// Whether anything had to change.
    async fn apply(
        &self,
        bundle: &str,
        found: &Found<'_>,
        verified: bool,
    ) -> Result<bool, KeepError> {
        let mut changed = false;
        for (configuration, live) in found {
            let Some(object) = applied(configuration, live, bundle, verified) else {
                continue;
            };
            self.leading()?;
            let written = apply(&self.client, configuration, object).await;
            written.map_err(|error| failed(&writing(configuration), error))?;
            let (kind, name) = (configuration.kind.as_str(), &configuration.name);
            tracing::info!(kind, name, verified, "Told the API server whom to trust");
            changed = true;
        }
        Ok(changed)
    }

    fn leading(&self) -> Result<(), KeepError> {
        if *self.leader.borrow() {
            Ok(())
        } else {
            Err(KeepError::NotLeading)
        }
    }
}

/// What the Secret holds; nothing when there is none.
fn held(secret: Option<&ApiSecret>) -> Held {
    let data = secret.and_then(|secret| secret.data.as_ref());
    data.map(Held::read).unwrap_or_default()
}

fn reading(configuration: &Configuration) -> String {
    let (kind, name) = (configuration.kind.as_str(), &configuration.name);
    format!("cannot read {kind} {name}")
}

fn writing(configuration: &Configuration) -> String {
    let (kind, name) = (configuration.kind.as_str(), &configuration.name);
    format!("cannot write caBundle and failurePolicy of {kind} {name}")
}

fn failed(what: &str, error: kube::Error) -> KeepError {
    KeepError::Api {
        what: what.to_owned(),
        error: Box::new(error),
    }
}

impl From<IssueError> for KeepError {
    fn from(error: IssueError) -> Self {
        Self::Issue(error.to_string())
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Keeper");
        text.field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
