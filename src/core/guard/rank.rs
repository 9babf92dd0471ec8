//! In which order a controller takes its pods away: the ReplicaSet controller's own ranking (`ActivePodsWithRanks` of
//! Kubernetes 1.36) and a StatefulSet's ordinals. Ranks; decides nothing.
//!
//! A hint, never a proof: the controller reads its own cache, doesn't sort when it takes every pod, and its comparison is
//! not transitive where ready times differ within a bucket. Whoever relies on the order judges each pod as well.

use std::cmp::Reverse;

use super::class::View;
use super::facts::pod::{Phase, Pod};
use super::facts::workload::{Kind, Workload};
use super::map::Map;
use super::time::Time;

/// The active pods of a workload (a Deployment's through its ReplicaSets), the first victim first. Empty where the pods
/// belong to a kind of workload whose order nobody knows.
#[must_use]
pub fn ranked<'a>(view: &View<'a>, workload: &Workload) -> Vec<&'a Pod> {
    ranked_by(view, workload, |pod| pod.cost)
}

/// The same, as if each pod had another `pod-deletion-cost`, or anything else in its place.
pub fn ranked_by<'a, C: Copy + Ord>(
    view: &View<'a>,
    workload: &Workload,
    cost: impl Fn(&Pod) -> C,
) -> Vec<&'a Pod> {
    match workload.kind {
        Kind::Deployment | Kind::ReplicaSet => replica_order(view, workload, cost),
        Kind::StatefulSet => ordinal_order(view, workload),
        Kind::Other => Vec::new(),
    }
}

/// Ordinals below `spec.ordinals.start` go whatever the number of replicas; then the highest first.
fn ordinal_order<'a>(view: &View<'a>, workload: &Workload) -> Vec<&'a Pod> {
    let mut pods = active(view, workload);
    pods.sort_by_key(|pod| {
        let ordinal = pod.ordinal();
        let inside = ordinal.is_some_and(|ordinal| ordinal >= workload.ordinal_start);
        (inside, Reverse(ordinal))
    });
    pods
}

fn replica_order<'a, C: Copy + Ord>(
    view: &View<'a>,
    workload: &Workload,
    cost: impl Fn(&Pod) -> C,
) -> Vec<&'a Pod> {
    let crowd = crowds(view, workload);
    let mut pods: Vec<_> = active(view, workload)
        .into_iter()
        .map(|pod| (Head::of(pod, cost(pod), &crowd, view.now), pod))
        .collect();
    pods.sort_by_key(|(head, _)| *head);
    for equals in pods.chunk_by_mut(|(one, _), (other, _)| one == other) {
        order_equals(equals, view.now);
    }
    pods.into_iter().map(|(_, pod)| pod).collect()
}

/// How many active pods of a ReplicaSet's siblings (its Deployment's ReplicaSets, itself included) share each node.
fn crowds<'a>(view: &View<'a>, workload: &Workload) -> Map<&'a str, usize> {
    let world = view.world;
    let parent = workload.owner.as_deref();
    let parent = parent.and_then(|uid| world.workload_by_uid(uid));
    let mut crowds = Map::default();
    for pod in active(view, parent.unwrap_or(workload)) {
        *crowds.entry(node(pod)).or_default() += 1;
    }
    crowds
}

fn active<'a>(view: &View<'a>, workload: &Workload) -> Vec<&'a Pod> {
    let world = view.world;
    let sets = world.replica_sets(&workload.uid);
    let through = sets.flat_map(|set| world.pods_of_owner(&set.uid));
    let pods = world.pods_of_owner(&workload.uid).chain(through);
    pods.filter(|pod| pod.is_active()).collect()
}

/// What decides first, in this order; the smallest is the first victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head<C> {
    assigned: bool,
    phase: u8,
    ready: bool,
    cost: C,
    crowd: Reverse<usize>,
    /// How long it has been Ready: see [`ready_bucket`].
    ready_for: u32,
}

impl<C> Head<C> {
    fn of(pod: &Pod, cost: C, crowds: &Map<&str, usize>, now: Time) -> Self {
        Self {
            assigned: pod.node.is_some(),
            phase: phase_rank(pod.phase),
            ready: pod.ready,
            cost,
            crowd: Reverse(crowds.get(node(pod)).copied().unwrap_or_default()),
            ready_for: ready_bucket(pod, now),
        }
    }
}

/// What decides among equals: more restarts, a later creation (in buckets), the UID; the UID alone where they became Ready
/// at different times of one bucket.
fn order_equals<C>(pods: &mut [(Head<C>, &Pod)], now: Time) {
    let together = pods
        .windows(2)
        .all(|pair| !pair[0].0.ready || pair[0].1.ready_changed == pair[1].1.ready_changed);
    if together {
        pods.sort_by(|(_, one), (_, other)| late_key(one, now).cmp(&late_key(other, now)));
    } else {
        pods.sort_by(|(_, one), (_, other)| one.uid.cmp(&other.uid));
    }
}

fn late_key(pod: &Pod, now: Time) -> (Reverse<u32>, Option<u32>, &str) {
    let restarts = pod
        .container
        .as_ref()
        .map_or(0, |container| container.restarts);
    (Reverse(restarts), bucket(pod.created, now), &pod.uid)
}

