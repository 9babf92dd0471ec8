//! What is done for a worker that may go: the proof that it may, the kick that tells its controller, our own eviction
//! where nobody comes back; and the costs of those that may not. Decides on no removal: every eviction is judged.

use std::time::Duration;

use crate::core::guard::bounds::TWICE;
use crate::core::guard::class::{Class, View};
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::mutant::{self, Mutant};
use crate::core::guard::notes::{Cause, Drained};
use crate::core::guard::time::Time;

use super::action::Action;
use super::bands;
use super::crew::Crew;
use super::memory::{Kicks, Memory, Try};
use super::{surplus, want};

/// After so many seconds a kick is repeated.
pub(super) const REPEATS: [u64; 3] = [10, 20, 40];

/// Our own eviction is repeated after so long.
const EVICT: Duration = Duration::from_secs(10);

/// A cost is changed at most once in this time.
const COST: Duration = Duration::from_secs(60);

/// The question whether a DRAINED worker holds nothing: due once noticeTime is over and while nobody answered it. None
/// where no coordinator runs: the class needs no proof then.
pub(super) fn prove(crew: &Crew<'_>, memory: &mut Memory, pod: &Pod) -> Option<Action> {
    let view = &crew.view;
    let seen = view.evidence.worker(pod)?;
    let drained = seen.drained_since()?;
    let noticed = view.noticed(pod, view.drain_began(pod)?);
    // What was read before that can't have seen the work that the coordinator still gave it.
    let own = seen.proof.is_some_and(|proof| proof >= noticed);
    let told = own || view.is_announced(pod);
    let proven = (told && !is_doubted(seen.proof, pod)) || view.is_headless(crew.cluster);
    let matters = crew.wants(pod) || pod.notes.want.is_some() || crew.record(pod).is_some();
    if view.now < noticed || proven || !matters || pod.notes.returning.is_some() {
        return None;
    }
    let memory = memory.pod(&pod.uid);
    let first = memory.proving != Some(drained);
    // A new stay in DRAINED is asked about at once, whatever was tried in an earlier one.
    let pause = if first { Duration::ZERO } else { TWICE };
    memory.attempt(Try::Prove, pause, view.now).then(|| {
        memory.proving = Some(drained);
        let uid = pod.uid.clone();
        Action::Prove { uid, first }
    })
}

/// Whether somebody was refused after the last proof: a replica that began later may not take it for one.
fn is_doubted(own: Option<Time>, pod: &Pod) -> bool {
    let noted = pod.notes.drained.as_ref().map(|proof| proof.at);
    let want = pod.notes.want.as_ref();
    let last = own.max(noted);
    last.zip(want).is_some_and(|(proof, want)| want.at > proof)
}

/// The kick of a worker: when it was refused, or was drained for others' numbers: scale counts it only once it carries its
/// proof.
pub(super) fn kick(crew: &Crew<'_>, memory: &mut Memory, pod: &Pod) -> Option<Action> {
    let ours = crew.record(pod).is_some() && crew.wants(pod);
    let waited_for = ours || crew.is_refused(pod, memory);
    let waited_for = waited_for && !mutant::is(Mutant::NoKick);
    let free = waited_for && pod.notes.returning.is_none() && crew.is_free(pod);
    kick_if(&crew.view, memory, pod, free)
}

/// The kick: at once when a pod becomes free, then 10, 20 and 40 s after the one before; again from the start when it is
/// refused once more, or while the proof that goes with it stands nowhere.
pub(super) fn kick_if(
    view: &View<'_>,
    memory: &mut Memory,
    pod: &Pod,
    free: bool,
) -> Option<Action> {
    if !free || !pod.is_active() {
        memory.end_kicks(&pod.uid);
        return None;
    }
    let kicks = &mut memory.pod(&pod.uid).kicks;
    let count = next(view, pod, *kicks)?;
    let last = view.now;
    *kicks = Some(Kicks { count, last });
    Some(Action::Kick {
        uid: pod.uid.clone(),
        cost: bands::kick(pod.cost),
        drained: proof(view, pod),
    })
}

