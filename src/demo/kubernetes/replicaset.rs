//! The ReplicaSet controller: makes missing pods, deletes surplus ones in its own ranking. Refused, it backs off, twice as
//! long each time, and looks again at once when one of its pods changes: that is what a kick is for.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::api::{Answer, Api, User};
use super::objects;
use crate::core::guard::class::View;
use crate::core::guard::evidence::Evidence;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::policy::Policy;
use crate::core::guard::rank::ranked;
use crate::core::guard::world::World;

/// How often it looks for changes.
const TICK: Duration = Duration::from_millis(50);

/// The first pause after a failure, as in Kubernetes.
const FIRST: Duration = Duration::from_millis(5);

/// The longest, 16 min 40 s.
const LONGEST: Duration = Duration::from_secs(1000);

/// Characters that make a pod's name its own.
const SUFFIX: usize = 5;

/// The controller.
#[derive(Debug)]
pub(super) struct ReplicaSets {
    api: Api,
    keys: HashMap<String, Key>,
}

/// A ReplicaSet in the controller's queue.
#[derive(Debug, Default)]
struct Key {
    seen: Option<Sighting>,
    failures: u32,
    /// When a failed one is tried again though nothing changed.
    due: Option<Instant>,
}

/// How a ReplicaSet and its pods stood; another one is a change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sighting {
    replicas: u32,
    /// Versions of its pods, by UID.
    pods: Vec<(String, String)>,
}

impl ReplicaSets {
    pub(super) fn new(api: Api) -> Self {
        let keys = HashMap::new();
        Self { api, keys }
    }

    /// Controls until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                self.step().await;
                tokio::time::sleep(TICK).await;
            }
        })
        .await;
    }

    async fn step(&mut self) {
        let sets = self.api.store().read(|world| {
            let all = world.workloads();
            let sets = all.filter(|workload| workload.kind == Kind::ReplicaSet);
            let sets = sets.map(|set| (set.clone(), Sighting::of(world, set)));
            sets.collect::<Vec<_>>()
        });
        for (set, sighting) in sets {
            let key = self.keys.entry(set.uid.clone()).or_default();
            if key.take(sighting) {
                let done = sync(&self.api, &set).await;
                self.keys.entry(set.uid).or_default().answered(done);
            }
        }
    }
}

impl Key {
    /// Whether it is this one's turn: something changed, or its pause is over.
    fn take(&mut self, sighting: Sighting) -> bool {
        let changed = self.seen.as_ref() != Some(&sighting);
        let due = self.due.is_some_and(|due| Instant::now() >= due);
        self.seen = Some(sighting);
        changed || due
    }

    fn answered(&mut self, done: bool) {
        if done {
            (self.failures, self.due) = (0, None);
        } else {
            self.due = Some(Instant::now() + pause(self.failures));
            self.failures += 1;
        }
    }
}

/// The pause after so many failures before this one.
fn pause(failures: u32) -> Duration {
    FIRST
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(LONGEST)
}

impl Sighting {
    fn of(world: &World, set: &Workload) -> Self {
        let pods = world.pods_of_owner(&set.uid);
        let pods = pods.map(|pod| (pod.uid.clone(), pod.resource_version.clone()));
        Self {
            replicas: set.replicas,
            pods: pods.collect(),
        }
    }
}

/// Makes or deletes pods. Answers whether there are as many as there should be.
async fn sync(api: &Api, set: &Workload) -> bool {
    let store = api.store();
    let (count, victims) = store.read(|world| {
        let view = View {
            world,
            evidence: &Evidence::default(),
            policy: &Policy::default(),
            now: store.now(),
        };
        let mut pods = ranked(&view, set);
        let count = pods.len();
        pods.truncate(count.saturating_sub(set.replicas as usize));
        let victims: Vec<Pod> = pods.into_iter().cloned().collect();
        (count, victims)
    });
    for _ in count..set.replicas as usize {
        let name = format!("{}-{}", set.name.name, store.suffix(SUFFIX));
        store.add_pod(objects::worker(set, &name, store.now()));
    }
    let deletions = victims.iter().map(|pod| api.delete(User::ReplicaSets, pod));
    let answers = join_all(deletions).await;
    answers
        .iter()
        .all(|answer| !matches!(answer, Answer::Refused(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_thousand_seconds() {
        assert_eq!(pause(0), Duration::from_millis(5));
        assert_eq!(pause(3), Duration::from_millis(40));
        assert_eq!(pause(18), Duration::from_secs(1000));
        assert_eq!(pause(u32::MAX), Duration::from_secs(1000));
    }

    #[test]
    fn a_refused_controller_waits_and_a_changed_pod_wakes_it() {
        let at = |version: &str| Sighting {
            replicas: 1,
            pods: vec![("uid-a".to_owned(), version.to_owned())],
        };
        let mut key = Key {
            failures: 30,
            ..Key::default()
        };
        assert!(key.take(at("1")));
        key.answered(false);
        assert!(!key.take(at("1")), "its pause is long");
        assert!(key.take(at("2")), "the kick");
        key.answered(true);
        assert!(!key.take(at("2")), "nothing is left to do");
    }
}
