//! Two replicas, one worker that may go, two requests at the same moment: its eviction, its deletion, a lower number that
//! rests on it. The API server's compare-and-swap decides who was first, and whoever was second knows it.
//!
//! The test plays the API server towards both replicas, so no pod goes and thousands of races fit into minutes; what the
//! replicas write is real.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;
use xtrinode::core::guard::review::Path;
use xtrinode::trino::words::NodeState;

use super::direct::{self, Replica, deletion, eviction, scale};
use super::installation::GUARD;
use super::scene::{Scene, ours, spec};
use crate::runner::{Scenario, Stage};
use crate::story::say;
use crate::trino_on_plane::{Spec, WORKERS};
use crate::wait;
use crate::world::World;

/// Workers, each with a Deployment of its own: so many races at a time.
const WORKERS_IN_RACES: usize = 50;
/// Of a round, so many run at the same moment: the API server and both replicas share this machine.
const AT_ONCE: usize = 16;
/// Races in a run of everything, and in one that has time.
const FEW: usize = 300;
const MANY: usize = 10_000;
/// A replica that knows only of an earlier version of a pod loses to nobody: it waits for its watch so long. So does
/// the start of the next race.
const CATCH_UP: std::time::Duration = std::time::Duration::from_millis(150);

const GRANT: &str = "xtrinode.io/grant";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "guarded-races",
            stage: Stage::Plane(|world| Box::pin(races(world, FEW))),
        },
        Scenario {
            name: "measure-races",
            stage: Stage::Plane(|world| Box::pin(races(world, MANY))),
        },
    ]
}

/// What one of the two asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Evict,
    Delete,
    Scale,
}

/// How races ended.
#[derive(Debug, Default)]
struct Tally {
    races: usize,
    allowed: usize,
    refused: usize,
    /// Races in which a replica said that it could not answer in time: they count for nothing.
    void: usize,
    /// By the questions, and what the pod carried, one after the other.
    ends: BTreeMap<String, usize>,
}

