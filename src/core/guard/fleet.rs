//! The workers of one cluster together: how many are meant to be, how many serve, how many must go on serving.

use std::cell::OnceCell;

use super::class::View;
use super::facts::pod::{ClusterId, Pod, Role};
use super::facts::workload::Workload;
use super::notes::Want;
use super::time::Time;

/// How many workers of one cluster serve, counted once for whoever judges many of them at the same moment.
#[derive(Clone, Debug)]
pub struct Serving<'a> {
    view: View<'a>,
    cluster: &'a ClusterId,
    count: OnceCell<u32>,
}

impl<'a> Serving<'a> {
    /// The workers of this cluster; none is counted before that is needed.
    #[must_use]
    pub const fn new(view: View<'a>, cluster: &'a ClusterId) -> Self {
        Self {
            view,
            cluster,
            count: OnceCell::new(),
        }
    }

    /// The same as [`View::has_serving`] for a worker of this cluster.
    #[must_use]
    pub fn has_without(&self, but: &Pod, least: u32) -> bool {
        self.has_without_all(&[but], least)
    }

    /// The same without several, which go together.
    #[must_use]
    pub fn has_without_all(&self, but: &[&Pod], least: u32) -> bool {
        let all = *self.count.get_or_init(|| self.count());
        let staying = but.iter().filter(|pod| self.view.is_staying(pod));
        let leaving = u32::try_from(staying.count()).unwrap_or(u32::MAX);
        all.saturating_sub(leaving) >= least
    }

    fn count(&self) -> u32 {
        let members = self.view.world.members(self.cluster, Role::Worker);
        let serving = members.filter(|pod| self.view.is_staying(pod));
        u32::try_from(serving.count()).unwrap_or(u32::MAX)
    }
}

impl View<'_> {
    /// How many workers a cluster is meant to have: what specs say, or the last lower number that we refused.
    #[must_use]
    pub fn target(&self, cluster: &ClusterId) -> u32 {
        let workloads = self.world.top_workloads(cluster, Role::Worker);
        workloads.fold(0, |sum: u32, workload| {
            sum.saturating_add(self.target_of(workload))
        })
    }

    /// How many pods a workload is meant to have.
    #[must_use]
    pub fn target_of(&self, workload: &Workload) -> u32 {
        if workload.deleting {
            return 0;
        }
        let pods = self.pods_of(workload);
        let refused = pods.filter_map(|pod| {
            let number = pod.notes.want.as_ref()?.number?;
            let counts = self.is_recent(number.at) && workload.replicas <= number.from;
            counts.then_some((number.at, number.target))
        });
        let latest = refused.max_by_key(|(at, target)| (*at, std::cmp::Reverse(*target)));
        latest.map_or(workload.replicas, |(_, target)| {
            target.min(workload.replicas)
        })
    }

    /// The pods of a workload, through its ReplicaSets where it is a Deployment.
    pub fn pods_of<'a>(&'a self, workload: &'a Workload) -> impl Iterator<Item = &'a Pod> {
        let sets = self.world.replica_sets(&workload.uid);
        let through = sets.flat_map(|set| self.world.pods_of_owner(&set.uid));
        self.world.pods_of_owner(&workload.uid).chain(through)
    }

    /// Whether a refused removal still counts.
    #[must_use]
    pub fn is_live(&self, want: &Want) -> bool {
        self.is_recent(want.at)
    }

    /// Whether what was refused then is not abandoned yet.
    #[must_use]
    pub fn is_recent(&self, at: Time) -> bool {
        self.now.since(at) < self.policy.bounds.abandon_after
    }

    /// Whether at least so many workers of a cluster serve and stay, `but` not counted. Looks no further than it has to.
    #[must_use]
    pub fn has_serving(&self, cluster: &ClusterId, but: &Pod, least: u32) -> bool {
        let members = self.world.members(cluster, Role::Worker);
        let serving = members.filter(|pod| pod.uid != but.uid && self.is_staying(pod));
        serving.take(least as usize).count() >= least as usize
    }

    /// Whether a worker serves, and nobody was just promised that it may go.
    fn is_staying(&self, pod: &Pod) -> bool {
        let grant = pod.notes.grant.as_ref();
        let promised = grant.is_some_and(|grant| grant.until > self.now && grant.uid == pod.uid);
        !promised && self.is_serving(pod)
    }

    /// Whether fewer than `minActive` serve without a worker.
    #[must_use]
    pub fn is_last(&self, pod: &Pod) -> bool {
        !self.has_serving(&pod.cluster, pod, self.min_active(&pod.cluster))
    }

    /// Whether one of the last that serve may be told to drain, where its coordinator was asked at `asked`: what it answered
    /// shows no unfinished query, or none runs, or the last stretch before the worker's bound has begun.
    #[must_use]
    pub fn may_drain_last(&self, pod: &Pod, asked: Time) -> bool {
        let list = self.evidence.cluster(&pod.cluster).list;
        let empty = list.is_some_and(|list| list.at >= asked && list.unfinished == 0);
        let stretch = self.now + self.policy.bounds.drain_expected;
        let late = self.latest(pod).is_some_and(|latest| latest <= stretch);
        empty || late || self.is_headless(&pod.cluster)
    }

    /// The fewest workers that must go on serving; `waived` leaves out the share and keeps `minActive`.
    #[must_use]
    pub fn floor(&self, cluster: &ClusterId, waived: bool) -> u32 {
        let mut floor = self.policy.floor;
        floor.min_active = self.min_active(cluster);
        // The target is the sum over every worker's notes, and means nothing without the share.
        let target = if waived { 0 } else { self.target(cluster) };
        floor.of(target, waived)
    }

    /// So many workers of a cluster always serve while a query is unfinished: the highest that a workload asks for, else
    /// the policy's.
    #[must_use]
    pub fn min_active(&self, cluster: &ClusterId) -> u32 {
        let tuned = self.world.top_workloads(cluster, Role::Worker);
        let tuned = tuned
            .filter_map(|workload| workload.tuning.min_active)
            .max();
        tuned.unwrap_or(self.policy.floor.min_active)
    }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
