//! What must have happened before a worker may go, row by row. Weaker than the guard's own rules and written without them:
//! an allow that fails here was made of nothing.

use std::time::Duration;

use xtrinode::core::guard::evidence::Said;
use xtrinode::core::guard::facts::pod::Pod;
use xtrinode::core::guard::notes::Override;
use xtrinode::core::guard::policy::Policy;
use xtrinode::core::guard::rows::Row;
use xtrinode::core::guard::time::Time;
use xtrinode::trino::words::NodeState;

use super::record::Record;

/// Fails where an allow has no reason.
pub fn insist(row: Row, pod: &Pod, record: &Record, now: Time, policy: &Policy) {
    let bounds = &policy.bounds;
    let reason = match row {
        Row::Drained => drained(pod, record, now),
        Row::Leaked => leaked(record, now, bounds.leak_after),
        Row::Dead => dead(pod, record, now),
        Row::Starting => starting(record, now, bounds.fresh),
        Row::BreakGlass => glass(pod, now, bounds.override_max),
        Row::MaxBlock => refused(pod, now, bounds.max_block),
        Row::UnknownMax => unknown(pod, record, now, bounds.unknown_max),
        Row::Relaxed | Row::RelaxedUnsafe => twice_without_tasks(pod, record),
        // None of the others can come to a guarded worker that nobody deletes.
        _ => false,
    };
    assert!(
        reason,
        "{row:?} out of nothing at {now}: {pod:?}\n{record:?}"
    );
}

/// It said so at most 2 s ago, and since it first did somebody read that nothing is left, or wrote so on the pod.
fn drained(pod: &Pod, record: &Record, now: Time) -> bool {
    let Some((at, NodeState::Drained, false)) = record.answer() else {
        return false;
    };
    let since = unbroken(record);
    let read = record
        .told
        .iter()
        .any(|told| told.complete && !told.tasks && told.began >= since);
    let proven = record.proofs.iter().any(|proof| *proof >= since);
    let noted = pod.notes.drained.as_ref();
    let announced = noted.is_some_and(|noted| pod.running() == Some(noted.container.as_str()));
    now.since(at) <= Duration::from_secs(2) && (read || proven || announced)
}

/// When the answers that it is DRAINED began that no other answer follows.
fn unbroken(record: &Record) -> Time {
    let answers = record
        .looks
        .iter()
        .rev()
        .filter_map(|(at, said)| match said {
            Said::State { state, .. } => Some((*at, *state)),
            _ => None,
        });
    let drained = answers.take_while(|(_, state)| *state == NodeState::Drained);
    drained.map(|(at, _)| at).last().unwrap_or_default()
}

/// It drains, and for long no complete cycle told of a task.
fn leaked(record: &Record, now: Time, span: Duration) -> bool {
    let draining = matches!(record.answer(), Some((_, NodeState::Draining, false)));
    let clear = record
        .told
        .iter()
        .filter(|told| told.complete && !told.tasks);
    let long = clear.clone().any(|told| now.since(told.began) >= span);
    draining && long && clear.count() >= 2
}

/// Nothing runs; or its port refused long ago and refuses still, and the kubelet does not call it Ready.
fn dead(pod: &Pod, record: &Record, now: Time) -> bool {
    let ended = pod.running().is_none() || pod.node.is_none();
    let refusals = record
        .looks
        .iter()
        .rev()
        .take_while(|(_, said)| *said == Said::Refused);
    let first = refusals.map(|(at, _)| *at).last();
    let long = first.is_some_and(|first| now.since(first) >= Duration::from_secs(60));
    ended || (long && !pod.ready)
}

/// It says so or its port refuses, lately, and no task was ever told of.
fn starting(record: &Record, now: Time, fresh: Duration) -> bool {
    let last = record.looks.last();
    let lately = last.is_some_and(|(at, _)| now.since(*at) <= fresh);
    let says = last.is_some_and(|(_, said)| {
        matches!(said, Said::Refused | Said::State { starting: true, .. })
    });
    lately && says && !record.had_task()
}

/// Somebody wrote an order that holds now, with a reason.
fn glass(pod: &Pod, now: Time, longest: Duration) -> bool {
    let skew = Duration::from_secs(10);
    match &pod.notes.break_glass {
        Some(Override::Until { end, reason }) => {
            let holds = *end + skew >= now && *end <= now + longest + skew;
            holds && reason.chars().count() >= 10
        }
        _ => false,
    }
}

/// It was refused for long.
fn refused(pod: &Pod, now: Time, span: Duration) -> bool {
    let since = pod.notes.blocked_since;
    since.is_some_and(|since| now.since(since) >= span)
}

/// For long nobody could reach it and the kubelet does not call it Ready; or it has said DRAINED for as long and nobody
/// could say what is left.
fn unknown(pod: &Pod, record: &Record, now: Time, span: Duration) -> bool {
    let answered = |said: &Said| matches!(said, Said::State { .. });
    let failures = record
        .looks
        .iter()
        .rev()
        .take_while(|(_, said)| !answered(said));
    let first = failures.map(|(at, _)| *at).last();
    let silent = first.is_some_and(|first| now.since(first) >= span) && !pod.ready;
    let drained = matches!(record.answer(), Some((_, NodeState::Drained, false)));
    silent || (drained && now.since(unbroken(record)) >= span)
}

/// Two complete cycles without tasks, both after the first refusal.
fn twice_without_tasks(pod: &Pod, record: &Record) -> bool {
    let Some(refused) = pod.notes.blocked_since else {
        return false;
    };
    let clear = record
        .told
        .iter()
        .filter(|told| told.complete && !told.tasks);
    clear.filter(|told| told.began >= refused).count() >= 2
}
