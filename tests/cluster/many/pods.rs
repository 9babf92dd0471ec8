//! Follows the pods of one namespace: which are there, and when each began to go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::task::JoinHandle;

use crate::wait;
use crate::world::is_ready;

/// A namespace that is followed. Dropping it ends that.
pub struct Pods {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// By uid, terminating ones too.
    there: HashMap<String, Pod>,
    /// By uid: when a deletion was allowed, as far as a watcher can tell.
    removed: HashMap<String, Instant>,
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pods {
    /// Begins.
    pub fn follow(client: Client, namespace: &str) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let api = Api::namespaced(client, namespace);
        let task = tokio::spawn(follow(api, Arc::clone(&seen)));
        Self { seen, task }
    }

    /// The pods of a component, `worker` or `coordinator`, that are not on their way out.
    pub fn of(&self, component: &str) -> Vec<Pod> {
        let seen = lock(&self.seen);
        let staying = seen.there.values().filter(|pod| {
            pod.metadata.deletion_timestamp.is_none()
                && pod
                    .labels()
                    .get("app.kubernetes.io/component")
                    .map(String::as_str)
                    == Some(component)
        });
        let mut pods: Vec<Pod> = staying.cloned().collect();
        pods.sort_by_key(ResourceExt::name_any);
        pods
    }

    /// When a pod began to go.
    pub fn removed(&self, uid: &str) -> Option<Instant> {
        lock(&self.seen).removed.get(uid).copied()
    }

    /// Whether a pod still stands, on its way out or not.
    pub fn stands(&self, uid: &str) -> bool {
        lock(&self.seen).there.contains_key(uid)
    }

    /// Waits until there are so many workers and one coordinator, all ready, and nobody is on the way out.
    pub async fn whole(&self, workers: usize) -> Result<()> {
        let what = format!("a coordinator and {workers} workers, ready, and no others");
        wait::until(&what, 600, async || {
            let there: Vec<Pod> = lock(&self.seen).there.values().cloned().collect();
            let whole = there.len() == workers + 1 && there.iter().all(is_ready);
            Ok(whole.then_some(()))
        })
        .await
    }
}

async fn follow(api: Api<Pod>, seen: Arc<Mutex<Seen>>) {
    let mut events = watcher(api, watcher::Config::default())
        .default_backoff()
        .boxed();
    let mut listed = HashMap::new();
    while let Some(event) = events.next().await {
        // An error is followed by another try.
        let Ok(event) = event else { continue };
        let mut seen = lock(&seen);
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(pod) => {
                listed.insert(pod.uid().unwrap_or_default(), pod);
            }
            watcher::Event::InitDone => seen.replace(std::mem::take(&mut listed)),
            watcher::Event::Apply(pod) => seen.put(pod),
            watcher::Event::Delete(pod) => seen.lose(&pod.uid().unwrap_or_default()),
        }
    }
}

impl Seen {
    fn put(&mut self, pod: Pod) {
        let uid = pod.uid().unwrap_or_default();
        if pod.metadata.deletion_timestamp.is_some() {
            self.removed.entry(uid.clone()).or_insert_with(Instant::now);
        }
        self.there.insert(uid, pod);
    }

    fn lose(&mut self, uid: &str) {
        self.there.remove(uid);
        self.removed
            .entry(uid.to_owned())
            .or_insert_with(Instant::now);
    }

    fn replace(&mut self, listed: HashMap<String, Pod>) {
        let gone: Vec<String> = self
            .there
            .keys()
            .filter(|uid| !listed.contains_key(*uid))
            .cloned()
            .collect();
        for uid in &gone {
            self.lose(uid);
        }
        for pod in listed.into_values() {
            self.put(pod);
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