async fn races(world: &World, count: usize) -> Result<()> {
    let spec = Spec {
        workers: 0,
        ..spec("races")
    };
    let scene = Scene::quiet(world, spec).await?;
    let pods = drained_workers(world, &scene).await?;
    let replicas = direct::replicas(world).await?;
    let guard = world
        .plane
        .access
        .acting_as(GUARD, &["system:serviceaccounts"])
        .await?;
    let api = Api::<Pod>::namespaced(guard, scene.namespace());
    let history = History::follow(&world.plane.client, scene.namespace());
    let seed = std::env::var("XTRINODE_SEED").ok();
    let seed = seed.map_or_else(|| Ok(fastrand::u64(..)), |seed| seed.parse())?;
    say!("  XTRINODE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    let before = lost(&replicas).await?;
    while tally.races < count {
        let questions: Vec<_> = pods.iter().map(|_| questions(&mut random)).collect();
        let all = pods.iter().zip(&questions);
        let all = all.map(|(pod, pair)| race(&replicas, pod, *pair));
        let answers: Vec<_> = stream::iter(all).buffered(AT_ONCE).try_collect().await?;
        let forgotten = stream::iter(pods.iter().map(|pod| forget(&api, pod)));
        let versions: Vec<u64> = forgotten.buffered(AT_ONCE).try_collect().await?;
        history.wait_version(&pods, &versions).await?;
        for ((pod, pair), answers) in pods.iter().zip(questions).zip(answers) {
            tally.take(pair, answers, &history.take(pod))?;
        }
        tokio::time::sleep(CATCH_UP).await;
    }
    let lost = lost(&replicas).await? - before;
    say!(
        "  {} races: {} allowed, {} refused, {lost} writes lost to the other replica, 0 double grants; {} void",
        tally.races,
        tally.allowed,
        tally.refused,
        tally.void
    );
    for (end, count) in &tally.ends {
        say!("    {count:>5} {end}");
    }
    ensure!(lost > 0.0, "no race was close: nothing was tested");
    scene.end(world).await
}

/// Workers that may go, by a drain that is nobody's; each was refused once, so that the leader has proven it.
async fn drained_workers(world: &World, scene: &Scene) -> Result<Vec<Pod>> {
    let [_, _, workers] = scene.cluster.spec.items();
    let items: Vec<Value> = (0..WORKERS_IN_RACES)
        .map(|number| deployment(&workers, number))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    world.plane.apply(&list.to_string()).await?;
    let pods = world
        .ready(scene.namespace(), WORKERS, WORKERS_IN_RACES)
        .await?;
    for pod in &pods {
        let name = pod.name_any();
        let told = scene.simulator.set_worker_state(&name, NodeState::Draining);
        ensure!(told.is_ok(), "{name} does not drain");
    }
    let replicas = direct::replicas(world).await?;
    let first = replicas.first().context("a replica")?;
    wait::until("refusals that are written down", 60, async || {
        let mut all = true;
        for pod in scene.workers(world).await? {
            if !has(&pod, "drain-requested") {
                all = false;
                first.ask(Path::Eviction, &eviction(&pod)).await?;
            }
        }
        Ok(all.then_some(()))
    })
    .await?;
    say!("  {} workers drain", pods.len());
    wait::until("proofs on all workers", 240, async || {
        let pods = scene.workers(world).await?;
        Ok(pods
            .iter()
            .all(|pod| has(pod, "drained-at"))
            .then_some(pods))
    })
    .await
}

fn has(pod: &Pod, mark: &str) -> bool {
    ours(pod).iter().any(|key| key.ends_with(mark))
}

/// One worker of a Deployment of its own.
fn deployment(workers: &Value, number: usize) -> Value {
    let mut one = workers.clone();
    one["metadata"]["name"] = format!("worker-{number}").into();
    let spec = &mut one["spec"];
    spec["replicas"] = 1.into();
    for labels in ["/selector/matchLabels", "/template/metadata/labels"] {
        if let Some(labels) = spec.pointer_mut(labels) {
            labels["tests/race"] = number.to_string().into();
        }
    }
    one
}

/// Two different ones more often than the same twice; never two deletions that only say the same.
fn questions(random: &mut fastrand::Rng) -> [Question; 2] {
    use Question::{Delete, Evict, Scale};
    let pairs = [
        [Evict, Scale],
        [Delete, Scale],
        [Evict, Delete],
        [Evict, Evict],
        [Scale, Scale],
    ];
    let mut pair = pairs[random.usize(..pairs.len())];
    random.shuffle(&mut pair);
    pair
}

/// Asks both replicas at the same moment.
async fn race(replicas: &[Replica], pod: &Pod, pair: [Question; 2]) -> Result<[Option<bool>; 2]> {
    let [one, other] = replicas else {
        anyhow::bail!("{} replicas", replicas.len());
    };
    let ask = async |replica: &Replica, question: Question| {
        let (path, review) = question.review(pod);
        match replica.ask(path, &review).await {
            // On a busy machine it may be late; its deadline is long over when this is given up.
            Err(error) if is_late(&error) => Ok(None),
            answer => answer,
        }
    };
    let (one, other) = tokio::try_join!(ask(one, pair[0]), ask(other, pair[1]))?;
    Ok([one, other])
}

fn is_late(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<reqwest::Error>();
    error.is_some_and(reqwest::Error::is_timeout)
}

impl Question {
    fn review(self, pod: &Pod) -> (Path, Value) {
        match self {
            Self::Evict => (Path::Eviction, eviction(pod)),
            Self::Delete => (Path::PodDelete, deletion(pod)),
            Self::Scale => {
                let number = pod.labels().get("tests/race");
                let name = format!("worker-{}", number.map_or("", String::as_str));
                let namespace = pod.namespace().unwrap_or_default();
                (Path::Scale, scale(&namespace, &name, 1, 0))
            }
        }
    }

    /// What its grant is for.
    const fn key(self) -> &'static str {
        match self {
            Self::Evict | Self::Delete => "pod",
            Self::Scale => "scale",
        }
    }
}

