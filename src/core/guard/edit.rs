//! What is written on a pod for each effect of a verdict and each action of the leader: pure changes of annotations. Who writes them, and what happens
//! when somebody was faster, is for the adapter.

use crate::api::keys;

use super::ask::{Ask, Effect};
use super::class::View;
use super::facts::pod::Pod;
use super::mutant::{self, Mutant};
use super::notes::{Cause, Grant, GrantKey, Hints, Want, write};
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
    let same = |want: &&Want| want.cause == cause && want.target == *target;
    let recent = |want: &Want| view.now.since(want.at) < super::bounds::WANT_EVERY;
    if before.filter(same).is_some_and(recent) {
        return None;
    }
    let want = Want {
        at: view.now,
        since: before.map_or(view.now, |want| want.since),
        cause,
        by: ask.user.chars().take(LONGEST_USER).collect(),
        target: *target,
    };
    let edit = Edit::default().with(keys::DRAIN_REQUESTED, write(&want));
    let starts = *clock && pod.notes.blocked_since.is_none();
    Some(if starts {
        edit.with(keys::BLOCKED_SINCE, view.now.to_string())
    } else {
        edit
    })
}

/// A caller that does not come back is not forgotten because another one asked after it.
fn strongest(before: Option<&Want>, now: Cause) -> Cause {
    let leaves = |cause: &Cause| matches!(cause, Cause::Taint | Cause::Collector);
    before.map(|want| want.cause).filter(leaves).unwrap_or(now)
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
    use crate::core::guard::plan::scene::Scene;
    use crate::core::guard::staging::{by_person, evict};

    fn refused(scene: &mut Scene, cause: Cause) -> Option<Want> {
        let effect = Effect::Want {
            uid: "uid-w-0".to_owned(),
            cause,
            target: None,
            clock: true,
        };
        let pod = scene.pod("w-0");
        let edit = want(&scene.view(), &by_person(evict("w-0")), &pod, &effect)?;
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