/// The number of the kick that is due.
fn next(view: &View<'_>, pod: &Pod, kicks: Option<Kicks>) -> Option<u32> {
    let Some(kicks) = kicks else {
        return Some(1);
    };
    let since = view.now.since(kicks.last);
    let pause = REPEATS.get(kicks.count as usize - 1).copied();
    match pause {
        Some(pause) => (since >= Duration::from_secs(pause)).then_some(kicks.count + 1),
        None => {
            let want = pod.notes.want.as_ref();
            let again = want.is_some_and(|want| want.at > kicks.last);
            // Those before were never written: the API server may have been away for longer than all of them took.
            let unwritten = proof(view, pod).is_some() && !view.is_announced(pod);
            let due = again || unwritten;
            (due && since >= Duration::from_secs(REPEATS[0])).then_some(1)
        }
    }
}

/// The proof of a drain that is over; none for what may go for any other reason.
fn proof(view: &View<'_>, pod: &Pod) -> Option<Drained> {
    let Class::Drained { .. } = view.class(pod) else {
        return None;
    };
    let container = pod.running()?.to_owned();
    let noted = pod.notes.drained.as_ref();
    let noted = noted.filter(|_| view.is_announced(pod));
    let proven = view.evidence.worker(pod)?.proof;
    let at = proven.or(noted.map(|proof| proof.at));
    let at = at.unwrap_or(view.now);
    Some(Drained {
        container,
        at,
        written: None,
    })
}

/// Our own eviction of a free pod that nobody comes back for: its controller is gone or going, or the taint-eviction
/// controller or the garbage collector was refused.
pub(super) fn evict(view: &View<'_>, memory: &mut Memory, pod: &Pod, free: bool) -> Option<Action> {
    let refused = pod.notes.want.as_ref().is_some_and(|want| {
        let alone = matches!(want.cause, Cause::Taint | Cause::Collector);
        alone && want::is_live(view, memory, pod, want)
    });
    let alone = refused || want::is_orphan(view, pod);
    if !alone || !free || !pod.is_active() || mutant::is(Mutant::NoOwnEviction) {
        return None;
    }
    let due = memory.pod(&pod.uid).attempt(Try::Evict, EVICT, view.now);
    due.then(|| Action::Evict {
        uid: pod.uid.clone(),
    })
}

/// A coarse cost where it matters: on workers of a ReplicaSet with too many pods, and on what we drain. Elsewhere ours is
/// removed. A value that a person chose is left alone.
pub(super) fn cost(
    crew: &Crew<'_>,
    memory: &mut Memory,
    pod: &Pod,
    crowded: bool,
) -> Option<Action> {
    if pod.cost != 0 && !bands::is_ours(pod.cost) {
        return None;
    }
    let draining = crew.record(pod).is_some() && pod.notes.returning.is_none();
    let kicked = memory.is_kicked(&pod.uid);
    let needed = crowded || draining;
    let goal = match surplus::band(crew, pod) {
        Some(band) if needed && ranks_by_cost(crew, pod) => Some(band),
        _ if kicked => return None,
        _ => None,
    };
    let stands = match goal {
        Some(band) => same(band, pod.cost),
        None => pod.cost == 0,
    };
    let due = !stands && memory.pod(&pod.uid).attempt(Try::Cost, COST, crew.view.now);
    due.then(|| Action::Cost {
        uid: pod.uid.clone(),
        cost: goal,
    })
}

const fn same(band: i32, cost: i32) -> bool {
    band == cost || (bands::is_drained(band) && bands::is_drained(cost))
}

/// Whether its controller looks at costs: a StatefulSet does not.
pub(super) fn ranks_by_cost(crew: &Crew<'_>, pod: &Pod) -> bool {
    let owner = crew.view.world.controller(pod);
    owner.is_some_and(|owner| owner.kind == Kind::ReplicaSet)
}
