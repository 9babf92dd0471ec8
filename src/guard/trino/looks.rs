//! Looks at every guarded pod in turn, often at those that somebody wants gone, and at once when a review asks. Decides
//! how often; what follows from an answer is for `core::guard` to say.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::core::guard::class::View;
use crate::core::guard::evidence::Sight;
use crate::core::guard::facts::pod::{ClusterId, Pod, Role};
use crate::guard::state::State;

use super::address::Address;
use super::workers::Workers;

/// A pod that nobody asks about.
const ORDINARY: Duration = Duration::from_secs(5);

/// A pod whose removal was refused, or that drains.
const EAGER: Duration = Duration::from_secs(1);

/// A pod that nobody asks about and that has not answered for [`SILENT`].
const HOPELESS: Duration = Duration::from_secs(20);

/// A look at a silent pod holds its place until it times out: what has been silent for longer may not cost the others
/// their turns.
const SILENT: Duration = Duration::from_secs(60);

/// How often the list of pods is gone through.
const TICK: Duration = Duration::from_millis(250);

/// How often what belongs to pods that are gone is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Looks at once.
const AT_ONCE: usize = 64;

/// Looks that are made ready at once: as many as end before the list of pods is gone through again, and more.
const READY: usize = 2048;

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
}

/// When which pod was looked at.
#[derive(Debug, Default)]
struct Turns {
    last: HashMap<String, Instant>,
    under_way: HashSet<String>,
    looks: HashMap<Id, String>,
}

impl Turns {
    fn began(&mut self, uid: String, look: Id, now: Instant) {
        self.last.insert(uid.clone(), now);
        self.under_way.insert(uid.clone());
        self.looks.insert(look, uid);
    }

    /// A look has ended, even by a panic.
    fn ended(&mut self, look: Id) {
        if let Some(uid) = self.looks.remove(&look) {
            self.under_way.remove(&uid);
        }
    }

    /// How long a pod has waited beyond its pause; `None` where it is not its turn. One that was never looked at comes first.
    fn waited(&self, uid: &str, pause: Duration, now: Instant) -> Option<Duration> {
        if self.under_way.contains(uid) {
            return None;
        }
        match self.last.get(uid) {
            Some(last) => now.duration_since(*last).checked_sub(pause),
            None => Some(Duration::MAX),
        }
    }
}

