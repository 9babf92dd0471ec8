//! How drains are taken back, in steps that any later leader continues: `returning` is set, the worker is told ACTIVE, and
//! once it says so everything of ours is removed. And how nothing of ours is left where we are not wanted.

use std::time::Duration;

use crate::core::guard::bounds::{ALLOWED, CALM, LOOK};
use crate::core::guard::class::View;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::mutant::{self, Mutant};
use crate::core::guard::notes::Notes;
use crate::core::guard::time::Time;
use crate::trino::words::NodeState;

use super::action::Action;
use super::bands;
use super::crew::Crew;
use super::memory::{Memory, Try};
use super::want;

/// A step that showed no effect is taken again after so long.
pub(super) const AGAIN: Duration = Duration::from_secs(5);

/// The next step of taking back, for one pod; `None` where there is nothing to take back, or not yet. `demanded`: its
/// queries need it more than whoever wants it gone.
pub(super) fn step(
    crew: &Crew<'_>,
    memory: &mut Memory,
    pod: &Pod,
    demanded: bool,
) -> Option<Action> {
    let wanted = crew.wants(pod);
    if wanted {
        memory.calm(&pod.uid);
    }
    if let Some(since) = pod.notes.returning {
        return go_on(crew, memory, pod, since);
    }
    let leave = demanded || (!wanted && is_over(crew, memory, pod));
    if !leave || is_shutting_down(crew, pod) {
        return None;
    }
    give_back(crew, memory, pod)
}

/// The first step; or the only one, where no container runs that we drained.
fn give_back(crew: &Crew<'_>, memory: &mut Memory, pod: &Pod) -> Option<Action> {
    let keep_want = keeps_want(crew, memory, pod);
    let drained = crew.record(pod).is_some();
    let something = drained || !keep_want || pod.notes.drain.is_some();
    let what = if drained { Try::Return } else { Try::Forget };
    let due = something && memory.pod(&pod.uid).attempt(what, AGAIN, crew.view.now);
    let uid = pod.uid.clone();
    let version = pod.resource_version.clone();
    let at = crew.view.now;
    let action = if drained {
        Action::Return {
            uid,
            version,
            at,
            keep_want,
        }
    } else {
        Action::Forget {
            uid,
            version,
            keep_want,
        }
    };
    due.then_some(action)
}

/// The steps after the first.
fn go_on(crew: &Crew<'_>, memory: &mut Memory, pod: &Pod, since: Time) -> Option<Action> {
    let now = crew.view.now;
    // Another replica may have heard DRAINED just before: while that counts, `returning` has to say that it is over. A
    // worker that never left ACTIVE, because it was not told or somebody told it first, is not told again.
    let active = crew.fresh_answer(pod).is_some_and(|answer| {
        let known = answer.at > since && now.since(answer.since.max(since)) >= LOOK;
        answer.state == NodeState::Active && !answer.starting && known
    });
    let keep_want = keeps_want(crew, memory, pod);
    let restarted = crew.record(pod).is_none();
    let memory = memory.pod(&pod.uid);
    let uid = pod.uid.clone();
    if active || restarted {
        let due = memory.attempt(Try::Forget, AGAIN, now);
        return due.then_some(Action::Forget {
            uid,
            version: pod.resource_version.clone(),
            keep_want,
        });
    }
    if is_shutting_down(crew, pod) {
        return None;
    }
    let due = memory.attempt(Try::PutActive, AGAIN, now);
    due.then_some(Action::PutActive { uid })
}

fn keeps_want(crew: &Crew<'_>, memory: &Memory, pod: &Pod) -> bool {
    (crew.wants(pod) && !crew.is_unawaited(pod)) || crew.carries_target(pod, memory)
}

/// Whether what we wrote for a pod that nobody wants gone may be taken back: [`CALM`] after that was seen, or at once
/// when the want is too old; never within [`ALLOWED`] of an allow.
pub(super) fn is_over(crew: &Crew<'_>, memory: &mut Memory, pod: &Pod) -> bool {
    if !has_leftovers(&pod.notes, crew.view.now) || mutant::is(Mutant::NeverGiveBack) {
        memory.calm(&pod.uid);
        return false;
    }
    let now = crew.view.now;
    let unwanted = *memory.pod(&pod.uid).unwanted.get_or_insert(now);
    let want = pod.notes.want.as_ref();
    let old = want.is_some_and(|want| want::is_abandoned(&crew.view, pod, want));
    (old || now.since(unwanted) >= CALM) && !was_allowed(&pod.notes, now)
}

/// Whether its removal was allowed a moment ago. A grant younger than the time after which it is renewed may have served
/// a later allow, so [`ALLOWED`] is longer than that time.
fn was_allowed(notes: &Notes, now: Time) -> bool {
    let grant = notes.grant.as_ref();
    let counts = !mutant::is(Mutant::GiveBackDuringAllow);
    counts && grant.is_some_and(|grant| now.since(grant.at) < ALLOWED)
}