impl Tally {
    /// Counts one race, and fails when both were given the same worker without knowing of each other: each grant that was
    /// written is that of an allow, a number of replicas never rests on a worker that is promised already, and the same
    /// request writes once.
    fn take(
        &mut self,
        pair: [Question; 2],
        answers: [Option<bool>; 2],
        grants: &[String],
    ) -> Result<()> {
        let [Some(one), Some(other)] = answers else {
            self.void += 1;
            return Ok(());
        };
        let answers = [one, other];
        let story = || format!("{pair:?} answered {answers:?}, the pod carried {grants:?}");
        let mut keys: Vec<&str> = pair
            .iter()
            .zip(answers)
            .filter(|(_, allowed)| *allowed)
            .map(|(question, _)| question.key())
            .collect();
        keys.sort_unstable_by(|one, other| other.cmp(one));
        keys.dedup();
        ensure!(!keys.is_empty(), "nobody got it: {}", story());
        // An eviction or deletion may take what a lower number takes anyway; the other way round two pods would go.
        ensure!(grants == keys, "a double grant: {}", story());
        self.races += 1;
        let allowed = answers.iter().filter(|allowed| **allowed).count();
        self.allowed += allowed;
        self.refused += answers.len() - allowed;
        let mut names = pair.map(|question| format!("{question:?}"));
        names.sort_unstable();
        let end = format!("{}: {}", names.join(" and "), grants.join(", then "));
        *self.ends.entry(end).or_default() += 1;
        Ok(())
    }
}

/// The race is over: nothing of it stands on the pod, whose version from then on this is.
async fn forget(api: &Api<Pod>, pod: &Pod) -> Result<u64> {
    let patch = json!({"metadata": {"annotations": {GRANT: null}}});
    let parameters = PatchParams::default();
    let pod = api
        .patch(&pod.name_any(), &parameters, &Patch::Merge(patch))
        .await?;
    version(&pod)
}

fn version(pod: &Pod) -> Result<u64> {
    Ok(pod.resource_version().context("a version")?.parse()?)
}

/// How many writes both replicas lost.
async fn lost(replicas: &[Replica]) -> Result<f64> {
    let mut sum = 0.0;
    for replica in replicas {
        sum += replica
            .metric("xtrinode_guard_grants_total{outcome=\"lost-race\"}")
            .await?;
    }
    Ok(sum)
}

/// Every grant that a pod carries, in order, as its watch tells.
struct History {
    seen: Arc<Mutex<BTreeMap<String, Grants>>>,
    task: JoinHandle<()>,
}

/// Of one pod.
#[derive(Debug, Default)]
struct Grants {
    version: u64,
    /// What it carries now.
    now: Option<String>,
    /// What each was for, since they were last taken.
    keys: Vec<String>,
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl History {
    fn follow(client: &Client, namespace: &str) -> Self {
        let seen = Arc::<Mutex<BTreeMap<String, Grants>>>::default();
        let api = Api::<Pod>::namespaced(client.clone(), namespace);
        let task = tokio::spawn(follow(api, Arc::clone(&seen)));
        Self { seen, task }
    }

    /// Waits until every pod was seen in this version or a later one.
    async fn wait_version(&self, pods: &[Pod], versions: &[u64]) -> Result<()> {
        wait::until("the end of all grants", 60, async || {
            let seen = lock(&self.seen);
            let mut all = pods.iter().zip(versions);
            let seen = all.all(|(pod, version)| {
                let grants = seen.get(&pod.name_any());
                grants.is_some_and(|grants| grants.version >= *version)
            });
            Ok(seen.then_some(()))
        })
        .await
    }

    fn take(&self, pod: &Pod) -> Vec<String> {
        let mut seen = lock(&self.seen);
        let grants = seen.get_mut(&pod.name_any());
        grants.map_or_else(Vec::new, |grants| std::mem::take(&mut grants.keys))
    }
}

async fn follow(api: Api<Pod>, seen: Arc<Mutex<BTreeMap<String, Grants>>>) {
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let mut events = events.applied_objects().boxed();
    while let Some(event) = events.next().await {
        let Ok(pod) = event else { continue };
        let grant = pod.annotations().get(GRANT).cloned();
        let mut seen = lock(&seen);
        let grants = seen.entry(pod.name_any()).or_default();
        grants.version = version(&pod).unwrap_or_default();
        if grants.now != grant {
            grants.keys.extend(grant.as_deref().map(key));
            grants.now = grant;
        }
    }
}

/// `pod`, or `scale` for a number of replicas.
fn key(grant: &str) -> String {
    let grant: Value = serde_json::from_str(grant).unwrap_or_default();
    let key = &grant["key"];
    let scale = key.get("scale").map(|_| "scale");
    key.as_str().or(scale).unwrap_or("unreadable").to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
