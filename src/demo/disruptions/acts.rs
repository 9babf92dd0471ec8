//! The single disruptions, each as its tool does it: asked for, refused, asked for again until it is done. Whoever waits
//! here waits until the run is stopped.

use std::sync::Arc;
use std::time::Duration;

use super::board::Board;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::world::World;
use crate::demo::kubernetes::api::{Answer, Api, User};
use crate::demo::kubernetes::objects::{self, WORKERS};
use crate::demo::simulator::random::Random;

/// After a refusal: `kubectl drain` waits 5 s, an autoscaler 15 s.
const RETRY: Duration = Duration::from_secs(1);

/// How often somebody who waits looks.
const LOOK: Duration = Duration::from_millis(100);

/// How long a node stays cordoned after its drain, and a scale-down stands.
const AFTER: Duration = Duration::from_millis(500);

/// Does them.
#[derive(Debug)]
pub(super) struct Acts {
    api: Api,
    board: Arc<Board>,
}

impl Acts {
    pub(super) const fn new(api: Api, board: Arc<Board>) -> Self {
        Self { api, board }
    }

    /// Waits until so many workers serve.
    pub(super) async fn until_whole(&self, workers: u16) {
        self.until(|world| ready(world).count() >= usize::from(workers))
            .await;
    }

    /// Drains a node: cordons it, evicts whatever is on it, waits until that is gone; then it takes pods again.
    pub(super) async fn drain(&self, random: &mut Random) {
        let nodes = self.api.store().nodes();
        let with_pods = |node: &&String| self.look(|world| world.pods_on(node).count() > 0);
        let busy: Vec<_> = nodes.iter().filter(with_pods).collect();
        let Some(node) = busy.get(random.index(busy.len())) else {
            return;
        };
        self.board.begin(format!("kubectl drain {node}"));
        self.api.cordon(node, true);
        loop {
            let pods = self.look(|world| world.pods_on(node).cloned().collect::<Vec<Pod>>());
            if pods.is_empty() {
                break;
            }
            let mut refused = false;
            for pod in pods.iter().filter(|pod| pod.is_active()) {
                let answer = self.api.evict(User::Person, pod).await;
                refused |= matches!(answer, Answer::Refused(_));
            }
            tokio::time::sleep(if refused { RETRY } else { LOOK }).await;
        }
        self.board.end();
        tokio::time::sleep(AFTER).await;
        self.api.cordon(node, false);
    }

    /// Scales down by a worker or more, waits until they are gone, and scales up again to `all`.
    pub(super) async fn scale(&self, random: &mut Random, all: u32) {
        let most = u64::from(all / 3).max(1);
        let fewer = u32::try_from(random.between(1, most + 1)).unwrap_or(1);
        let target = all.saturating_sub(fewer);
        self.board.begin(format!(
            "kubectl scale deployment/{WORKERS} --replicas={target}"
        ));
        while matches!(self.api.scale(target).await, Answer::Refused(_)) {
            tokio::time::sleep(RETRY).await;
        }
        self.until(|world| workers(world).count() <= target as usize)
            .await;
        self.board.end();
        tokio::time::sleep(AFTER).await;
        // More workers are never refused.
        let _ = self.api.scale(all).await;
    }

    /// Restarts all workers, waits until none of the old ones is left.
    pub(super) async fn restart(&self, all: u32) {
        let what = format!("kubectl rollout restart deployment/{WORKERS}");
        self.board.begin(what);
        self.api.restart();
        let deployment = objects::name(WORKERS);
        let hash = self.api.store().template(&deployment);
        let set = objects::name(&objects::set_name(WORKERS, &hash));
        self.until(|world| {
            let current = world.workload(Kind::ReplicaSet, &set);
            let is_new = |pod: &Pod| {
                let owner = pod.owner.as_ref().map(|owner| &owner.uid);
                owner == current.map(|set| &set.uid)
            };
            let whole = ready(world).filter(|pod| is_new(pod)).count() >= all as usize;
            whole && workers(world).all(is_new)
        })
        .await;
        self.board.end();
    }

    /// Deletes a pod, and tries again until it is gone.
    pub(super) async fn delete(&self, random: &mut Random) {
        let mut pods = self.look(|world| ready(world).cloned().collect::<Vec<Pod>>());
        pods.sort_by(|one, other| one.name.cmp(&other.name));
        let Some(pod) = pods.get(random.index(pods.len())) else {
            return;
        };
        self.board
            .begin(format!("kubectl delete pod {}", pod.name.name));
        while matches!(self.api.delete(User::Person, pod).await, Answer::Refused(_)) {
            tokio::time::sleep(RETRY).await;
        }
        self.until(|world| world.pod_by_uid(&pod.uid).is_none())
            .await;
        self.board.end();
    }
}

impl Acts {
    async fn until(&self, holds: impl Fn(&World) -> bool) {
        while !self.look(&holds) {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.api.store().read(look)
    }
}

fn workers(world: &World) -> impl Iterator<Item = &Pod> {
    world.pods().filter(|pod| pod.role == Role::Worker)
}

fn ready(world: &World) -> impl Iterator<Item = &Pod> {
    workers(world).filter(|pod| pod.ready && pod.is_active())
}
