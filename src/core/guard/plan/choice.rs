//! Which of the workers that are too many are drained, where only their number was asked for: those that hold least. The
//! cost that they get with the drain steers their controller to them.
//!
//! A worker of which nothing is known stands behind the busiest: it may hold anything.

use crate::core::guard::class::Class;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::time::Time;

use super::bands;
use super::crew::Crew;
use super::surplus;

/// Where a worker stands; the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice {
    /// What its controller will look at.
    cost: i32,
    /// Whoever was begun first keeps its place.
    unbegun: bool,
    since: Option<Time>,
    load: u64,
}

/// Where a worker stands that may go.
pub(super) const FREE: Choice = Choice {
    cost: bands::DRAINED[0],
    unbegun: false,
    since: None,
    load: 0,
};

/// Where a worker stands now.
pub(super) fn of(crew: &Crew<'_>, pod: &Pod) -> Choice {
    let begun = crew.record(pod).filter(|_| is_begun(crew, pod));
    Choice {
        cost: surplus::intended(crew, pod),
        unbegun: begun.is_none(),
        since: begun.map(|drain| drain.at),
        load: load(crew, pod),
    }
}

/// Whether it drains for us, and that is not being taken back.
pub(super) fn is_begun(crew: &Crew<'_>, pod: &Pod) -> bool {
    crew.record(pod).is_some() && pod.notes.returning.is_none()
}

/// Whether it drains, is known to hold something, and nobody lets it go.
pub(super) fn is_stuck(crew: &Crew<'_>, pod: &Pod) -> bool {
    let busy = matches!(crew.class(pod), Class::Busy(_));
    busy && is_begun(crew, pod) && !crew.is_free(pod)
}

/// Whether it could go sooner than one that is stuck: it is idle, or was when its drain began and is not known to be busy.
/// Never one that a person told its controller to keep.
pub(super) fn is_spare(crew: &Crew<'_>, pod: &Pod) -> bool {
    let empty = match crew.class(pod) {
        Class::Idle => pod.notes.returning.is_none(),
        Class::Busy(_) => false,
        _ => is_begun(crew, pod),
    };
    empty && surplus::intended(crew, pod) < bands::BUSY
}

/// Tasks at risk on it, as far as known. None where the last complete cycle shows none, for however short a time.
fn load(crew: &Crew<'_>, pod: &Pod) -> u64 {
    match crew.class(pod) {
        Class::Busy(risk) => risk.held.tasks(),
        Class::Unknown if !is_empty_now(crew, pod) => u64::MAX,
        _ => 0,
    }
}

fn is_empty_now(crew: &Crew<'_>, pod: &Pod) -> bool {
    let (view, bounds) = (&crew.view, &crew.view.policy.bounds);
    let run = view.evidence.clear(pod, bounds, view.now);
    run.is_some_and(|run| view.now.since(run.last) <= bounds.fresh)
}
