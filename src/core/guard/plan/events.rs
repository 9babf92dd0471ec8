//! What people are told: an Event when something begins to hold, never while it goes on. What a new leader finds was told
//! by the one before.

use std::collections::BTreeSet;

use crate::core::guard::class::{Class, View};
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::gate::{Barrier, Gate, Why};
use crate::core::guard::time::Time;

use super::action::{Action, Reason, Subject};
use super::crew::Crew;
use super::memory::Memory;
use super::surplus;

/// What is new of a pod.
pub(super) fn of_pod(crew: &Crew<'_>, memory: &mut Memory, pod: &Pod) -> Vec<Action> {
    let about = Subject::Pod(pod.uid.clone());
    let news = memory.news(&about, holds(crew, pod));
    let events = news.into_iter().map(|reason| Action::Event {
        about: about.clone(),
        reason,
        note: note(&crew.view, pod, reason),
    });
    events.collect()
}

/// What is new of a cluster's workloads of workers.
pub(super) fn of_cluster(crew: &Crew<'_>, memory: &mut Memory) -> Vec<Action> {
    let world = crew.view.world;
    let mut events = Vec::new();
    for workload in world.top_workloads(crew.cluster, Role::Worker) {
        let about = Subject::Workload(workload.uid.clone());
        for reason in memory.news(&about, state(crew, workload)) {
            events.push(Action::Event {
                about: about.clone(),
                reason,
                note: cluster_note(crew, reason),
            });
        }
    }
    events
}

/// What holds of a pod. Most holds only while somebody waits for it.
fn holds(crew: &Crew<'_>, pod: &Pod) -> BTreeSet<Reason> {
    let view = &crew.view;
    let notes = &pod.notes;
    let refused = notes.want.is_some();
    let granted = notes
        .grant
        .as_ref()
        .is_some_and(|grant| grant.until > view.now);
    let drained = view.record(pod).is_some();
    if !(refused || granted || drained || notes.returning.is_some()) {
        return BTreeSet::new();
    }
    let class = view.class(pod);
    let mut holds = by_gate(crew, pod);
    if !refused {
        holds.remove(&Reason::StateUnknown);
    }
    let done = matches!(class, Class::Drained { .. } | Class::Leaked);
    let facts = [
        (refused, Reason::Blocked),
        (drained, Reason::DrainStarted),
        (done, Reason::Drained),
        (granted, Reason::Granted),
        (notes.returning.is_some(), Reason::GaveBack),
    ];
    holds.extend(
        facts
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, reason)| *reason),
    );
    holds
}

fn by_gate(crew: &Crew<'_>, pod: &Pod) -> BTreeSet<Reason> {
    let reason = match crew.gate(pod) {
        Gate::Open(Why::BreakGlass { .. }) => Some(Reason::BreakGlassUsed),
        Gate::Open(Why::MaxBlock | Why::FinalBound | Why::Unreachable | Why::Unproven) => {
            Some(Reason::ForcedAfterMaxBlock)
        }
        Gate::Shut(Barrier::Unknown) => Some(Reason::StateUnknown),
        _ => None,
    };
    reason.into_iter().collect()
}

fn note(view: &View<'_>, pod: &Pod, reason: Reason) -> String {
    let end = view.latest(pod).map_or_else(String::new, until);
    match reason {
        Reason::Blocked => blocked(pod, &end),
        Reason::DrainStarted => "it takes no new work and ends what it has".to_owned(),
        Reason::Drained => "no query needs it any more: it may go".to_owned(),
        Reason::Granted => "its removal was allowed".to_owned(),
        Reason::ForcedAfterMaxBlock => {
            "it was refused for as long as may be: it may go, whatever it holds".to_owned()
        }
        Reason::BreakGlassUsed => "somebody ordered that it may go, whatever it holds".to_owned(),
        Reason::StateUnknown => format!("nothing is known of it, so it stays{end}"),
        _ => "nobody wants it gone any more, or queries need it: it takes work again".to_owned(),
    }
}

fn blocked(pod: &Pod, end: &str) -> String {
    let cause = pod.notes.want.as_ref().map(|want| want.cause);
    let cause = cause.map_or_else(String::new, |cause| format!(" ({cause})"));
    format!(
        "its removal{cause} was refused: queries may need it; it stays until it is drained{end}"
    )
}

fn until(end: Time) -> String {
    format!(", at the latest until {end}")
}

/// What holds of a workload. A rollout waits while one of its pods was refused.
fn state(crew: &Crew<'_>, workload: &Workload) -> BTreeSet<Reason> {
    let view = &crew.view;
    let rolls = workload.kind == Kind::Deployment && surplus::populated(view, workload).len() > 1;
    let waits = rolls && view.pods_of(workload).any(|pod| pod.notes.want.is_some());
    let facts = [
        (view.cannot_drain(crew.cluster), Reason::BestEffort),
        (is_cut_off(crew), Reason::WorkersUnreachable),
        (waits, Reason::RolloutWaits),
        (view.is_bound_short(crew.cluster), Reason::BoundTooShort),
    ];
    let found = facts.iter().filter(|(is, _)| *is);
    found.map(|(_, reason)| *reason).collect()
}

/// Whether there are workers, and none has answered for a while.
fn is_cut_off(crew: &Crew<'_>) -> bool {
    let view = &crew.view;
    let mut running = crew
        .pods
        .iter()
        .filter(|pod| pod.running().is_some())
        .peekable();
    let silent = |pod: &&Pod| {
        let failing = view.evidence.worker(pod).and_then(|seen| seen.failing);
        failing.is_some_and(|since| view.now.since(since) >= view.policy.bounds.lost)
    };
    running.peek().is_some() && running.all(silent)
}

fn cluster_note(crew: &Crew<'_>, reason: Reason) -> String {
    let cluster = crew.cluster;
    match reason {
        Reason::BestEffort => format!(
            "the workers of {cluster} can't be drained: Trino before 476, or no permission to write system information"
        ),
        Reason::WorkersUnreachable => format!("no worker of {cluster} answers"),
        Reason::BoundTooShort => format!(
            "the last drain of a worker of {cluster} took longer than maxBlock: the next may be forced, and fail queries"
        ),
        _ => "the rollout waits until workers of the old revision are drained".to_owned(),
    }
}
