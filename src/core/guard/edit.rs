//! What is written on a pod for each effect of a verdict: pure changes of annotations. Who writes them, and what happens
//! when somebody was faster, is for the adapter.

use crate::api::keys;

use super::ask::{Ask, Effect};
use super::class::View;
use super::facts::pod::Pod;
use super::notes::{Cause, Grant, GrantKey, Want, write};

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
    let same = |want: &&Want| want.cause == *cause && want.target == *target;
    let recent = |want: &Want| view.now.since(want.at) < super::bounds::WANT_EVERY;
    if before.filter(same).is_some_and(recent) {
        return None;
    }
    let want = Want {
        at: view.now,
        since: before.map_or(view.now, |want| want.since),
        cause: strongest(before, *cause),
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
