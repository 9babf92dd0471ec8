//! Pods by the Kubernetes API: a watch of the pods that a selector names, reduced to names, addresses and labels.
//! Never writes to the API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use futures::stream::select_all;
use k8s_openapi::api::core::v1::Pod as ApiPod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::core::buffers::directory::{Directory, Pod, Sighting};

use super::board::Board;
use super::options::KubernetesOptions;

/// A rollout changes many pods at once; the map is rebuilt once for all of them.
const SETTLE: Duration = Duration::from_millis(200);

/// At most so many changes are gathered before the map is rebuilt all the same.
const BATCH: usize = 1000;

/// Keeps the board's map up to date until `stop`.
///
/// # Errors
/// When there is no way to reach the Kubernetes API.
pub async fn run(
    options: KubernetesOptions,
    board: Arc<Board>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let client = Client::try_default()
        .await
        .context("kubernetes.enabled needs a service account or a kubeconfig")?;
    stop.run_until_cancelled(follow(&client, &options, &board))
        .await;
    Ok(())
}

async fn follow(client: &Client, options: &KubernetesOptions, board: &Board) {
    let apis = apis(client, &options.namespaces);
    let mut view = View::new(apis.len());
    let config = watcher::Config::default().labels(&options.selector);
    let watches = apis.into_iter().enumerate().map(|(index, api)| {
        let watch = watcher(api, config.clone()).default_backoff();
        watch.map(move |event| (index, event)).boxed()
    });
    let mut events = select_all(watches);
    while let Some((index, event)) = events.next().await {
        view.take(index, event);
        for _ in 0..BATCH {
            match timeout(SETTLE, events.next()).await {
                Ok(Some((index, event))) => view.take(index, event),
                _ => break,
            }
        }
        if view.is_ready() {
            board.kubernetes(view.directory());
        }
    }
}

fn apis(client: &Client, namespaces: &[String]) -> Vec<Api<ApiPod>> {
    if namespaces.is_empty() {
        return vec![Api::all(client.clone())];
    }
    let one = |namespace: &String| Api::namespaced(client.clone(), namespace);
    namespaces.iter().map(one).collect()
}

/// The pods of every watch, reduced to what a directory needs.
struct View {
    watches: Vec<Watch>,
}

#[derive(Default)]
struct Watch {
    listed: bool,
    pods: Pods,
    /// A list that is still coming in.
    incoming: Pods,
}

/// Sightings by namespace and name of the pod.
type Pods = BTreeMap<(String, String), Vec<Sighting>>;

impl View {
    fn new(watches: usize) -> Self {
        let watches = std::iter::repeat_with(Watch::default).take(watches);
        Self {
            watches: watches.collect(),
        }
    }

    fn take(&mut self, index: usize, event: Result<watcher::Event<ApiPod>, watcher::Error>) {
        match (event, self.watches.get_mut(index)) {
            (Ok(event), Some(watch)) => watch.apply(event),
            (Err(error), _) => {
                tracing::warn!(%error, "The pod watch failed; it is tried again and the last pods stay");
            }
            (Ok(_), None) => {}
        }
    }

    /// Whether every watch has been listed once.
    fn is_ready(&self) -> bool {
        self.watches.iter().all(|watch| watch.listed)
    }

    fn directory(&self) -> Directory {
        let pods = self.watches.iter().flat_map(|watch| watch.pods.values());
        Directory::new(pods.flatten().cloned())
    }
}

impl Watch {
    fn apply(&mut self, event: watcher::Event<ApiPod>) {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        match event {
            Init => self.incoming.clear(),
            InitApply(pod) => drop(self.incoming.insert(key(&pod), sightings(&pod))),
            InitDone => {
                self.pods = std::mem::take(&mut self.incoming);
                self.listed = true;
            }
            Apply(pod) => drop(self.pods.insert(key(&pod), sightings(&pod))),
            Delete(pod) => drop(self.pods.remove(&key(&pod))),
        }
    }
}