/// 0 where a pod is not Ready or nobody knows since when, 1 for a time that is not past, then by [`bucket`].
fn ready_bucket(pod: &Pod, now: Time) -> u32 {
    let since = pod.ready_changed.filter(|_| pod.ready);
    since.map_or(0, |since| bucket(since, now).map_or(1, |bucket| bucket + 2))
}

/// The binary logarithm of the nanoseconds since a time; `None` where it is not past. Two times of one bucket are
/// alike to the controller.
fn bucket(since: Time, now: Time) -> Option<u32> {
    now.since(since).as_nanos().checked_ilog2()
}

const fn phase_rank(phase: Phase) -> u8 {
    match phase {
        Phase::Unknown => 1,
        Phase::Running => 2,
        _ => 0,
    }
}

fn node(pod: &Pod) -> &str {
    pod.node.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::plan::scene::{Scene, workload};
    use std::time::Duration;

    fn order(scene: &Scene) -> Vec<String> {
        let name = super::super::facts::Name::new("trino", "w");
        let kinds = [Kind::Deployment, Kind::StatefulSet];
        let mut found = kinds
            .iter()
            .filter_map(|kind| scene.world.workload(*kind, &name));
        let workload = found.next().expect("a workload");
        let pods = ranked(&scene.view(), workload);
        pods.iter().map(|pod| pod.name.name.clone()).collect()
    }

    /// Each step outranks all that follow it: the last worker is made the first victim by one step after the other, from
    /// the weakest to the strongest.
    #[test]
    fn each_step_of_the_ranking_outranks_the_later_ones() {
        let mut scene = Scene::deployment(3);
        assert_eq!(order(&scene), ["w-0", "w-1", "w-2"], "by UID");
        let now = scene.now;
        let hours = |n: u64| now.before(Duration::from_secs(n * 3600));
        scene.edit("w-1", |pod| pod.created = hours(0));
        assert_eq!(order(&scene)[0], "w-1", "newer");
        scene.edit("w-2", |pod| pod.container.as_mut().unwrap().restarts = 1);
        assert_eq!(order(&scene)[0], "w-2", "more restarts");
        let quarter = now.before(Duration::from_secs(900));
        scene.edit("w-1", |pod| pod.ready_changed = Some(quarter));
        assert_eq!(order(&scene)[0], "w-1", "Ready more recently");
        scene.edit("w-0", |pod| pod.node = Some("node-2".to_owned()));
        assert_eq!(order(&scene), ["w-2", "w-0", "w-1"], "two on one node");
        scene.edit("w-1", |pod| pod.cost = -1);
        assert_eq!(order(&scene)[0], "w-1", "cheaper");
        scene.edit("w-2", |pod| pod.ready = false);
        assert_eq!(order(&scene)[0], "w-2", "not Ready");
        scene.edit("w-1", |pod| pod.phase = Phase::Unknown);
        assert_eq!(order(&scene)[0], "w-1", "unknown phase");
        scene.edit("w-0", |pod| pod.phase = Phase::Pending);
        assert_eq!(order(&scene)[0], "w-0", "pending");
        scene.edit("w-2", |pod| pod.node = None);
        assert_eq!(order(&scene)[0], "w-2", "unassigned");
    }

    #[test]
    fn ready_times_of_one_bucket_are_alike() {
        let mut scene = Scene::deployment(2);
        let now = scene.now;
        let ready = |seconds| Some(now.before(Duration::from_secs(seconds)));
        scene.edit("w-0", |pod| pod.ready_changed = ready(4000));
        scene.edit("w-1", |pod| pod.ready_changed = ready(3000));
        assert_eq!(order(&scene), ["w-0", "w-1"], "by UID within a bucket");
        scene.edit("w-1", |pod| pod.ready_changed = ready(300));
        assert_eq!(order(&scene), ["w-1", "w-0"], "by bucket");
        scene.edit("w-0", |pod| pod.ready_changed = None);
        assert_eq!(order(&scene), ["w-0", "w-1"], "no time goes first");
    }

    #[test]
    fn siblings_count_across_the_replica_sets_of_a_deployment() {
        let mut scene = Scene::deployment(2);
        scene.put(Workload {
            owner: Some("uid-w".to_owned()),
            ..workload(Kind::ReplicaSet, "rs2", 1)
        });
        let mut other = scene.pod_of(Kind::ReplicaSet, "rs2", "x-0");
        other.node = Some("node-1".to_owned());
        scene.world.put_pod(other);
        let set = scene.world.workload_by_uid("uid-rs").expect("a set");
        let pods = ranked(&scene.view(), set);
        let names: Vec<_> = pods.iter().map(|pod| pod.name.name.as_str()).collect();
        assert_eq!(names, ["w-1", "w-0"]);
    }

    #[test]
    fn ordinals_go_from_the_top_and_those_below_the_start_before() {
        let mut scene = Scene::stateful_set(11);
        assert_eq!(order(&scene)[..2], ["w-10", "w-9"]);
        scene.put(Workload {
            ordinal_start: 2,
            ..workload(Kind::StatefulSet, "w", 9)
        });
        assert_eq!(order(&scene)[..3], ["w-1", "w-0", "w-10"]);
    }

    #[test]
    fn pods_that_end_or_are_deleted_are_no_victims() {
        let mut scene = Scene::deployment(3);
        scene.edit("w-0", |pod| pod.deleting = Some(pod.created));
        scene.edit("w-1", |pod| pod.phase = Phase::Failed);
        assert_eq!(order(&scene), ["w-2"]);
    }
}