impl Looks {
    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.go_on()).await;
    }

    async fn go_on(&self) {
        let mut turns = Turns::default();
        let mut ready = VecDeque::new();
        let mut looks = JoinSet::new();
        let mut swept = Instant::now();
        let mut tick = tokio::time::interval(TICK);
        // Ticks that were missed while this process had no processor are not made up for.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    if swept.elapsed() >= SWEEP {
                        swept = Instant::now();
                        self.sweep();
                    }
                    ready = self.state.view(|view| self.ready(view, &mut turns));
                }
                Some(ended) = looks.join_next_with_id() => {
                    turns.ended(ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
            }
            self.begin(&mut ready, &mut turns, &mut looks);
        }
    }

    /// Begins as many looks as may be under way.
    fn begin(&self, ready: &mut VecDeque<Due>, turns: &mut Turns, looks: &mut JoinSet<()>) {
        while looks.len() < AT_ONCE
            && let Some(due) = ready.pop_front()
        {
            let uid = due.address.uid.clone();
            let looker = self.clone();
            let look = looks.spawn(async move { looker.look(&due).await });
            turns.began(uid, look.id(), Instant::now());
        }
    }

    /// The looks that are due, those first that have waited longest: where there are more than can be taken, each pod gets
    /// its turn.
    fn ready(&self, view: &View, turns: &mut Turns) -> VecDeque<Due> {
        turns
            .last
            .retain(|uid, _| view.world.pod_by_uid(uid).is_some());
        let now = Instant::now();
        let pods = view.world.pods().filter(|pod| view.is_guarded(pod));
        let mut waiting: Vec<_> = pods
            .filter_map(|pod| Some((turns.waited(&pod.uid, every(view, pod), now)?, pod)))
            .collect();
        waiting.sort_unstable_by_key(|(waited, _)| Reverse(*waited));
        let due = waiting.into_iter().take(READY);
        due.filter_map(|(_, pod)| self.due_of(view, pod)).collect()
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
        let at = self.state.calendar().now();
        let looked = self.workers.look(&due.address, due.started).await;
        let sight = Sight {
            container: due.address.container.clone(),
            at,
            said: looked.said,
        };
        let version = looked.version.filter(|_| due.role == Role::Worker);
        self.state.learn(|evidence, world| {
            if let Some(took) = evidence.look(&due.address.uid, &sight) {
                evidence.drained_in(&due.cluster, took);
            }
            if let Some(version) = version {
                evidence.version(&due.address.uid, &sight, is_too_old(&version));
                evidence.reconsider_one(&due.cluster, world);
            }
        });
    }

    fn sweep(&self) {
        self.state.learn(|evidence, world| {
            evidence.keep_only(|uid| world.pod_by_uid(uid).is_some());
            evidence.reconsider(world);
        });
        let (uids, live) = self.state.view(|view| {
            let sockets = view
                .world
                .pods()
                .filter_map(|pod| Some((pod.ip?, pod.port.unwrap_or(self.port))));
            let sockets = sockets.map(SocketAddr::from).collect::<HashSet<_>>();
            let uids = view.world.pods().map(|pod| pod.uid.clone());
            (uids.collect::<HashSet<_>>(), sockets)
        });
        let lives = |uid: &str| uids.contains(uid);
        self.workers
            .keep_only(lives, |socket| live.contains(socket));
    }

    fn due_of(&self, view: &View, pod: &Pod) -> Option<Due> {
        let owned = view.world.controller(pod).is_some();
        let seen = view.evidence.worker(pod);
        Some(Due {
            address: Address::of(pod, self.port, owned)?,
            cluster: pod.cluster.clone(),
            role: pod.role,
            started: seen.is_some_and(|seen| seen.started),
        })
    }
}

/// The pause between two looks at a pod.
fn every(view: &View, pod: &Pod) -> Duration {
    let seen = view.evidence.worker(pod);
    let leaving = seen.is_some_and(|seen| seen.leaving.is_some());
    let wanted = pod.notes.want.is_some() || pod.notes.drain.is_some();
    let silent = seen.and_then(|seen| seen.failing.filter(|_| seen.refusing.is_none()));
    match silent.is_some_and(|since| view.now.since(since) >= SILENT) {
        _ if leaving || wanted => EAGER,
        true => HOPELESS,
        false => ORDINARY,
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
    use super::*;

    #[test]
    fn who_waited_longest_comes_first_and_nobody_is_asked_twice_at_once() {
        let mut turns = Turns::default();
        let now = Instant::now();
        let waited = |turns: &Turns, pause, seconds| {
            turns.waited("a", pause, now + Duration::from_secs(seconds))
        };
        assert_eq!(waited(&turns, EAGER, 0), Some(Duration::MAX), "never seen");
        turns.last.insert("a".to_owned(), now);
        assert_eq!(waited(&turns, EAGER, 0), None, "just seen");
        assert_eq!(waited(&turns, EAGER, 4), Some(Duration::from_secs(3)));
        assert_eq!(waited(&turns, ORDINARY, 4), None);
        turns.under_way.insert("a".to_owned());
        assert_eq!(waited(&turns, EAGER, 4), None, "it is being asked");
    }

    #[test]
    fn workers_drain_since_476() {
        assert!(is_too_old("475"));
        assert!(is_too_old("448-e.2"));
        assert!(!is_too_old("476"));
        assert!(!is_too_old("482"));
        assert!(!is_too_old("testversion"));
    }
}
