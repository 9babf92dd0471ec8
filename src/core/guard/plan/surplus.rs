//! Which workers are too many: the first of their controller's ranking, as it will be once our costs stand. A victim that
//! is already draining keeps its place, so that a controller that tries another one starts no other drain.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::core::guard::class::View;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::rank::{ranked, ranked_by};
use crate::core::guard::time::Time;

use super::bands;
use super::crew::Crew;
use super::memory::Memory;
use super::want::target_of;

/// The workers that are too many, in the order in which they go. `named` pods are going anyway and count first.
pub(super) fn victims<'a>(
    crew: &Crew<'a>,
    memory: &Memory,
    named: &dyn Fn(&Pod) -> bool,
) -> Vec<&'a Pod> {
    let view = crew.view;
    let world = view.world;
    let workloads = world.top_workloads(crew.cluster, Role::Worker);
    let found = workloads.flat_map(|workload| of_workload(crew, memory, workload, named));
    found.collect()
}

fn of_workload<'a>(
    crew: &Crew<'a>,
    memory: &Memory,
    workload: &'a Workload,
    named: &dyn Fn(&Pod) -> bool,
) -> Vec<&'a Pod> {
    let view = &crew.view;
    if workload.kind == Kind::StatefulSet {
        return beyond(view, workload, target_of(view, memory, workload));
    }
    let shares = shares(view, memory, workload).into_iter();
    let each = shares.flat_map(|(ranking, target)| first(crew, memory, ranking, target, named));
    each.collect()
}

/// What ranks pods together, with the number that is to stay: a workload, or each ReplicaSet while a rollout moves pods
/// from one to another.
fn shares<'a>(
    view: &View<'a>,
    memory: &Memory,
    workload: &'a Workload,
) -> Vec<(&'a Workload, u32)> {
    let target = target_of(view, memory, workload);
    let sets = populated(view, workload);
    if sets.len() > 1 && target > 0 {
        return sets.into_iter().map(|set| (set, set.replicas)).collect();
    }
    vec![(workload, target)]
}

/// The UIDs of what ranks pods and has too many of them.
pub(super) fn crowded<'a>(crew: &Crew<'a>, memory: &Memory) -> BTreeSet<&'a str> {
    let view = &crew.view;
    let world = view.world;
    let workloads = world.top_workloads(crew.cluster, Role::Worker);
    let shares = workloads.flat_map(|workload| shares(view, memory, workload));
    let crowded = shares.filter(|(ranking, target)| active(view, ranking) > *target as usize);
    crowded.map(|(ranking, _)| ranking.uid.as_str()).collect()
}

/// The ReplicaSets of a Deployment that have pods or should have.
pub(super) fn populated<'a>(view: &View<'a>, workload: &Workload) -> Vec<&'a Workload> {
    let world = view.world;
    let sets = world.replica_sets(&workload.uid);
    let has_pods = |set: &&Workload| {
        let mut pods = world.pods_of_owner(&set.uid);
        set.replicas > 0 || pods.any(Pod::is_active)
    };
    sets.filter(has_pods).collect()
}

fn active(view: &View<'_>, workload: &Workload) -> usize {
    view.pods_of(workload).filter(|pod| pod.is_active()).count()
}

/// A StatefulSet's ordinals decide for themselves: a missing low one saves no high one.
fn beyond<'a>(view: &View<'a>, workload: &Workload, target: u32) -> Vec<&'a Pod> {
    let first = workload.ordinal_start;
    let end = first.saturating_add(target);
    let mut pods = ranked(view, workload);
    pods.retain(|pod| pod.ordinal().is_some_and(|n| n < first || n >= end));
    pods
}

fn first<'a>(
    crew: &Crew<'a>,
    memory: &Memory,
    workload: &Workload,
    target: u32,
    named: &dyn Fn(&Pod) -> bool,
) -> Vec<&'a Pod> {
    let view = &crew.view;
    let surplus = active(view, workload).saturating_sub(target as usize);
    if surplus == 0 {
        return Vec::new();
    }
    let mut pods = ranked_by(view, workload, |pod| intended(crew, pod));
    let rest = pods.split_off(surplus);
    keep_those_begun(crew, memory, &mut pods, rest, named);
    pods
}

/// A pod outside that is going already takes the place of the last one inside that is not. One that may go and was kicked
/// to no effect no longer does: the controller ranks another before it for reasons that no cost outweighs.
fn keep_those_begun<'a>(
    crew: &Crew<'a>,
    memory: &Memory,
    inside: &mut [&'a Pod],
    outside: Vec<&'a Pod>,
    named: &dyn Fn(&Pod) -> bool,
) {
    let begun = |pod: &Pod| crew.record(pod).is_some() && pod.notes.returning.is_none();
    let passed_over = |pod: &Pod| memory.is_kicked_out(&pod.uid) && crew.is_free(pod);
    let going = |pod: &Pod| (begun(pod) || named(pod)) && !passed_over(pod);
    let mut outside: Vec<_> = outside.into_iter().filter(|pod| going(pod)).collect();
    outside.sort_by_key(|pod| (Reverse(begun(pod)), asked(pod)));
    for pod in outside {
        let waits = |other: &&Pod| !begun(other) && !named(other) && !crew.is_free(other);
        match inside.iter().rposition(waits) {
            Some(place) => inside[place] = pod,
            None => return,
        }
    }
}

fn asked(pod: &Pod) -> (bool, Option<Time>) {
    let since = pod.notes.want.as_ref().map(|want| want.since);
    (since.is_none(), since)
}

/// The cost that a pod will have once we wrote what we mean to write. What a person chose stays.
pub(super) fn intended(crew: &Crew<'_>, pod: &Pod) -> i32 {
    if pod.cost != 0 && !bands::is_ours(pod.cost) {
        return pod.cost;
    }
    band(crew, pod).unwrap_or_default()
}

/// The band of a worker now.
pub(super) fn band(crew: &Crew<'_>, pod: &Pod) -> Option<i32> {
    let class = crew.class(pod);
    let returning = pod.notes.returning.is_some();
    let leaving = crew.record(pod).is_some() && !returning;
    let band = bands::of(class, leaving)?;
    if !returning && crew.is_free(pod) {
        return Some(bands::DRAINED[0]);
    }
    Some(band)
}
