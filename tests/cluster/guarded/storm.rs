//! Reviews as the API server sends them on a connection of its own: to the address and with the authorities that the
//! webhook configuration names at that moment, each over a new handshake.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::direct::{self, eviction};
use super::scene::Scene;
use crate::story::say;
use crate::world::World;

/// Who ask at the same time.
const CALLERS: usize = 3;

/// Between two questions of one of them.
const PAUSE: Duration = Duration::from_millis(30);

/// Asks until it is told to stop.
pub struct Storm {
    told: Arc<Mutex<Told>>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What came back.
#[derive(Debug, Default)]
struct Told {
    refused: usize,
    other: Vec<String>,
}

impl Storm {
    /// Begins, about one worker of a scene that holds data.
    pub async fn start(world: &World, scene: &Scene) -> Result<Self> {
        let pod = scene.workers(world).await?.into_iter().next();
        let pod = pod.context("a worker")?;
        let told = Arc::<Mutex<Told>>::default();
        let stop = CancellationToken::new();
        let tasks = (0..CALLERS).map(|_| {
            let (client, pod) = (world.plane.client.clone(), pod.clone());
            tokio::spawn(ask(client, pod, Arc::clone(&told), stop.clone()))
        });
        Ok(Self {
            tasks: tasks.collect(),
            told,
            stop,
        })
    }

    /// Ends, and fails when one was not answered.
    pub async fn all_answered(self) -> Result<()> {
        self.stop.cancel();
        for task in self.tasks {
            task.await?;
        }
        let told = lock(&self.told);
        let (refused, other) = (told.refused, told.other.len());
        say!("  {refused} reviews over new connections, {other} without an answer");
        ensure!(other == 0, "{:#?}", told.other);
        ensure!(refused > 0, "nobody asked");
        Ok(())
    }
}

async fn ask(client: Client, pod: Pod, told: Arc<Mutex<Told>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match once(&client, &pod).await {
            Ok(()) => lock(&told).refused += 1,
            Err(error) => lock(&told).other.push(format!("{error:#}")),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn once(client: &Client, pod: &Pod) -> Result<()> {
    let configuration = direct::eviction_webhook(client).await?.client_config;
    let bundle = configuration.ca_bundle.unwrap_or_default().0;
    let url = configuration.url.context("a webhook's URL")?;
    let mut review = eviction(pod);
    review["request"]["dryRun"] = true.into();
    let request = direct::trusting(&bundle, None)?.post(url);
    let request = request.header("Content-Type", "application/json");
    let answer = request.body(review.to_string()).send().await;
    let answer = answer.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    ensure!(answer.status() == 200, "{}", answer.status());
    let answer: Value = serde_json::from_str(&answer.text().await?)?;
    ensure!(answer["response"]["status"]["code"] == 429, "{answer}");
    Ok(())
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
