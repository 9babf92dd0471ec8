//! Which workers are wanted gone: those that somebody named, and those that are too many. Says nothing about when.
//!
//! Silence ends a want only where a rhythm was heard or a bound is over; a workload that is not known makes no pod
//! superfluous; a node that is not known is neither cordoned nor announced.

use std::time::Duration;

use crate::core::guard::class::View;
use crate::core::guard::facts::place::Announced;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::map::Map;
use crate::core::guard::notes::{Cause, Number, Want};
use crate::core::guard::time::Time;

use super::crew::Crew;
use super::memory::{Memory, node_of};
use super::surplus::{self, Victim};

/// A worker that is wanted gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Since when: its place in the queue. `None`, behind all others, where nobody was refused yet.
    pub since: Option<Time>,
    /// Its place in its controller's ranking, or 0.
    pub place: usize,
    /// Whether nobody waits for it now: a cordon alone speaks for it, or it may go, was announced as often as it is, and
    /// nobody came, or it is drained beside a busy worker. It goes behind all others, and makes way for them.
    pub unawaited: bool,
}

/// Whoever drains a node asks for its pods right after the cordon: those that are asked for go first.
const EARLY: Duration = Duration::from_secs(5);

/// All that are wanted gone.
pub(super) fn all<'a>(crew: &Crew<'a>, memory: &Memory) -> Map<&'a str, Wanted> {
    let mut wanted = Map::default();
    let named = crew.pods.iter().filter(|pod| is_named(crew, memory, pod));
    for pod in named {
        let unawaited = !is_awaited(crew, memory, pod);
        let one = Wanted {
            unawaited,
            ..Wanted::of(pod, 0)
        };
        wanted.insert(pod.uid.as_str(), one);
    }
    let is_named = |pod: &Pod| wanted.contains_key(pod.uid.as_str());
    let victims = surplus::victims(crew, memory, &is_named);
    for (place, victim) in victims.into_iter().enumerate() {
        let one = wanted.entry(victim.pod.uid.as_str());
        let one = one.or_insert_with(|| Wanted::of_number(&victim, place));
        one.unawaited = victim.spare;
    }
    wanted
}

/// How many workers a cluster is meant to have, one for each whose workload nobody knows included.
pub(super) fn target(crew: &Crew<'_>, memory: &Memory) -> u32 {
    let world = crew.view.world;
    let workloads = world.top_workloads(crew.cluster, Role::Worker);
    let known = workloads.fold(0, |sum: u32, workload| {
        sum.saturating_add(target_of(&crew.view, memory, workload))
    });
    let stray = |pod: &&&Pod| {
        let kind = pod.owner.as_ref().map(|owner| owner.kind);
        let unknown = matches!(kind, None | Some(Kind::Other));
        unknown && pod.is_active() && world.controller(pod).is_none()
    };
    let strays = crew.pods.iter().filter(stray).count();
    known.saturating_add(u32::try_from(strays).unwrap_or(u32::MAX))
}

/// How many pods a workload is meant to have: what its spec says, or a lower number that was refused and still counts.
pub(super) fn target_of(view: &View<'_>, memory: &Memory, workload: &Workload) -> u32 {
    if workload.deleting {
        return 0;
    }
    let refused = refused(view, memory, workload);
    let latest = refused.max_by_key(|(_, number)| (number.at, std::cmp::Reverse(number.target)));
    let target = latest.map_or(workload.replicas, |(_, number)| number.target);
    target.min(workload.replicas).min(meanwhile(view, workload))
}

/// Since when a workload has been asked for fewer pods than its spec says; `None` where no such refusal counts.
pub(super) fn asked(view: &View<'_>, memory: &Memory, workload: &Workload) -> Option<Time> {
    let refused = refused(view, memory, workload);
    refused.map(|(want, _)| want.since).min()
}

/// The refused numbers that still count. They stand on the pods that each request would have taken; which ones those are
/// says nothing about whom to drain.
fn refused<'a>(
    view: &'a View<'_>,
    memory: &'a Memory,
    workload: &'a Workload,
) -> impl Iterator<Item = (&'a Want, Number)> {
    view.pods_of(workload).filter_map(|pod| {
        let want = pod.notes.want.as_ref()?;
        Some((want, number(view, memory, pod, want)?))
    })
}

