//! The exporter's snapshot stream: follows `/v1/snapshot?watch`, keeps the latest state, and hands it on as readings.
//! When it breaks it is taken up again; in the meantime it is silent, and silence is for `core::guard` to judge.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::header::{ACCEPT, AUTHORIZATION};
use reqwest::Response;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::collect::options::TlsFiles;
use crate::core::buffers::wire::{SCHEMA_VERSION, WireSnapshot};
use crate::core::guard::evidence::Supplier;
use crate::core::guard::facts::pod::{ClusterId, Role};
use crate::core::guard::supply::{Received, apply};
use crate::core::guard::time::Time;
use crate::guard::config::Exporter;
use crate::guard::state::State;

use super::sse::{Event, Events};

/// The exporter says something every 10 s; after three times that the connection is dead.
const DEAF: Duration = Duration::from_secs(30);

/// Pauses between attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(15);

/// Follows the exporter.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Where readings go.
    pub state: State,
    /// Where it is.
    pub exporter: Arc<Exporter>,
}

/// What was received so far.
#[derive(Debug, Default)]
struct Latest {
    snapshot: Option<WireSnapshot>,
    at: Time,
    /// Whether it was said that none of its coordinators is ours.
    told: bool,
}

impl Stream {
    /// Follows until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on()).await;
    }

    async fn go_on(&self) {
        let mut pause = PAUSE;
        loop {
            let mut latest = Latest::default();
            let Err(error) = self.follow(&mut latest).await;
            if latest.snapshot.is_some() {
                pause = PAUSE;
            }
            tracing::warn!(
                error = format!("{error:#}"),
                "The exporter's stream broke; it is taken up again"
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn follow(&self, latest: &mut Latest) -> anyhow::Result<std::convert::Infallible> {
        let mut response = timeout(DEAF, self.open())
            .await
            .context("no answer in time")??;
        let mut events = Events::default();
        loop {
            let chunk = timeout(DEAF, response.chunk()).await;
            let chunk = chunk
                .context("it fell silent")?
                .map_err(reqwest::Error::without_url)?;
            let Some(chunk) = chunk else {
                bail!("the exporter ended it");
            };
            for event in events.push(&chunk)? {
                self.take(latest, &event)?;
            }
            // Whatever came, it lives: also the heartbeat between events.
            self.hand_on(latest);
        }
    }

    async fn open(&self) -> anyhow::Result<Response> {
        let mut url = self.exporter.url.clone();
        let path = format!("{}/v1/snapshot", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.set_query(Some("watch"));
        let tls = TlsFiles {
            ca: self.exporter.ca_file.clone(),
            ..TlsFiles::default()
        };
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let client = tls.apply(builder)?.build()?;
        let mut request = client.get(url).header(ACCEPT, "text/event-stream");
        if let Some(file) = &self.exporter.token_file {
            request = request.header(AUTHORIZATION, bearer(file)?);
        }
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        Ok(response
            .error_for_status()
            .map_err(reqwest::Error::without_url)?)
    }

    fn take(&self, latest: &mut Latest, event: &Event) -> anyhow::Result<()> {
        match event.name.as_str() {
            "snapshot" => {
                let snapshot: WireSnapshot = serde_json::from_str(&event.data)?;
                if snapshot.schema_version != SCHEMA_VERSION {
                    bail!(
                        "it speaks schema version {}, we speak {SCHEMA_VERSION}",
                        snapshot.schema_version
                    );
                }
                latest.snapshot = Some(snapshot);
            }
            "change" => {
                let change = serde_json::from_str(&event.data)?;
                let snapshot = latest
                    .snapshot
                    .as_mut()
                    .context("a change came before any snapshot")?;
                apply(snapshot, change);
            }
            _ => return Ok(()),
        }
        latest.at = self.state.calendar().now();
        Ok(())
    }

    fn hand_on(&self, latest: &mut Latest) {
        let Some(snapshot) = &latest.snapshot else {
            return;
        };
        let received = Received {
            supplier: Supplier::Exporter,
            snapshot,
            at: latest.at,
            heard: self.state.calendar().now(),
        };
        let strange = self.state.learn(|evidence, world| {
            let clusters: Vec<ClusterId> = world.clusters().cloned().collect();
            let mut known = false;
            for id in &clusters {
                let members: Vec<_> = world.members(id, Role::Worker).collect();
                if let Some(reading) = received.reading(id, &members) {
                    evidence.read(&reading, members.iter().copied());
                    known = true;
                }
            }
            !known && !clusters.is_empty()
        });
        if strange && !latest.told {
            latest.told = true;
            tracing::warn!(
                coordinators = ?snapshot.coordinators.keys().collect::<Vec<_>>(),
                "The exporter knows none of our clusters: its coordinators need the release and the namespace of their pods"
            );
        }
    }
}

fn bearer(file: &Path) -> anyhow::Result<http::HeaderValue> {
    let token =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut value =
        http::HeaderValue::from_str(&format!("Bearer {}", token.trim())).with_context(|| {
            format!(
                "{} holds characters that a header can't carry",
                file.display()
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
