//! What the leader does for coordinators: they can't be drained, but whoever was refused one is told when it may go, and
//! is helped where nobody comes back. Whether it may is asked of the decision tables.

use crate::core::guard::ask::{Ask, Caller, Outcome, Request};
use crate::core::guard::class::View;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::verdict;

use super::action::Action;
use super::crew::Crew;
use super::memory::{Memory, Try};
use super::{giveback, kick, want};

/// The next step for one coordinator.
pub(super) fn step<'a>(view: &View<'a>, memory: &mut Memory, pod: &'a Pod) -> Option<Action> {
    if !pod.is_active() {
        return None;
    }
    let refused = pod.notes.want.as_ref();
    let live = refused.is_some_and(|refused| want::is_live(view, memory, pod, refused));
    if live {
        memory.calm(&pod.uid);
        let free = is_free(view, pod);
        return kick::kick_if(view, memory, pod, free)
            .or_else(|| kick::evict(view, memory, pod, free));
    }
    let crew = Crew::alone(*view, pod);
    let over = giveback::is_over(&crew, memory, pod);
    let due = over
        && memory
            .pod(&pod.uid)
            .attempt(Try::Forget, giveback::AGAIN, view.now);
    due.then(|| Action::Forget {
        uid: pod.uid.clone(),
        version: pod.resource_version.clone(),
        keep_want: false,
    })
}

/// Whether it may go, or would after one more look: lists come every few seconds, and what they say ages in between.
fn is_free(view: &View<'_>, pod: &Pod) -> bool {
    let ask = Ask {
        request: Request::Delete {
            pod: pod.name.clone(),
            uid: pod.uid.clone(),
            deleting: false,
            grace: None,
        },
        caller: Caller::Guard,
        user: String::new(),
        dry_run: true,
    };
    let outcome = verdict::judge(view, &ask).outcome;
    matches!(outcome, Outcome::Allow | Outcome::Look(_))
}
