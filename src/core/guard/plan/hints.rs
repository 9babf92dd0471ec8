//! Hints to autoscalers on busy workers, where the administrator wants them: set while busy, never on a worker that leaves,
//! dropped after `maxHold`. While nothing is known they are neither set nor cleared; `maxHold` ends them all the same.

use std::time::Duration;

use crate::core::guard::class::Class;
use crate::core::guard::facts::pod::Pod;

use super::action::{Action, HintStep};
use super::crew::Crew;
use super::memory::{Memory, Try};

/// Hints are changed at most once in this time.
const HINT: Duration = Duration::from_secs(60);

/// What to do with the hints on a pod.
pub(super) fn hint(crew: &Crew<'_>, memory: &mut Memory, pod: &Pod) -> Option<Action> {
    let step = step(crew, pod)?;
    // What must end, ends at once.
    let pause = match step {
        HintStep::Hold(_) => HINT,
        HintStep::Drop | HintStep::Clear => super::giveback::AGAIN,
    };
    let due = memory
        .pod(&pod.uid)
        .attempt(Try::Hint, pause, crew.view.now);
    let uid = pod.uid.clone();
    due.then_some(Action::Hint { uid, step })
}

fn step(crew: &Crew<'_>, pod: &Pod) -> Option<HintStep> {
    let now = crew.view.now;
    let stands = pod.notes.hints.as_ref().map(|hints| (hints.at, hints.held));
    let Some(hold) = crew.view.policy.hints else {
        return stands.map(|_| HintStep::Clear);
    };
    let answer = crew.view.evidence.worker(pod);
    let leaving = crew.record(pod).is_some() || answer.is_some_and(|seen| seen.leaving.is_some());
    match (crew.class(pod), stands) {
        (_, stands) if leaving => stands.map(|_| HintStep::Clear),
        (Class::Busy(_) | Class::Unknown, Some((at, true))) => {
            (now.since(at) >= hold).then_some(HintStep::Drop)
        }
        (Class::Busy(_), None) => Some(HintStep::Hold(now)),
        (Class::Busy(_) | Class::Unknown, _) => None,
        (_, stands) => stands.map(|_| HintStep::Clear),
    }
}