/// Whether a pod carries anything of ours that means something, or a grant that is over.
fn has_leftovers(notes: &Notes, now: Time) -> bool {
    let grant = notes.grant.as_ref();
    let stale = grant.is_some_and(|grant| grant.until <= now);
    let refused = notes.want.is_some() || notes.blocked_since.is_some();
    stale || refused || notes.drain.is_some() || notes.drained.is_some()
}

fn is_shutting_down(crew: &Crew<'_>, pod: &Pod) -> bool {
    let answer = crew.answer(pod);
    answer.is_some_and(|answer| answer.state == NodeState::ShuttingDown)
}

/// The drain that is taken back because queries come and too few workers serve: the newest without an allow a moment ago,
/// wanted or not. A worker of which nothing is known counts as serving here: silence is no reason to undo a drain; and
/// none in the last stretch before its bound is taken back.
pub(super) fn demanded<'a>(crew: &Crew<'a>, memory: &Memory) -> Option<&'a str> {
    if !crew.has_queries() {
        return None;
    }
    let mut coming = 0;
    for pod in &crew.pods {
        let recent = memory.within(&pod.uid, Try::Return, AGAIN, crew.view.now);
        coming += u32::from(recent || may_serve(crew, pod));
    }
    if coming >= crew.view.min_active(crew.cluster) {
        return None;
    }
    let pods = crew.pods.iter().copied();
    let newest = pods
        .filter(|pod| can_return(crew, pod))
        .max_by_key(|pod| crew.record(pod).map(|drain| (drain.at, &pod.uid)));
    newest.map(|pod| pod.uid.as_str())
}

/// Whether a worker was just told to work again, and its coordinator may not have noticed.
pub(super) fn comes_back(crew: &Crew<'_>, memory: &Memory, pod: &Pod) -> bool {
    let told = memory.within(&pod.uid, Try::Return, AGAIN, crew.view.now);
    let steady = pod.is_active() && pod.ready && crew.record(pod).is_none();
    told || pod.notes.returning.is_some() || (steady && !crew.is_serving(pod))
}

/// Whether a worker serves, is about to, or might for all that is known.
fn may_serve(crew: &Crew<'_>, pod: &Pod) -> bool {
    if pod.deleting.is_some() || !pod.is_active() {
        return false;
    }
    if pod.notes.returning.is_some() {
        return true;
    }
    let active = crew
        .fresh_answer(pod)
        .is_none_or(|answer| answer.state == NodeState::Active && !answer.starting);
    pod.ready && active && crew.record(pod).is_none()
}

pub(super) fn can_return(crew: &Crew<'_>, pod: &Pod) -> bool {
    let steady = pod.is_active() && pod.notes.returning.is_none() && pod.running().is_some();
    let ours = crew.record(pod).is_some() && !is_shutting_down(crew, pod);
    let bound = crew.is_last_stretch(pod) || crew.is_ordered(pod);
    steady && ours && !bound && !was_allowed(&pod.notes, crew.view.now)
}

/// The next step of leaving nothing behind on a pod, whoever wants it gone: all our marks, then the drain.
pub(super) fn clean<'a>(view: &View<'a>, memory: &mut Memory, pod: &'a Pod) -> Option<Action> {
    if pod.deleting.is_some() {
        return None;
    }
    let uid = pod.uid.clone();
    let drained = view.record(pod).is_some();
    let returning = pod.notes.returning.filter(|_| drained);
    if has_marks(pod, returning) {
        let due = memory.pod(&pod.uid).attempt(Try::Clean, AGAIN, view.now);
        let returning = drained.then(|| returning.unwrap_or(view.now));
        return due.then_some(Action::Clean {
            uid,
            version: pod.resource_version.clone(),
            returning,
        });
    }
    let crew = Crew::alone(*view, pod);
    go_on(&crew, memory, pod, returning?)
}

/// Whether a pod that stays carries anything of ours.
#[must_use]
pub fn is_marked(pod: &Pod) -> bool {
    let marked = has_marks(pod, None) || pod.notes.returning.is_some();
    pod.deleting.is_none() && marked
}

/// Whether anything is left that a [`Action::Clean`] removes.
fn has_marks(pod: &Pod, returning: Option<Time>) -> bool {
    let notes = &pod.notes;
    let refused = notes.want.is_some() || notes.blocked_since.is_some();
    let allowed = notes.grant.is_some() || notes.drained.is_some();
    let drain = (notes.drain.is_some() || notes.returning.is_some()) && returning.is_none();
    refused || allowed || drain || notes.hints.is_some() || bands::is_ours(pod.cost)
}
