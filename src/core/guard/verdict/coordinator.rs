//! Rows K: the removal of a coordinator. Every unfinished query of the cluster dies with it, FINISHING ones included,
//! and nothing can be drained: it only waits.

use std::time::Duration;

use crate::core::guard::ask::{Ask, Effect, Outcome, Verdict};
use crate::core::guard::bounds::LOOK;
use crate::core::guard::class::View;
use crate::core::guard::facts::pod::{Phase, Pod, Role};
use crate::core::guard::gate::{Glass, Patience};
use crate::core::guard::mutant::{self, Mutant};
use crate::core::guard::notes::{Cause, GrantKey};
use crate::core::guard::rows::Row;
use crate::core::guard::time::Time;

use super::pod::want;
use super::{grant, message, must_be_new};

/// What is known of a coordinator's queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queries {
    /// So many are unfinished.
    Unfinished(u64),
    /// None, in two lists apart.
    None,
    /// None, in one list.
    NoneOnce,
    /// Nothing.
    Unknown,
}

/// The verdict on removing a coordinator's pod.
pub fn removal(view: &View, ask: &Ask, pod: &Pod, cause: Cause) -> Verdict {
    if pod.deleting.is_some() {
        return Verdict::allow(Row::Deleting);
    }
    let glass = view.break_glass(pod);
    if let Glass::Broken { end, reason } = &glass {
        let lost = match queries(view, pod) {
            Queries::Unfinished(count) => message::will_fail(count),
            _ => String::new(),
        };
        let text = message::broken(pod, *end, reason) + &lost;
        let verdict = Verdict::allow(Row::CoordinatorBreakGlass).warning(text);
        return verdict.granting(pod, grant(view, pod, GrantKey::Pod, false, false));
    }
    if is_dead(view, pod) {
        // That is read from a cache that may be behind, which the grant's compare-and-swap shows.
        let effects = grant(view, pod, GrantKey::Pod, true, must_be_new(ask.caller));
        return Verdict::allow(Row::CoordinatorDead).effects(effects);
    }
    if is_replaced(view, pod) {
        let text = message::replaced(pod);
        return Verdict::allow(Row::CoordinatorReplaced).warning(text);
    }
    let verdict = by_queries(view, ask, pod);
    match (&verdict.outcome, glass) {
        (Outcome::Allow, _) => {
            let required = verdict.row == Row::CoordinatorIdle;
            verdict.granting(pod, grant(view, pod, GrantKey::Pod, required, false))
        }
        (_, Glass::Flawed(what)) => {
            let text = message::flawed(pod, &what);
            Verdict::wait(Row::BadOverride, text).effects(want(ask, &pod.uid, cause, None))
        }
        _ => verdict.effects(want(ask, &pod.uid, cause, None)),
    }
}

/// One verdict on several pods that are judged alike: the first refusal, else the first allow that says something, with what
/// all of them say. `none` where there is no pod.
pub fn together(verdicts: impl IntoIterator<Item = Verdict>, none: Row) -> Verdict {
    let mut allowed: Option<Verdict> = None;
    for verdict in verdicts {
        if verdict.outcome != Outcome::Allow {
            return verdict;
        }
        allowed = Some(match allowed {
            None => verdict,
            Some(mut first) => {
                if first.warnings.is_empty() && !verdict.warnings.is_empty() {
                    first.row = verdict.row;
                }
                first.warnings.extend(verdict.warnings);
                first.effects.extend(verdict.effects);
                first
            }
        });
    }
    // What is granted here is no removal yet: the pods are judged again when they are deleted.
    let mut allowed = allowed.unwrap_or_else(|| Verdict::allow(none));
    allowed
        .effects
        .retain(|effect| matches!(effect, Effect::Tell { .. }));
    allowed
}