fn key(pod: &ApiPod) -> (String, String) {
    (pod.namespace().unwrap_or_default(), pod.name_any())
}

/// One sighting for each address of a pod. A pod that has ended keeps its address in the API although another
/// may have it by now: it is no worker any more.
fn sightings(pod: &ApiPod) -> Vec<Sighting> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return Vec::new();
    }
    let labels = pod.labels();
    let release = labels
        .get("app.kubernetes.io/instance")
        .or_else(|| labels.get("release"));
    let (namespace, name) = key(pod);
    let found = Pod {
        namespace,
        name,
        release: release.cloned(),
    };
    let created = pod.creation_timestamp();
    let recency = created.map_or(0, |time| time.0.as_millisecond());
    let addresses = status.pod_ips.iter().flatten().map(|ip| &ip.ip);
    let addresses: BTreeSet<&String> = addresses.chain(&status.pod_ip).collect();
    let sighting = |host: &String| Sighting {
        host: host.clone(),
        pod: found.clone(),
        preferred: status.phase.as_deref() == Some("Running"),
        recency,
    };
    addresses.into_iter().map(sighting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ip: &str, phase: &str, created: &str) -> ApiPod {
        serde_json::from_value(serde_json::json!({
            "metadata": {
                "name": name, "namespace": "trino", "creationTimestamp": created,
                "labels": {"app.kubernetes.io/instance": "blue"},
            },
            "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}]},
        }))
        .expect("a pod")
    }

    fn listed(pods: Vec<ApiPod>) -> View {
        let mut view = View::new(1);
        view.take(0, Ok(watcher::Event::Init));
        for pod in pods {
            view.take(0, Ok(watcher::Event::InitApply(pod)));
        }
        assert!(!view.is_ready(), "half a list is no list");
        view.take(0, Ok(watcher::Event::InitDone));
        view
    }

    fn at(view: &View, ip: &str) -> Option<String> {
        view.directory().at_host(ip).map(|pod| pod.name.clone())
    }

    #[test]
    fn an_address_belongs_to_the_newest_running_pod() {
        let view = listed(vec![
            pod("done", "10.0.0.1", "Succeeded", "2026-01-03T00:00:00Z"),
            pod("old", "10.0.0.1", "Running", "2026-01-01T00:00:00Z"),
            pod("new", "10.0.0.1", "Running", "2026-01-02T00:00:00Z"),
        ]);
        assert!(view.is_ready());
        assert_eq!(at(&view, "10.0.0.1").as_deref(), Some("new"));
    }

    #[test]
    fn changes_follow_the_list() {
        let mut view = listed(vec![pod(
            "a",
            "10.0.0.1",
            "Running",
            "2026-01-01T00:00:00Z",
        )]);
        let b = pod("b", "10.0.0.2", "Running", "2026-01-01T00:00:00Z");
        view.take(0, Ok(watcher::Event::Apply(b.clone())));
        assert_eq!(at(&view, "10.0.0.2").as_deref(), Some("b"));
        view.take(0, Ok(watcher::Event::Delete(b)));
        assert_eq!(at(&view, "10.0.0.2"), None);
    }

    #[test]
    fn a_new_list_replaces_the_old_one_only_when_it_is_whole() {
        let mut view = listed(vec![pod(
            "a",
            "10.0.0.1",
            "Running",
            "2026-01-01T00:00:00Z",
        )]);
        view.take(0, Ok(watcher::Event::Init));
        assert_eq!(at(&view, "10.0.0.1").as_deref(), Some("a"));
        view.take(0, Ok(watcher::Event::InitDone));
        assert_eq!(at(&view, "10.0.0.1"), None);
    }

    #[test]
    fn the_release_is_the_instance_label() {
        let view = listed(vec![pod(
            "a",
            "10.0.0.1",
            "Running",
            "2026-01-01T00:00:00Z",
        )]);
        let directory = view.directory();
        let release = directory
            .at_host("10.0.0.1")
            .and_then(|pod| pod.release.clone());
        assert_eq!(release.as_deref(), Some("blue"));
    }
}
