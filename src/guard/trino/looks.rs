//! Looks at every guarded pod in turn, often at those that somebody wants gone, and at once when a review asks. Decides
//! how often; what follows from an answer is for `core::guard` to say.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::guard::class::View;
use crate::core::guard::evidence::{DrainPower, Sight};
use crate::core::guard::facts::pod::{ClusterId, Pod, Role};
use crate::guard::state::State;

use super::address::Address;
use super::workers::Workers;

/// A pod that nobody asks about.
const ORDINARY: Duration = Duration::from_secs(5);

/// A pod whose removal was refused, or that drains.
const EAGER: Duration = Duration::from_secs(1);

/// How often the list of pods is gone through.
const TICK: Duration = Duration::from_millis(250);

/// How often what belongs to pods that are gone is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Looks at once.
const AT_ONCE: usize = 64;

/// The first version whose workers can be drained and brought back.
const DRAINS_SINCE: u32 = 476;

/// Looks at pods.
#[derive(Clone, Debug)]
pub struct Looks {
    /// Where pods are found and answers go.
    pub state: State,
    /// How workers are asked.
    pub workers: Arc<Workers>,
    /// The port of pods that name none.
    pub port: u16,
}

/// One look to be taken.
struct Due {
    address: Address,
    cluster: ClusterId,
    role: Role,
    started: bool,
    every: Duration,
}

impl Looks {
    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on()).await;
    }

    async fn go_on(&self) {
        let mut last: HashMap<String, Instant> = HashMap::new();
        let mut under_way: HashSet<String> = HashSet::new();
        let mut looks: JoinSet<String> = JoinSet::new();
        let mut swept = Instant::now();
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                Some(Ok(uid)) = looks.join_next() => {
                    under_way.remove(&uid);
                    continue;
                }
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                self.sweep();
            }
            let all = self.state.view(|view| self.due(view));
            let alive: HashSet<_> = all.iter().map(|due| due.address.uid.clone()).collect();
            last.retain(|uid, _| alive.contains(uid));
            for due in all {
                let uid = due.address.uid.clone();
                let rested = last.get(&uid).is_none_or(|at| at.elapsed() >= due.every);
                if rested && looks.len() < AT_ONCE && under_way.insert(uid.clone()) {
                    last.insert(uid.clone(), Instant::now());
                    let looker = self.clone();
                    looks.spawn(async move {
                        looker.look(&due).await;
                        uid
                    });
                }
            }
        }
    }

    /// Looks at these workers now, all at once.
    pub async fn now(&self, uids: &[String]) {
        let due = self.state.view(|view| {
            let pods = uids.iter().filter_map(|uid| view.world.pod_by_uid(uid));
            pods.filter_map(|pod| self.due_of(view, pod))
                .collect::<Vec<_>>()
        });
        let looks = stream::iter(due).map(|due| async move { self.look(&due).await });
        looks.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn look(&self, due: &Due) {
        let at = self.state.clock().now();
        let looked = self.workers.look(&due.address, due.started).await;
        let sight = Sight {
            container: due.address.container.clone(),
            at,
            said: looked.said,
        };
        let old = looked.version.as_deref().is_some_and(is_too_old) && due.role == Role::Worker;
        self.state.learn(|evidence, _| {
            evidence.look(&due.address.uid, &sight);
            if old {
                evidence.power(&due.cluster, DrainPower::TooOld);
            }
        });
    }

    fn sweep(&self) {
        self.state.learn(|evidence, world| {
            evidence.keep_only(|uid| world.pod_by_uid(uid).is_some());
        });
        let live = self.state.view(|view| {
            let sockets = view
                .world
                .pods()
                .filter_map(|pod| Some((pod.ip?, pod.port.unwrap_or(self.port))));
            sockets.map(SocketAddr::from).collect::<HashSet<_>>()
        });
        self.workers.keep_only(|socket| live.contains(socket));
    }

    fn due(&self, view: &View) -> Vec<Due> {
        let pods = view.world.pods().filter(|pod| view.is_guarded(pod));
        pods.filter_map(|pod| self.due_of(view, pod)).collect()
    }

    fn due_of(&self, view: &View, pod: &Pod) -> Option<Due> {
        let owned = view.world.controller(pod).is_some();
        let seen = view.evidence.worker(pod);
        let leaving = seen.is_some_and(|seen| seen.leaving.is_some());
        let wanted = pod.notes.want.is_some() || pod.notes.drain.is_some();
        Some(Due {
            address: Address::of(pod, self.port, owned)?,
            cluster: pod.cluster.clone(),
            role: pod.role,
            started: seen.is_some_and(|seen| seen.started),
            every: if leaving || wanted { EAGER } else { ORDINARY },
        })
    }
}

/// Whether workers of this version can't be drained. A version that is no number is somebody's own build.
fn is_too_old(version: &str) -> bool {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse::<u32>()
        .is_ok_and(|number| number < DRAINS_SINCE)
}

#[cfg(test)]
mod tests {
    use super::is_too_old;

    #[test]
    fn workers_drain_since_476() {
        assert!(is_too_old("475"));
        assert!(is_too_old("448-e.2"));
        assert!(!is_too_old("476"));
        assert!(!is_too_old("482"));
        assert!(!is_too_old("testversion"));
    }
}
