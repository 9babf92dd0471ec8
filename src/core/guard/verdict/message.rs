//! What people read: what is held, how old that knowledge is, what is being done, since when and until when, the safe
//! number, how to override. Counts only: no SQL, no users, no query ids. Decides nothing.

use std::fmt::Write as _;
use std::time::Duration;

use crate::api::keys;
use crate::core::guard::class::View;
use crate::core::guard::evidence::Risk;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Workload;
use crate::core::guard::gate::{Barrier, Patience, Why};
use crate::core::guard::text::{bytes, count, span};
use crate::core::guard::time::Time;

/// The descheduler books a refusal with these words as an eviction in progress.
const EVACUATION: &str = "Eviction triggered evacuation";

/// Why a worker can't be removed now.
pub fn worker(view: &View, pod: &Pod, barrier: &Barrier, patience: Patience) -> String {
    let mut text = format!("worker {} {}", pod.name, barred(view, barrier));
    let _ = write!(text, "; {}", doing(view, pod));
    text.push_str(&ends(view, pod, view.latest_for(pod, patience)));
    text.push_str(&how_to_override("pod", &pod.name));
    text
}

/// Why a worker is not force-deleted.
pub fn force(view: &View, pod: &Pod, barrier: &Barrier) -> String {
    format!(
        "worker {} {}: it is not deleted with a grace period below its own {}; delete it without one and try again{}",
        pod.name,
        barred(view, barrier),
        span(pod.grace),
        how_to_override("pod", &pod.name)
    )
}

/// The API server knows a pod that we don't.
pub fn not_seen(name: &Name) -> String {
    format!("pod {name} is not known yet; try again")
}

/// Why an allow deserves a warning.
pub fn warning(view: &View, pod: &Pod, why: &Why) -> Option<String> {
    let lost = || match view.risk(pod) {
        Some(risk) => format!("{} will be lost", holdings(&risk)),
        None => "what it holds is not known".to_owned(),
    };
    let name = &pod.name;
    Some(match why {
        Why::BreakGlass { end, reason } => {
            let lost = view
                .risk(pod)
                .map(|risk| format!(", {} will be lost", holdings(&risk)));
            format!("{}{}", broken(pod, *end, reason), lost.unwrap_or_default())
        }
        Why::Relaxed { covered: true } => {
            format!(
                "worker {name} can't be drained; it was idle twice and its preStop hook covers late tasks"
            )
        }
        Why::Relaxed { covered: false } => format!(
            "worker {name} can't be drained and was idle twice, but no preStop hook lets late tasks end: a query may fail"
        ),
        Why::Unreachable => format!(
            "nothing was known of worker {name} for too long: {}",
            lost()
        ),
        Why::Unproven => format!(
            "worker {name} is DRAINED, but its coordinator could not confirm that nothing is left"
        ),
        Why::MaxBlock | Why::FinalBound => format!(
            "worker {name} was refused for as long as may be: {}",
            lost()
        ),
        Why::Leaked => format!("worker {name} still has tasks that belong to no query"),
        Why::Deleting | Why::Dead | Why::Starting | Why::Drained | Why::Suspending => return None,
    })
}

/// Break-glass was used.
pub fn broken(pod: &Pod, end: Time, reason: &str) -> String {
    format!("break-glass on {} until {end}: {reason}", pod.name)
}

/// What the end of a coordinator costs, after a sentence.
pub fn will_fail(unfinished: u64) -> String {
    format!(", {} will fail", count(unfinished, "query", "queries"))
}

/// Break-glass does not count.
pub fn flawed(pod: &Pod, what: &str) -> String {
    format!("{} on {} does not count: {what}", keys::OVERRIDE, pod.name)
}

/// Why a coordinator can't be removed now.
pub fn coordinator(view: &View, pod: &Pod, unfinished: u64, latest: Option<Time>) -> String {
    let queries = count(unfinished, "unfinished query", "unfinished queries");
    let list = view.evidence.cluster(&pod.cluster).list;
    let age = list.map_or(Duration::ZERO, |list| view.now.since(list.at));
    format!(
        "coordinator {} has {queries} (as of {} ago), all of which would fail; it goes when they have ended{}",
        pod.name,
        span(age),
        coordinator_end(view, pod, latest)
    )
}

/// For how long a coordinator was refused, until when, and how to override.
pub fn coordinator_end(view: &View, pod: &Pod, latest: Option<Time>) -> String {
    let ends = ends(view, pod, latest);
    ends + &how_to_override("pod", &pod.name)
}

/// A coordinator that is idle for the first time.
pub fn coordinator_once(pod: &Pod) -> String {
    format!(
        "coordinator {} has no unfinished query; that is looked at once more, try again in 5 s",
        pod.name
    )
}

/// A coordinator of which nothing is known.
pub fn coordinator_unknown(view: &View, pod: &Pod) -> String {
    let list = view.evidence.cluster(&pod.cluster).list;
    let known = match list {
        Some(list) => format!(
            "its last query list is {} old",
            span(view.now.since(list.at))
        ),
        None => "its query list was never read".to_owned(),
    };
    format!(
        "coordinator {} may have unfinished queries: {known}",
        pod.name
    )
}

/// A coordinator that goes although queries will fail.
pub fn coordinator_forced(pod: &Pod, unfinished: u64) -> String {
    let queries = count(unfinished, "query", "queries");
    format!(
        "coordinator {} was refused for as long as may be: {queries} will fail",
        pod.name
    )
}

/// The same, where no query was seen, though only once.
pub fn coordinator_forced_once(pod: &Pod) -> String {
    format!(
        "coordinator {} was refused for as long as may be: it has no unfinished query, seen once only",
        pod.name
    )
}

