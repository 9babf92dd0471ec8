//! What is written on a pod for each effect of a verdict and each action of the leader: pure changes of annotations. Who writes them, and what happens
//! when somebody was faster, is for the adapter.

use crate::api::keys;

use super::ask::{Ask, Effect, Request};
use super::class::View;
use super::facts::pod::Pod;
use super::mutant::{self, Mutant};
use super::notes::{Cause, Grant, GrantKey, Hints, Number, Want, write};
use super::plan::{Action, HintStep, bands};
use super::time::Time;

/// Changes of a pod's annotations. A key that is in neither list stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Set to these values.
    pub set: Vec<(&'static str, String)>,
    /// Taken away, where they stand.
    pub remove: Vec<&'static str>,
}

impl Edit {
    /// With a value.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: String) -> Self {
        self.set.push((key, value));
        self
    }

    /// Without keys.
    #[must_use]
    pub fn without(mut self, keys: &[&'static str]) -> Self {
        self.remove.extend(keys);
        self
    }

    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

/// A user name as long as any identity of Kubernetes; a longer one is cut.
const LONGEST_USER: usize = 256;

/// What a refusal writes: the want, and the first refusal's time if none stands there. `None` where the same was written
/// a moment ago.
#[must_use]
pub fn want(view: &View, ask: &Ask, pod: &Pod, effect: &Effect) -> Option<Edit> {
    let Effect::Want {
        cause,
        target,
        clock,
        ..
    } = effect
    else {
        return None;
    };
    let before = pod.notes.want.as_ref().filter(|want| view.is_live(want));
    let cause = strongest(before, *cause);
    let number = number(view, ask, before, *target);
    let told = |number: Number| (number.target, number.from);
    let same = |want: &&Want| (want.cause, want.number.map(told)) == (cause, number.map(told));
    let recent = |want: &Want| view.now.since(want.at) < super::bounds::WANT_EVERY;
    if before.filter(same).is_some_and(recent) {
        return None;
    }
    let want = Want {
        at: view.now,
        since: before.map_or(view.now, |want| want.since),
        cause,
        by: ask.user.chars().take(LONGEST_USER).collect(),
        number,
    };
    let edit = Edit::default().with(keys::DRAIN_REQUESTED, write(&want));
    let starts = *clock && pod.notes.blocked_since.is_none();
    Some(if starts {
        edit.with(keys::BLOCKED_SINCE, view.now.to_string())
    } else {
        edit
    })
}

/// A caller that does not come back is not forgotten because another one asked after it, nor is one that named the pod
/// because an autoscaler's number would take it as well.
fn strongest(before: Option<&Want>, now: Cause) -> Cause {
    const fn weight(cause: Cause) -> u8 {
        match cause {
            Cause::Scale => 0,
            Cause::Controller => 1,
            Cause::Evict | Cause::Delete | Cause::Preemption => 2,
            Cause::Taint | Cause::Collector => 3,
        }
    }
    let before = before.map(|want| want.cause);
    let stronger = before.filter(|before| weight(*before) > weight(now));
    stronger.unwrap_or(now)
}

/// The number that is asked for, or one that was refused before and still counts, as old as it is: who asks for the pod
/// does not repeat it.
fn number(view: &View, ask: &Ask, before: Option<&Want>, target: Option<u32>) -> Option<Number> {
    let asked = match (&ask.request, target) {
        (Request::Scale { old, .. }, Some(target)) => Some(Number {
            target,
            from: *old,
            at: view.now,
        }),
        _ => None,
    };
    let before = before.and_then(|want| want.number);
    asked.or(before.filter(|number| view.is_recent(number.at)))
}

/// What an allow writes.
#[must_use]
pub fn grant(view: &View, pod: &Pod, key: &GrantKey) -> Edit {
    let grant = Grant {
        uid: pod.uid.clone(),
        container: pod.running().unwrap_or_default().to_owned(),
        key: key.clone(),
        at: view.now,
        until: view.now + view.policy.bounds.grant_ttl,
    };
    Edit::default().with(keys::GRANT, write(&grant))
}

/// What an action of the leader writes on its pod; `None` for actions that write nothing there.
#[must_use]
pub fn of_action(action: &Action, pod: &Pod) -> Option<Edit> {
    let edit = Edit::default();
    Some(match action {
        Action::BeginDrain { drain, cost, .. } => {
            let begun = edit
                .with(keys::DRAIN, write(drain))
                .without(&[keys::DRAINED_AT]);
            match cost {
                _ if mutant::is(Mutant::NoRecord) => Edit::default().without(&[keys::DRAINED_AT]),
                Some(cost) => begun.with(keys::DELETION_COST, cost.to_string()),
                None => begun,
            }
        }
        Action::Kick { cost, drained, .. } => {
            let kicked = edit.with(keys::DELETION_COST, cost.to_string());
            match drained {
                Some(drained) => kicked.with(keys::DRAINED_AT, write(drained)),
                None => kicked,
            }
        }
        Action::Cost {
            cost: Some(cost), ..
        } => edit.with(keys::DELETION_COST, cost.to_string()),
        Action::Cost { cost: None, .. } => edit.without(&[keys::DELETION_COST]),
        Action::Hint { step, .. } => hint(*step, pod),
        Action::Return { at, keep_want, .. } => {
            let returning = edit.with(keys::RETURNING, at.to_string());
            forget(returning, pod, *keep_want).without(&[keys::GRANT, keys::DRAINED_AT])
        }
        Action::Forget { keep_want, .. } => {
            let over = [keys::RETURNING, keys::DRAIN, keys::DRAINED_AT, keys::GRANT];
            forget(edit, pod, *keep_want).without(&over)
        }
        Action::Clean { returning, .. } => clean(pod, *returning),
        Action::Prove { .. }
        | Action::Evict { .. }
        | Action::PutActive { .. }
        | Action::ProbePower { .. }
        | Action::Event { .. } => return None,
    })
}

/// Without our cost, and without the want unless that goes on.
fn forget(edit: Edit, pod: &Pod, keep_want: bool) -> Edit {
    let edit = without_cost(edit, pod);
    if keep_want {
        return edit;
    }
    edit.without(&[keys::DRAIN_REQUESTED, keys::BLOCKED_SINCE])
}

fn without_cost(edit: Edit, pod: &Pod) -> Edit {
    if bands::is_ours(pod.cost) {
        return edit.without(&[keys::DELETION_COST]);
    }
    edit
}

fn clean(pod: &Pod, returning: Option<Time>) -> Edit {
    let edit = forget(Edit::default(), pod, false).without(&[keys::GRANT, keys::DRAINED_AT]);
    let edit = unhinted(edit, pod).without(&[keys::HINTED]);
    match returning {
        Some(at) => edit.with(keys::RETURNING, at.to_string()),
        None => edit.without(&[keys::RETURNING, keys::DRAIN]),
    }
}

fn hint(step: HintStep, pod: &Pod) -> Edit {
    match step {
        HintStep::Hold(at) => {
            let wanted = [
                (keys::SAFE_TO_EVICT, "false"),
                (keys::DO_NOT_DISRUPT, "true"),
            ];
            let absent = wanted
                .into_iter()
                .filter(|(key, _)| !pod.notes.hinted.contains(key));
            let absent: Vec<_> = absent.collect();
            let ours = absent.iter().map(|(key, _)| (*key).to_owned()).collect();
            let hints = Hints {
                at,
                held: true,
                ours,
            };
            let set = absent
                .into_iter()
                .map(|(key, value)| (key, value.to_owned()));
            let mut edit = Edit::default().with(keys::HINTED, write(&hints));
            edit.set.extend(set);
            edit
        }
        HintStep::Drop => {
            let dropped = pod.notes.hints.clone().map(|hints| Hints {
                held: false,
                ours: Vec::new(),
                ..hints
            });
            let edit = unhinted(Edit::default(), pod);
            match dropped {
                Some(hints) => edit.with(keys::HINTED, write(&hints)),
                None => edit,
            }
        }
        HintStep::Clear => unhinted(Edit::default(), pod).without(&[keys::HINTED]),
    }
}

/// Without the hints that we set; a person's stay.
fn unhinted(edit: Edit, pod: &Pod) -> Edit {
    let ours = pod.notes.hints.iter().flat_map(|hints| &hints.ours);
    let known = [keys::SAFE_TO_EVICT, keys::DO_NOT_DISRUPT];
    let ours: Vec<_> = ours
        .filter_map(|ours| known.into_iter().find(|key| key == ours))
        .collect();
    edit.without(&ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::facts::workload::Kind;
    use crate::core::guard::plan::scene::Scene;
    use crate::core::guard::staging::{by_person, evict, scale};

    fn refused(scene: &mut Scene, cause: Cause) -> Option<Want> {
        refused_by(scene, &by_person(evict("w-0")), cause, None)
    }

    fn refused_by(scene: &mut Scene, ask: &Ask, cause: Cause, target: Option<u32>) -> Option<Want> {
        let effect = Effect::Want {
            uid: "uid-w-0".to_owned(),
            cause,
            target,
            clock: true,
        };
        let pod = scene.pod("w-0");
        let edit = want(&scene.view(), ask, &pod, &effect)?;
        let (_, text) = edit
            .set
            .into_iter()
            .find(|(key, _)| *key == keys::DRAIN_REQUESTED)?;
        let written: Want = serde_json::from_str(&text).expect("a want");
        let copy = written.clone();
        scene.edit("w-0", |pod| pod.notes.want = Some(copy));
        Some(written)
    }

    #[test]
    fn two_callers_of_one_pod_are_written_once_in_thirty_seconds_too() {
        let mut scene = Scene::deployment(3);
        let number = by_person(scale(Kind::Deployment, 3, 2));
        assert!(refused(&mut scene, Cause::Evict).is_some());
        let both = refused_by(&mut scene, &number, Cause::Scale, Some(2)).expect("a number");
        let told = both.number.map(|number| (number.target, number.from));
        assert_eq!(
            (both.cause, told),
            (Cause::Evict, Some((2, 3))),
            "it stays named"
        );
        scene.pass(5);
        assert_eq!(refused(&mut scene, Cause::Evict), None);
        scene.pass(10);
        assert_eq!(refused_by(&mut scene, &number, Cause::Scale, Some(2)), None);
        let lower = by_person(scale(Kind::Deployment, 3, 1));
        let lower = refused_by(&mut scene, &lower, Cause::Scale, Some(1));
        let told = lower.and_then(|want| want.number);
        assert_eq!(told.map(|number| number.target), Some(1));
    }

    /// Otherwise a number that nobody has asked for since would stand for as long as a taint asks for its pod.
    #[test]
    fn a_number_is_not_repeated_by_whoever_asks_for_its_pod() {
        let mut scene = Scene::deployment(3);
        let number = by_person(scale(Kind::Deployment, 3, 2));
        let begun = scene.now;
        refused_by(&mut scene, &number, Cause::Scale, Some(2));
        scene.pass(19 * 60);
        let written = refused(&mut scene, Cause::Taint).expect("a want");
        assert_eq!(written.number.map(|number| number.at), Some(begun));
        scene.pass(2 * 60);
        let written = refused(&mut scene, Cause::Taint).expect("a want");
        assert_eq!(written.number, None);
    }

    #[test]
    fn a_refusal_is_written_once_in_thirty_seconds_whoever_asked_first() {
        for first in [Cause::Evict, Cause::Taint, Cause::Collector] {
            let mut scene = Scene::deployment(1);
            assert!(refused(&mut scene, first).is_some());
            scene.pass(29);
            assert_eq!(refused(&mut scene, Cause::Evict), None, "after {first}");
            scene.pass(1);
            let again = refused(&mut scene, Cause::Evict).expect("30 s are over");
            assert_eq!(again.cause, first, "who never asks again is not forgotten");
        }
    }
}
