//! The guard's own collectors: one for each cluster of which the exporter says nothing, started when the stream falls
//! silent and stopped when it is back. The same code as the exporter's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::collect::Collector;
use crate::core::buffers::directory::{self, Directory, Sighting};
use crate::core::buffers::wire::WireSnapshot;
use crate::core::guard::class::View;
use crate::core::guard::evidence::Supplier;
use crate::core::guard::facts::pod::{ClusterId, Pod, Role};
use crate::core::guard::supply::Received;
use crate::guard::config::Settings;
use crate::guard::state::State;

use super::clusters::{Found, found};

/// How often clusters are gone through, and at least how often a collector's state is taken in.
const LOOK: Duration = Duration::from_secs(1);

/// A stream that has said nothing of a cluster for so long leaves it to us; ours goes on for as long after it is back.
const SILENCE: Duration = Duration::from_secs(15);

/// Trino's default `task.info-update-interval`: how long it may hold back news of a task.
const LAG: Duration = Duration::from_secs(3);

/// Runs collectors.
#[derive(Clone, Debug)]
pub struct Own {
    /// Where clusters are found and readings go.
    pub state: State,
    /// How coordinators are asked.
    pub settings: Arc<Settings>,
}

/// One running collector. Dropping it stops its tasks.
struct Running {
    url: Url,
    collector: Collector,
    /// When the stream was last found silent.
    needed: Instant,
    stop: CancellationToken,
    _tasks: JoinSet<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Running {
    /// Whether it is needed, or was a moment ago: a stream that is just back may break again.
    fn goes_on(&mut self, silent: bool) -> bool {
        if silent {
            self.needed = Instant::now();
        }
        self.needed.elapsed() <= SILENCE
    }
}

/// Whether no stream covers a cluster.
fn is_silent(view: &View, id: &ClusterId) -> bool {
    let heard = view.evidence.cluster(id).heard(Supplier::Exporter);
    heard.is_none_or(|heard| view.now.since(heard) > SILENCE)
}

impl Own {
    /// Collects until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on()).await;
    }

    async fn go_on(&self) {
        let mut running: HashMap<ClusterId, Running> = HashMap::new();
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            let (all, silent) = self.state.view(|view| {
                let all = found(view, &self.settings);
                let silent = all.iter().filter(|found| is_silent(view, &found.id));
                let silent: HashSet<_> = silent.map(|found| found.id.clone()).collect();
                (all, silent)
            });
            running.retain(|id, one| {
                let same = all.iter().find(|found| found.id == *id);
                let same = same.is_some_and(|found| *found.url() == one.url);
                same && one.goes_on(silent.contains(id))
            });
            for found in all {
                if silent.contains(&found.id) {
                    let id = found.id.clone();
                    running.entry(id).or_insert_with(|| self.start(&found));
                }
                if let Some(one) = running.get(&found.id) {
                    self.exchange(&found.id, &one.collector);
                }
            }
        }
    }

    fn start(&self, found: &Found) -> Running {
        tracing::info!(cluster = %found.id, "Reading a coordinator ourselves");
        let stop = CancellationToken::new();
        let (collector, work) = Collector::prepare(&found.options(&self.settings), &stop);
        let mut tasks = JoinSet::new();
        for (name, work) in work.sources.into_iter().chain(work.pollers) {
            tasks.spawn(async move {
                if let Err(error) = work.await {
                    tracing::warn!(task = name, %error, "A collector's task ended");
                }
            });
        }
        Running {
            url: found.url().clone(),
            collector,
            needed: Instant::now(),
            stop,
            _tasks: tasks,
        }
    }

    /// Tells a collector which pods there are, and takes in what it knows.
    fn exchange(&self, id: &ClusterId, collector: &Collector) {
        collector
            .board
            .kubernetes(self.state.view(|view| directory(view, id)));
        let snapshot = WireSnapshot::new(&collector.board.snapshot(), LAG);
        let now = self.state.calendar().now();
        self.state.learn(|evidence, world| {
            let members: Vec<_> = world.members(id, Role::Worker).collect();
            let received = Received {
                supplier: Supplier::Own,
                snapshot: &snapshot,
                at: now,
                heard: now,
            };
            if let Some(reading) = received.reading(id, &members) {
                evidence.read(&reading, members.iter().copied());
            }
        });
    }
}

fn directory(view: &View, id: &ClusterId) -> Directory {
    Directory::new(view.world.members(id, Role::Worker).filter_map(sighting))
}

fn sighting(pod: &Pod) -> Option<Sighting> {
    let release = Some(pod.cluster.release.clone());
    Some(Sighting {
        host: pod.ip?.to_string(),
        pod: directory::Pod {
            namespace: pod.name.namespace.clone(),
            name: pod.name.name.clone(),
            release,
        },
        preferred: pod.running().is_some(),
        recency: i64::try_from(pod.created.as_millis()).unwrap_or(i64::MAX),
    })
}