/// The lower number that a want carries, while it counts: its workload still has more replicas, nobody has raised them
/// since, and it was repeated. Neither a cordon nor whoever else asks for the pod prolongs it.
pub(super) fn number(view: &View<'_>, memory: &Memory, pod: &Pod, want: &Want) -> Option<Number> {
    let number = want.number?;
    let workload = view.world.workload_of(pod);
    let open = workload.is_none_or(|workload| {
        let raised = workload.replicas > number.from
            || raised(memory, workload).is_some_and(|at| at >= number.at);
        number.target < workload.replicas && !raised
    });
    let alone = (want.cause == Cause::Scale).then(|| memory.silence(pod, want));
    let silent = alone.flatten().is_some_and(|end| view.now >= end);
    (open && !silent && view.is_recent(number.at)).then_some(number)
}

fn raised(memory: &Memory, workload: &Workload) -> Option<Time> {
    memory.raised(&workload.uid)
}

/// What a Deployment that stops all old pods before it starts new ones is meant to have meanwhile: waiting for
/// replacements would be in vain.
fn meanwhile(view: &View<'_>, workload: &Workload) -> u32 {
    let mut sets = view.world.replica_sets(&workload.uid).peekable();
    if !workload.recreate || sets.peek().is_none() {
        return workload.replicas;
    }
    sets.fold(0, |sum: u32, set| sum.saturating_add(set.replicas))
}

/// Whether a refused removal still counts. `abandonAfter` after the last refusal it does not, or as soon as it ended
/// visibly; a cordon prolongs it up to `maxBlock` after the last refusal; what the taint-eviction controller asked for,
/// which never comes back, keeps until the pod's final bound.
pub(super) fn is_live(view: &View<'_>, memory: &Memory, pod: &Pod, want: &Want) -> bool {
    let cordoned = node_of(view, pod).is_some_and(|node| node.cordoned);
    let limit = view.max_block(pod).max(view.policy.bounds.abandon_after);
    let prolonged = cordoned && view.now.since(want.at) < limit;
    prolonged || stands(view, memory, pod, want)
}

/// The same, whatever its node's cordon says.
fn stands(view: &View<'_>, memory: &Memory, pod: &Pod, want: &Want) -> bool {
    let ended = visible_end(view, memory, pod, want);
    !is_abandoned(view, pod, want) && ended.is_none_or(|end| view.now < end)
}

/// Whether it was not repeated for so long that nobody waits for it any more.
pub(super) fn is_abandoned(view: &View<'_>, pod: &Pod, want: &Want) -> bool {
    let patience = view.policy.bounds.abandon_after;
    let from = match want.cause {
        Cause::Taint => view.latest(pod).unwrap_or(want.at).max(want.at),
        _ => want.at,
    };
    view.now >= from + patience
}

/// When it ended visibly: the node stays after all, the replicas were raised again, or a poller fell silent.
fn visible_end(view: &View<'_>, memory: &Memory, pod: &Pod, want: &Want) -> Option<Time> {
    let after = |end: &Time| *end >= want.at;
    let ended = match want.cause {
        Cause::Evict => pod.node.as_deref().and_then(|node| memory.stayed(node)),
        Cause::Scale => {
            let workload = view.world.workload_of(pod);
            workload.and_then(|workload| raised(memory, workload))
        }
        _ => None,
    };
    let silent = memory.silence(pod, want);
    ended.filter(after).into_iter().chain(silent).min()
}

/// Named by an eviction, a deletion, a taint, a cordon; or its controller is going or gone, or updates it.
fn is_named(crew: &Crew<'_>, memory: &Memory, pod: &Pod) -> bool {
    if !pod.is_active() {
        return false;
    }
    let asked = pod.notes.want.as_ref().is_some_and(|want| {
        let live = is_live(&crew.view, memory, pod, want);
        names(crew, pod, want, live)
    });
    asked || is_on_leaving_node(crew, memory, pod) || is_orphan(&crew.view, pod)
}

