//! Rows E and D: the eviction or deletion of one pod.

use crate::core::guard::ask::{Ask, Caller, Effect, Outcome, Verdict};
use crate::core::guard::class::{Class, View};
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::gate::{Barrier, Gate, Patience, Why};
use crate::core::guard::mutant::{self, Mutant};
use crate::core::guard::notes::{Cause, GrantKey};
use crate::core::guard::rows::Row;

use super::{coordinator, grant, message, must_be_new};

/// What a deletion says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Deletion<'a> {
    /// The UID of the object.
    pub uid: &'a str,
    /// Whether it is being deleted already.
    pub deleting: bool,
    /// `gracePeriodSeconds`, where given.
    pub grace: Option<u64>,
}

/// `pods/eviction`. Its object is not the pod, so pods that are not ours come here too.
pub fn evict(view: &View, ask: &Ask, name: &Name, precondition: Option<&str>) -> Verdict {
    if view.is_terminating(&name.namespace) {
        return Verdict::allow(Row::NamespaceTerminating);
    }
    let Some(pod) = view.world.pod(name) else {
        return Verdict::allow(Row::PodGone);
    };
    if precondition.is_some_and(|uid| uid != pod.uid) {
        return Verdict::allow(Row::OtherPod);
    }
    guarded(view, ask, pod, Cause::Evict, None)
}

/// `DELETE pods`.
pub fn delete(view: &View, ask: &Ask, name: &Name, deletion: Deletion) -> Verdict {
    if deletion.deleting {
        return Verdict::allow(Row::Deleting);
    }
    let finishers = [
        Caller::Kubelet,
        Caller::PodCollector,
        Caller::NamespaceController,
    ];
    if finishers.contains(&ask.caller) {
        return Verdict::allow(Row::Finisher);
    }
    if view.is_terminating(&name.namespace) {
        return Verdict::allow(Row::NamespaceTerminating);
    }
    match view.world.pod(name) {
        Some(pod) if pod.uid == deletion.uid => {
            guarded(view, ask, pod, ask.caller.cause(), deletion.grace)
        }
        // The API server knows a pod that our cache does not: it may have work.
        _ if view.mode(&name.namespace).is_some() => {
            Verdict::wait(Row::Unknown, message::not_seen(name))
        }
        _ => Verdict::allow(Row::NotGuarded),
    }
}

fn guarded(view: &View, ask: &Ask, pod: &Pod, cause: Cause, grace: Option<u64>) -> Verdict {
    if !view.is_guarded(pod) {
        return Verdict::allow(Row::NotGuarded);
    }
    match pod.role {
        Role::Coordinator => coordinator::removal(view, ask, pod, cause),
        Role::Worker => worker(view, ask, pod, cause, grace),
    }
}

fn worker(view: &View, ask: &Ask, pod: &Pod, cause: Cause, grace: Option<u64>) -> Verdict {
    if mutant::is(Mutant::AllowOnGrant) && super::live_grant(view, pod).is_some() {
        return opened(view, ask, pod, &Why::Drained);
    }
    let patience = ask.caller.patience();
    let refused = |barrier: &Barrier| {
        let wanted = want(ask, &pod.uid, cause, None);
        shut(view, pod, (barrier, patience), grace).effects(wanted)
    };
    match view.gate(pod, patience) {
        Gate::Open(why) => opened(view, ask, pod, &why),
        // Where nobody can look, this is the answer, and a refusal like any other.
        Gate::Look => {
            let starting = matches!(view.class(pod), Class::Starting);
            let barrier = if starting {
                Barrier::Starting
            } else {
                Barrier::Unproven
            };
            Verdict {
                outcome: Outcome::Look(vec![pod.uid.clone()]),
                ..refused(&barrier)
            }
        }
        Gate::Shut(barrier) => refused(&barrier),
    }
}

/// The verdict of an open gate on a pod that goes by this very request.
pub fn opened(view: &View, ask: &Ask, pod: &Pod, why: &Why) -> Verdict {
    let verdict = Verdict::allow(row_of(why));
    let warned = match message::warning(view, pod, why) {
        Some(warning) => verdict.warning(warning),
        None => verdict,
    };
    let grant = granted(view, (ask.caller, pod), why, GrantKey::Pod);
    warned.granting(pod, grant)
}

/// The grant that an open gate asks for. What Kubernetes has decided already needs none; that a worker is dead or starting, or
/// since when its bound has counted, is read from a cache that may be behind, which the grant's compare-and-swap shows.
pub fn granted(
    view: &View,
    (caller, pod): (Caller, &Pod),
    why: &Why,
    key: GrantKey,
) -> Option<Effect> {
    let rests_on_state = matches!(
        why,
        Why::Drained
            | Why::Leaked
            | Why::Relaxed { .. }
            | Why::Unproven
            | Why::Dead
            | Why::Starting
            | Why::MaxBlock
    );
    let needs_none = matches!(why, Why::Deleting | Why::Suspending);
    let anew = matches!(why, Why::Dead | Why::Starting) && must_be_new(caller);
    grant(view, pod, key, rests_on_state, anew).filter(|_| !needs_none)
}

/// The row of an open gate.
pub const fn row_of(why: &Why) -> Row {
    match why {
        Why::Deleting => Row::Deleting,
        Why::BreakGlass { .. } => Row::BreakGlass,
        Why::Dead => Row::Dead,
        Why::Starting => Row::Starting,
        Why::Drained => Row::Drained,
        Why::Leaked => Row::Leaked,
        Why::Suspending => Row::Suspending,
        Why::Relaxed { covered: true } => Row::Relaxed,
        Why::Relaxed { covered: false } => Row::RelaxedUnsafe,
        Why::Unreachable | Why::Unproven => Row::UnknownMax,
        Why::MaxBlock | Why::FinalBound => Row::MaxBlock,
    }
}

fn shut(
    view: &View,
    pod: &Pod,
    (barrier, patience): (&Barrier, Patience),
    grace: Option<u64>,
) -> Verdict {
    let has_work = matches!(barrier, Barrier::Busy(_) | Barrier::Unknown);
    if has_work && grace.is_some_and(|grace| grace < pod.grace.as_secs()) {
        let text = message::force(view, pod, barrier);
        return Verdict::refuse(Row::Force, Outcome::Forbid, text);
    }
    let text = message::worker(view, pod, barrier, patience);
    Verdict::wait(row_of_barrier(barrier), text)
}

/// The row of a shut gate.
pub const fn row_of_barrier(barrier: &Barrier) -> Row {
    match barrier {
        Barrier::Busy(_) => Row::Busy,
        Barrier::Idle => Row::Idle,
        Barrier::Draining => Row::Draining,
        Barrier::Unproven => Row::Unproven,
        Barrier::Starting => Row::Starting,
        Barrier::Unknown => Row::Unknown,
        Barrier::Returning => Row::Returning,
        Barrier::BadOverride(_) => Row::BadOverride,
    }
}

/// What a refusal leaves on the pod. Our own eviction leaves nothing: it would keep its own want alive.
pub fn want(
    ask: &Ask,
    uid: impl Into<String>,
    cause: Cause,
    target: Option<u32>,
) -> Option<Effect> {
    (ask.caller != Caller::Guard).then(|| Effect::Want {
        uid: uid.into(),
        cause,
        target,
        clock: ask.caller.patience() != Patience::Endless,
    })
}
