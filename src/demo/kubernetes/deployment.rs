//! The Deployment controller: one ReplicaSet for each template, and the moves from the old ones to the new one within 25 %
//! surge and 25 % unavailable, Kubernetes' defaults. It writes numbers only; pods are the ReplicaSet controller's.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::objects::{self, WORKERS};
use super::store::Store;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::world::World;

/// How often it looks.
const TICK: Duration = Duration::from_millis(50);

/// The controller.
#[derive(Debug)]
pub(super) struct Deployments(Store);

/// A Deployment with its ReplicaSets, the oldest first.
#[derive(Clone, Debug)]
struct Rollout {
    deployment: Workload,
    current: Option<Set>,
    old: Vec<Set>,
}

/// A ReplicaSet and its pods.
#[derive(Clone, Debug)]
struct Set {
    workload: Workload,
    /// Pods that are there, those that are being deleted included.
    pods: usize,
    /// Ready pods that are not being deleted.
    available: u32,
}

/// A number to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resize {
    set: String,
    replicas: u32,
}

impl Deployments {
    pub(super) const fn new(store: Store) -> Self {
        Self(store)
    }

    /// Controls until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.step();
            // Being stopped meanwhile is told by the next look.
            let _ = tokio::time::timeout(TICK, stop.cancelled()).await;
        }
    }

    fn step(&self) {
        let name = objects::name(WORKERS);
        let hash = self.0.template(&name);
        let found = self.0.read(|world| {
            let deployment = world.workload(Kind::Deployment, &name)?;
            Some(Rollout::of(world, deployment, &hash))
        });
        let Some(rollout) = found else {
            return;
        };
        if rollout.current.is_none() {
            let set = objects::replica_set(&rollout.deployment, &hash, self.0.now());
            self.0.put_workload(set);
            return;
        }
        for resize in rollout.resizes() {
            let set = objects::name(&resize.set);
            self.0.set_replicas(Kind::ReplicaSet, &set, resize.replicas);
        }
        for set in rollout.spent() {
            self.0.drop_workload(Kind::ReplicaSet, &set.workload.name);
        }
    }
}

impl Rollout {
    fn of(world: &World, deployment: &Workload, hash: &str) -> Self {
        let sets = world.replica_sets(&deployment.uid);
        let mut sets: Vec<_> = sets.map(|set| Set::of(world, set)).collect();
        sets.sort_by(|one, other| {
            let key = |set: &Set| (set.workload.created, set.workload.name.clone());
            key(one).cmp(&key(other))
        });
        let current = objects::set_name(&deployment.name.name, hash);
        let (current, old) = sets
            .into_iter()
            .partition::<Vec<_>, _>(|set| set.workload.name.name == current);
        Self {
            deployment: deployment.clone(),
            current: current.into_iter().next(),
            old,
        }
    }

    /// What to write now: the new set grows first, else old ones shrink.
    fn resizes(&self) -> Vec<Resize> {
        let Some(current) = &self.current else {
            return Vec::new();
        };
        let goal = self.deployment.replicas;
        let own = current.workload.replicas;
        let standing: u32 = self.old.iter().map(|set| set.workload.replicas).sum();
        let next = if standing == 0 || own > goal {
            goal
        } else {
            let room = (goal + surge(goal)).saturating_sub(own + standing);
            own + room.min(goal - own)
        };
        if next != own {
            return vec![current.resized(next)];
        }
        self.shrink(goal)
    }

    /// Old sets shrink by as many as may be missing: the oldest first.
    fn shrink(&self, goal: u32) -> Vec<Resize> {
        let sets = self.old.iter().chain(&self.current);
        let (all, available) = sets.fold((0, 0), |(all, available), set| {
            (all + set.workload.replicas, available + set.available)
        });
        let least = goal - unavailable(goal);
        let unready = self
            .current
            .as_ref()
            .map_or(0, |set| set.workload.replicas.saturating_sub(set.available));
        if all.saturating_sub(least + unready) == 0 {
            return Vec::new();
        }
        let mut spare = available.saturating_sub(least);
        let mut resizes = Vec::new();
        for set in &self.old {
            let cut = spare.min(set.workload.replicas);
            if cut > 0 {
                spare -= cut;
                resizes.push(set.resized(set.workload.replicas - cut));
            }
        }
        resizes
    }

    /// Old sets without anything left.
    fn spent(&self) -> impl Iterator<Item = &Set> {
        let sets = self.old.iter();
        sets.filter(|set| set.workload.replicas == 0 && set.pods == 0)
    }
}

impl Set {
    fn of(world: &World, set: &Workload) -> Self {
        let available = |pod: &&Pod| pod.ready && pod.is_active();
        let available = world.pods_of_owner(&set.uid).filter(available).count();
        Self {
            workload: set.clone(),
            pods: world.pods_of_owner(&set.uid).count(),
            available: u32::try_from(available).unwrap_or(u32::MAX),
        }
    }

    fn resized(&self, replicas: u32) -> Resize {
        Resize {
            set: self.workload.name.name.clone(),
            replicas,
        }
    }
}

/// 25 %, rounded up.
const fn surge(goal: u32) -> u32 {
    goal.div_ceil(4)
}

/// 25 %, rounded down.
const fn unavailable(goal: u32) -> u32 {
    goal / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::time::Time;

    /// Sets as (replicas, available), the current one last.
    fn rollout(goal: u32, sets: &[(u32, u32)]) -> Rollout {
        let now = Time::default();
        let deployment = objects::deployment(goal, now);
        let set = |(index, (replicas, available)): (usize, &(u32, u32))| Set {
            workload: Workload {
                replicas: *replicas,
                ..objects::replica_set(&deployment, &index.to_string(), now)
            },
            pods: *available as usize,
            available: *available,
        };
        let mut sets: Vec<_> = sets.iter().enumerate().map(set).collect();
        let current = sets.pop();
        Rollout {
            deployment,
            current,
            old: sets,
        }
    }

    fn written(goal: u32, sets: &[(u32, u32)]) -> Vec<(String, u32)> {
        let resizes = rollout(goal, sets).resizes().into_iter();
        resizes
            .map(|resize| (resize.set, resize.replicas))
            .collect()
    }

    fn one(set: &str, replicas: u32) -> Vec<(String, u32)> {
        vec![(format!("{WORKERS}-{set}"), replicas)]
    }

    #[test]
    fn without_a_rollout_the_one_set_has_all() {
        assert_eq!(written(4, &[(0, 0)]), one("0", 4));
        assert_eq!(written(2, &[(4, 4)]), one("0", 2));
        assert_eq!(written(4, &[(4, 3)]), []);
    }

    #[test]
    fn a_rollout_moves_by_a_quarter() {
        assert_eq!(written(4, &[(4, 4), (0, 0)]), one("1", 1), "surge");
        assert_eq!(written(4, &[(4, 4), (1, 0)]), one("0", 3), "unavailable");
        assert_eq!(written(4, &[(3, 3), (1, 0)]), one("1", 2), "room");
        assert_eq!(written(4, &[(3, 3), (2, 0)]), [], "nothing is spare");
        assert_eq!(written(4, &[(3, 3), (2, 1)]), one("0", 2));
        assert_eq!(written(4, &[(0, 0), (4, 4)]), [], "over");
    }

    #[test]
    fn a_set_goes_when_its_last_pod_has() {
        let mut over = rollout(4, &[(0, 1), (4, 4)]);
        assert_eq!(over.spent().count(), 0);
        over.old[0].pods = 0;
        assert_eq!(over.spent().count(), 1);
    }
}
