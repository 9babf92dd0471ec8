//! Which workers are too many: the first of their controller's ranking, as it will be once our costs stand. A victim that
//! is already draining keeps its place, so that a controller that tries another one starts no other drain. While it is busy
//! and only a number was asked for, an idle worker is drained beside it, and takes its place once it may go.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::core::guard::class::View;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::rank::{ranked, ranked_by};
use crate::core::guard::time::Time;

use super::bands;
use super::choice::{self, is_begun};
use super::crew::Crew;
use super::memory::Memory;
use super::want::{self, target_of};

/// A worker that goes because there are too many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Victim<'a> {
    pub pod: &'a Pod,
    /// Since when a lower number has been asked for, if that is why.
    pub asked: Option<Time>,
    /// Whether it is drained beside those that are too many.
    pub spare: bool,
}

/// What ranks pods together, with the number that is to stay.
struct Share<'a> {
    ranking: &'a Workload,
    target: u32,
    /// Since when that number has been asked for, if it is a refused one.
    asked: Option<Time>,
}

/// The workers that are too many, in the order in which they go. `named` pods are going anyway and count first.
pub(super) fn victims<'a>(
    crew: &Crew<'a>,
    memory: &Memory,
    named: &dyn Fn(&Pod) -> bool,
) -> Vec<Victim<'a>> {
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
) -> Vec<Victim<'a>> {
    let view = &crew.view;
    if workload.kind == Kind::StatefulSet {
        let beyond = beyond(view, workload, target_of(view, memory, workload));
        return beyond.into_iter().map(Victim::by_spec).collect();
    }
    let shares = shares(view, memory, workload).into_iter();
    let each = shares.flat_map(|share| of_share(crew, memory, &share, named));
    each.collect()
}

/// A workload, or each ReplicaSet while a rollout moves pods from one to another: their numbers are nobody's request.
fn shares<'a>(view: &View<'a>, memory: &Memory, workload: &'a Workload) -> Vec<Share<'a>> {
    let target = target_of(view, memory, workload);
    let sets = populated(view, workload);
    if sets.len() > 1 && target > 0 {
        return sets.into_iter().map(Share::by_spec).collect();
    }
    vec![Share {
        ranking: workload,
        target,
        asked: want::asked(view, memory, workload),
    }]
}

fn of_share<'a>(
    crew: &Crew<'a>,
    memory: &Memory,
    share: &Share<'_>,
    named: &dyn Fn(&Pod) -> bool,
) -> Vec<Victim<'a>> {
    let asked = share.asked;
    let surplus = active(&crew.view, share.ranking).saturating_sub(share.target as usize);
    if surplus == 0 {
        return Vec::new();
    }
    let ranked = ranked_by(&crew.view, share.ranking, |pod| choice::of(crew, pod));
    let first = first(crew, memory, ranked, surplus, named);
    let spares = asked.map_or_else(Vec::new, |_| spares(crew, share, &first, named));
    let victim = |pod, spare| Victim { pod, asked, spare };
    let first = first.into_iter().map(|pod| victim(pod, false));
    first
        .chain(spares.into_iter().map(|pod| victim(pod, true)))
        .collect()
}

/// The UIDs of what ranks pods and has too many of them.
pub(super) fn crowded<'a>(crew: &Crew<'a>, memory: &Memory) -> BTreeSet<&'a str> {
    let view = &crew.view;
    let world = view.world;
    let workloads = world.top_workloads(crew.cluster, Role::Worker);
    let shares = workloads.flat_map(|workload| shares(view, memory, workload));
    let crowded = shares.filter(|share| active(view, share.ranking) > share.target as usize);
    crowded.map(|share| share.ranking.uid.as_str()).collect()
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
    mut pods: Vec<&'a Pod>,
    surplus: usize,
    named: &dyn Fn(&Pod) -> bool,
) -> Vec<&'a Pod> {
    let rest = pods.split_off(surplus);
    keep_those_begun(crew, memory, &mut pods, rest, named);
    pods
}

/// One idle worker for each that was begun for a number and is busy: which of them go is nobody's wish, and an idle one is
/// free first. Only one that its controller will prefer then: it takes the busy one's place, and that one's drain is taken
/// back like any that nobody wants. A busy one that was named is going anyway.
fn spares<'a>(
    crew: &Crew<'a>,
    share: &Share<'_>,
    victims: &[&Pod],
    named: &dyn Fn(&Pod) -> bool,
) -> Vec<&'a Pod> {
    let stuck = |pod: &&&Pod| choice::is_stuck(crew, pod) && !named(pod);
    let stuck = victims.iter().filter(stuck).count();
    let inside = |pod: &Pod| victims.iter().any(|victim| victim.uid == pod.uid);
    let fits = |pod: &Pod| choice::is_spare(crew, pod) && !named(pod) && !inside(pod);
    let mut spares = preferred(crew, share.ranking, victims.len(), &fits);
    spares.sort_by_key(|pod| !choice::is_begun(crew, pod));
    spares.truncate(stuck);
    spares
}

/// Those of the fitting ones that would be among the first so many, if all of them might go.
fn preferred<'a>(
    crew: &Crew<'a>,
    ranking: &Workload,
    count: usize,
    fits: &dyn Fn(&Pod) -> bool,
) -> Vec<&'a Pod> {
    let once_free = |pod: &Pod| {
        let free = fits(pod).then_some(choice::FREE);
        free.unwrap_or_else(|| choice::of(crew, pod))
    };
    let first = ranked_by(&crew.view, ranking, once_free)
        .into_iter()
        .take(count);
    first.filter(|pod| fits(pod)).collect()
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
    let begun = |pod: &Pod| is_begun(crew, pod);
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
    let band = bands::of(class, is_begun(crew, pod))?;
    if !returning && crew.is_free(pod) {
        return Some(bands::DRAINED[0]);
    }
    Some(band)
}

impl<'a> Victim<'a> {
    const fn by_spec(pod: &'a Pod) -> Self {
        Self {
            pod,
            asked: None,
            spare: false,
        }
    }
}

impl<'a> Share<'a> {
    const fn by_spec(set: &'a Workload) -> Self {
        Self {
            ranking: set,
            target: set.replicas,
            asked: None,
        }
    }
}