fn names(crew: &Crew<'_>, pod: &Pod, want: &Want, live: bool) -> bool {
    let kind = pod.owner.as_ref().map_or(Kind::Other, |owner| owner.kind);
    match (want.cause, kind) {
        (Cause::Scale, _) => kind == Kind::Other && live,
        // A ReplicaSet tries one victim after the other: how many go is for its numbers to say.
        (Cause::Controller, Kind::ReplicaSet | Kind::Deployment) => false,
        (Cause::Controller, Kind::StatefulSet) => match is_updated(crew, pod) {
            Some(true) => false,
            Some(false) => live || is_rolled(crew, pod),
            None => live,
        },
        _ => live,
    }
}

/// Whether a StatefulSet's pod is of the revision that it rolls out; `None` where nobody says.
fn is_updated(crew: &Crew<'_>, pod: &Pod) -> Option<bool> {
    let workload = crew.view.world.controller(pod)?;
    let wanted = workload.update_revision.as_ref()?;
    Some(pod.revision.as_ref()? == wanted)
}

/// Whether its StatefulSet replaces it by itself when its revision changes.
fn is_rolled(crew: &Crew<'_>, pod: &Pod) -> bool {
    let from = crew.view.world.controller(pod).map(|set| set.rolls_from);
    from.is_some_and(|from| pod.ordinal().is_some_and(|ordinal| ordinal >= from))
}

/// Whether somebody waits for a named pod to go, so that a drain of it leads to its end.
fn is_awaited(crew: &Crew<'_>, memory: &Memory, pod: &Pod) -> bool {
    let forgotten = memory.is_kicked_out(&pod.uid) && crew.is_free(pod);
    let asked = pod.notes.want.as_ref().is_some_and(|want| {
        let stands = stands(&crew.view, memory, pod, want);
        names(crew, pod, want, stands)
    });
    (asked && !forgotten) || is_announced(crew, pod) || is_orphan(&crew.view, pod)
}

fn is_on_leaving_node(crew: &Crew<'_>, memory: &Memory, pod: &Pod) -> bool {
    let cordoned = node_of(&crew.view, pod).is_some_and(|node| node.cordoned);
    is_announced(crew, pod) || (cordoned && is_drained_early(crew, memory, pod))
}

/// Whether an autoscaler has said that it removes the node.
fn is_announced(crew: &Crew<'_>, pod: &Pod) -> bool {
    match node_of(&crew.view, pod).and_then(|node| node.announced) {
        Some(Announced::ClusterAutoscaler | Announced::Karpenter) => true,
        Some(Announced::Candidate) => crew.view.policy.deletion_candidate,
        None => false,
    }
}

/// A cordon drains early, after a moment and for `maxBlock`: a node may stay cordoned for days.
fn is_drained_early(crew: &Crew<'_>, memory: &Memory, pod: &Pod) -> bool {
    let since = pod.node.as_deref().and_then(|node| memory.cordoned(node));
    let bound = crew.view.max_block(pod);
    let soon = since.is_some_and(|since| (EARLY..bound).contains(&crew.view.now.since(since)));
    crew.view.policy.drain_on_cordon && soon
}

/// Whether nobody will come back for a pod but us: its controller is being deleted, or is gone and somebody was refused
/// (a controller that we merely don't know makes no orphan).
pub(super) fn is_orphan(view: &View<'_>, pod: &Pod) -> bool {
    let Some(owner) = &pod.owner else {
        return false;
    };
    match view.world.workload_by_uid(&owner.uid) {
        Some(controller) => controller.deleting,
        None => owner.kind != Kind::Other && pod.notes.want.is_some(),
    }
}

impl Wanted {
    fn of(pod: &Pod, place: usize) -> Self {
        let asked = pod.notes.want.as_ref().map(|want| want.since);
        let since = asked.or(pod.notes.blocked_since);
        Self {
            since,
            place,
            unawaited: false,
        }
    }

    /// Those who go for a refused number queue by when that was asked for, whoever of them was named.
    fn of_number(victim: &Victim<'_>, place: usize) -> Self {
        let one = Self::of(victim.pod, place);
        Self {
            since: victim.asked.or(one.since),
            ..one
        }
    }
}