fn by_queries(view: &View, ask: &Ask, pod: &Pod) -> Verdict {
    let over = is_over(view, ask, pod);
    match queries(view, pod) {
        Queries::None if is_listed_now(view, pod) || mutant::is(Mutant::OldList) => {
            Verdict::allow(Row::CoordinatorIdle)
        }
        // A query may have come since: only a list of now counts.
        Queries::None => Verdict {
            outcome: Outcome::Look(vec![pod.uid.clone()]),
            ..Verdict::wait(Row::CoordinatorIdleOnce, message::coordinator_once(pod))
        },
        Queries::Unfinished(count) if over => {
            let text = message::coordinator_forced(pod, count);
            Verdict::allow(Row::CoordinatorMaxBlock).warning(text)
        }
        Queries::Unfinished(count) => {
            let text = message::coordinator(view, pod, count, latest(view, ask, pod));
            Verdict::wait(Row::CoordinatorBusy, text)
        }
        Queries::NoneOnce if over => {
            let text = message::coordinator_forced_once(pod);
            Verdict::allow(Row::CoordinatorMaxBlock).warning(text)
        }
        Queries::NoneOnce => {
            Verdict::wait(Row::CoordinatorIdleOnce, message::coordinator_once(pod))
        }
        Queries::Unknown if mutant::is(Mutant::UnknownIsIdle) => {
            Verdict::allow(Row::CoordinatorIdle)
        }
        Queries::Unknown if over || is_unreachable(view, pod) => {
            let text = message::coordinator_unknown(view, pod);
            Verdict::allow(Row::CoordinatorUnknownMax).warning(text)
        }
        Queries::Unknown => {
            let text = message::coordinator_unknown(view, pod);
            let how = message::coordinator_end(view, pod, latest(view, ask, pod));
            Verdict::wait(Row::CoordinatorUnknown, text + &how)
        }
    }
}

/// Whether the last list was asked for a moment ago.
fn is_listed_now(view: &View, pod: &Pod) -> bool {
    let list = view.evidence.cluster(&pod.cluster).list;
    list.is_some_and(|list| view.now.since(list.at) <= LOOK)
}

/// What is known of the queries of a pod's cluster. An old list with unfinished queries still counts while the kubelet
/// calls the pod Ready.
pub fn queries(view: &View, pod: &Pod) -> Queries {
    let bounds = &view.policy.bounds;
    if !is_read(view, pod) {
        return Queries::Unknown;
    }
    let seen = view.evidence.cluster(&pod.cluster);
    let started = pod.started();
    let Some(list) = seen
        .list
        .filter(|list| started.is_none_or(|started| list.at > started))
    else {
        return Queries::Unknown;
    };
    let fresh = view.now.since(list.at) <= bounds.fresh;
    let twice = seen.empty.is_some_and(|run| run.is_twice_after(started));
    match (list.unfinished, fresh) {
        (0, true) if twice || mutant::is(Mutant::CoordinatorOnce) => Queries::None,
        (0, true) => Queries::NoneOnce,
        (0, false) => Queries::Unknown,
        (count, fresh) if fresh || pod.ready => Queries::Unfinished(count),
        _ => Queries::Unknown,
    }
}

/// Whether what was listed is about this coordinator: what another one lists says nothing of its queries. Of several behind a
/// configured address nobody knows which one answered.
fn is_read(view: &View, pod: &Pod) -> bool {
    if view.world.has_external_coordinator(&pod.cluster) {
        let mut others = view.world.members(&pod.cluster, Role::Coordinator);
        return !others.any(|other| other.uid != pod.uid && other.running().is_some());
    }
    let read = view.coordinator(&pod.cluster);
    read.is_none_or(|read| read.uid == pod.uid)
}

/// Whether it was refused for as long as this caller has to wait.
pub fn is_over(view: &View, ask: &Ask, pod: &Pod) -> bool {
    let latest = latest(view, ask, pod);
    pod.notes.blocked_since.is_some() && latest.is_some_and(|latest| view.now >= latest)
}

/// Until when this caller has to wait; `None` where no bound holds for it.
fn latest(view: &View, ask: &Ask, pod: &Pod) -> Option<Time> {
    let bounds = &view.policy.bounds;
    let bound = view.coordinator_max_block(pod);
    let bound: Duration = match ask.caller.patience() {
        Patience::Endless => return None,
        Patience::Preemption => bound.min(bounds.preemption_max_block),
        Patience::Ordinary => bound,
    };
    Some(pod.notes.blocked_since.unwrap_or(view.now) + bound)
}

fn is_unreachable(view: &View, pod: &Pod) -> bool {
    let since = view.unreachable_since(pod);
    since.is_some_and(|since| view.now.since(since) >= view.unknown_max(pod))
}

fn is_dead(view: &View, pod: &Pod) -> bool {
    let ended = matches!(pod.phase, Phase::Succeeded | Phase::Failed);
    let gone = view.refused_long(pod) && !pod.ready;
    ended || pod.node.is_none() || pod.running().is_none() || gone
}

/// Whether a younger Ready coordinator has taken over: made later, and Ready later, since clocks that go back make an old
/// one the younger.
fn is_replaced(view: &View, pod: &Pod) -> bool {
    let since = |pod: &Pod| view.world.ready_since(pod);
    let mut others = view.world.members(&pod.cluster, Role::Coordinator);
    others.any(|other| {
        let younger = other.created > pod.created && (!pod.ready || since(other) > since(pod));
        other.uid != pod.uid && other.is_active() && other.ready && younger
    })
}