/// An old coordinator beside a new one.
pub fn replaced(pod: &Pod) -> String {
    format!(
        "coordinator {} goes although a younger one is Ready beside it: its unfinished queries will fail",
        pod.name
    )
}

/// Why a number of replicas can't be had now.
pub fn scale(
    view: &View,
    workload: &Workload,
    held: &[(&Pod, &Barrier)],
    safe: u32,
    patience: Patience,
) -> String {
    let kind = workload.kind.word();
    let mut text = format!("{kind} {}: ", workload.name);
    match held.first() {
        Some((pod, barrier)) => {
            let _ = write!(text, "worker {} {}", pod.name.name, barred(view, barrier));
            if held.len() > 1 {
                let _ = write!(text, ", and {} more can't go", held.len() - 1);
            }
            let _ = write!(text, "; {}", doing(view, pod));
        }
        None => text.push_str("its free workers are promised to another request; try again"),
    }
    let _ = write!(text, "; the lowest safe number is {safe} now");
    if let Some((pod, _)) = held.first() {
        text.push_str(&ends(view, pod, view.latest_for(pod, patience)));
    }
    text.push_str(&how_to_override(&kind.to_lowercase(), &workload.name));
    text
}

/// A rollout is going on.
pub fn rollout(workload: &Workload, until: Time) -> String {
    format!(
        "{} {} is being rolled out: which pods a lower number would take is not known; try again when it is complete, or after {until}",
        workload.kind.word(),
        workload.name
    )
}

/// A workload goes and its pods stay for a while.
pub fn pods_held(workload: &Workload, held: usize) -> String {
    format!(
        "{} {} is deleted; {} of its pods have or may have work and go when they are drained or idle",
        workload.kind.word(),
        workload.name,
        held
    )
}

/// Why a namespace can't be deleted now.
pub fn namespace(name: &str, held: usize) -> String {
    format!(
        "namespace {name} has {held} Trino pods that can't go now, and nothing in it can be held once it is being deleted; delete the workloads first and wait until their pods are gone, or annotate the namespace with {}",
        keys::OVERRIDE
    )
}

/// Of a namespace whose pods could not be asked for.
pub fn not_listed(name: &str) -> String {
    format!("the guard could not ask which Trino pods namespace {name} has; try again")
}

fn barred(view: &View, barrier: &Barrier) -> String {
    match barrier {
        Barrier::Busy(risk) => {
            let age = span(view.now.since(risk.heard));
            format!("holds {} (as of {age} ago)", holdings(risk))
        }
        Barrier::Idle => {
            "holds nothing, but may get work at any moment until it is drained".to_owned()
        }
        Barrier::Draining => "is draining".to_owned(),
        Barrier::Unproven => {
            "is drained, and its coordinator is still to confirm that nothing is left".to_owned()
        }
        Barrier::Starting => {
            "is starting and may have work in a moment, so it is drained first".to_owned()
        }
        Barrier::Unknown => "may hold data: nothing is known of it now".to_owned(),
        Barrier::Returning => "is going back to work; ask again in a minute".to_owned(),
        Barrier::BadOverride(what) => format!(
            "has an annotation {} that does not count: {what}",
            keys::OVERRIDE
        ),
    }
}

fn holdings(risk: &Risk) -> String {
    let held = &risk.held;
    let tasks = count(held.tasks(), "task", "tasks");
    let queries = count(held.queries, "query", "queries");
    format!(
        "output buffers of {tasks} ({}) for {queries}",
        bytes(held.bytes)
    )
}

fn doing(view: &View, pod: &Pod) -> String {
    match view.drain_began(pod) {
        Some(began) => {
            let time = span(view.now.since(began));
            format!("{EVACUATION}: draining for {time}")
        }
        None if view.cannot_drain(&pod.cluster) => {
            "the guard may not drain it and waits until it is idle".to_owned()
        }
        None if !view.has_looked_around(&pod.cluster) => format!(
            "{EVACUATION}: its drain begins when its coordinator has been Ready for {}",
            span(view.policy.bounds.notice)
        ),
        None if is_last(view, pod) => format!(
            "{EVACUATION}: too few workers would serve without it, so its drain waits until no query is unfinished; scale to {} or restart the rollout first",
            view.floor(&pod.cluster, true).saturating_add(1)
        ),
        None => format!("{EVACUATION}: a drain is requested"),
    }
}

/// Whether it is one of the last workers, which are not drained under unfinished queries: nothing replaces it before it is
/// evicted.
fn is_last(view: &View, pod: &Pod) -> bool {
    let list = view.evidence.cluster(&pod.cluster).list;
    let queries = list.is_some_and(|list| list.unfinished > 0);
    let floor = view.floor(&pod.cluster, true);
    queries && view.is_serving(pod) && !view.has_serving(&pod.cluster, pod, floor)
}

/// How long a pod has waited and until when; `latest` is `None` for who waits without a bound.
fn ends(view: &View, pod: &Pod, latest: Option<Time>) -> String {
    let refused = pod.notes.blocked_since;
    let waited = refused.map_or_else(String::new, |since| {
        format!("; refused for {}", span(view.now.since(since)))
    });
    match latest {
        Some(latest) => format!(
            "{waited}; let go in {} at the latest",
            span(latest.since(view.now))
        ),
        None => format!("{waited}; no bound holds for this caller"),
    }
}

fn how_to_override(kind: &str, name: &Name) -> String {
    format!(
        "; to override: kubectl annotate -n {} {kind} {} '{}=<RFC 3339 end>;<reason>'",
        name.namespace,
        name.name,
        keys::OVERRIDE
    )
}
