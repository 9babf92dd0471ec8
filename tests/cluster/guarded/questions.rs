//! A steady stream of reviews while something happens to the guard: dry-run evictions of a worker that holds data. Each
//! must be refused by the guard itself; an answer of any other kind means that nobody answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{EvictParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::scene::Scene;
use crate::story::say;
use crate::wait;
use crate::world::World;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until it is told to stop.
pub struct Questions {
    told: Arc<Mutex<Told>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub refused: usize,
    /// The words of other answers.
    pub other: Vec<String>,
}

impl Questions {
    /// Begins, about one worker of a scene that holds data.
    pub async fn start(world: &World, scene: &Scene) -> Result<Self> {
        let pod = scene.workers(world).await?.into_iter().next();
        let pod = pod.context("a worker")?;
        let told = Arc::<Mutex<Told>>::default();
        let stop = CancellationToken::new();
        let client = world.plane.once.clone();
        let task = tokio::spawn(ask(client, pod, Arc::clone(&told), stop.clone()));
        let questions = Self { told, stop, task };
        questions.wait_refused(20).await?;
        Ok(questions)
    }

    /// Waits until so many were refused, from the start on.
    pub async fn wait_refused(&self, count: usize) -> Result<()> {
        let what = format!("{count} refusals");
        wait::until(&what, 120, async || {
            Ok((lock(&self.told).refused >= count).then_some(()))
        })
        .await
    }

    /// Waits until so many more were refused.
    pub async fn wait_more(&self, count: usize) -> Result<()> {
        let now = lock(&self.told).refused;
        self.wait_refused(now + count).await
    }

    /// Ends, and fails when any question was not answered by the guard.
    pub async fn all_answered(self) -> Result<()> {
        self.stop.cancel();
        self.task.await?;
        let told = lock(&self.told).clone();
        say!(
            "  {} reviews meanwhile, {} without an answer",
            told.refused + told.other.len(),
            told.other.len()
        );
        ensure!(told.other.is_empty(), "{:?}", told.other);
        Ok(())
    }
}

async fn ask(client: Client, pod: Pod, told: Arc<Mutex<Told>>, stop: CancellationToken) {
    let api = Api::<Pod>::namespaced(client, &pod.namespace().unwrap_or_default());
    let parameters = EvictParams {
        post_options: PostParams {
            dry_run: true,
            ..PostParams::default()
        },
        ..EvictParams::default()
    };
    while !stop.is_cancelled() {
        let answer = api.evict(&pod.name_any(), &parameters).await;
        match answer {
            Err(kube::Error::Api(status)) if status.code == 429 => lock(&told).refused += 1,
            other => lock(&told).other.push(format!("{other:?}")),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
