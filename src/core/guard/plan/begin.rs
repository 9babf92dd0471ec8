//! Which drains begin now: the queue of wanted workers against the floor. Draining the last workers kills queries too,
//! so whoever is not known to serve counts as not serving, and an unknown number of queries is some.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::guard::bounds::CALM;
use crate::core::guard::evidence::DrainPower;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::mutant::{self, Mutant};
use crate::core::guard::notes::Drain;
use crate::core::guard::time::Time;
use crate::trino::words::NodeState;

use super::action::Action;
use super::bands;
use super::crew::Crew;
use super::giveback;
use super::kick;
use super::memory::{Memory, Try};

/// A drain that was begun is tried again after so long, if the worker still says ACTIVE.
const AGAIN: Duration = Duration::from_secs(10);

/// A PUT may be on its way for so long: an earlier ACTIVE says nothing.
const PUT: Duration = Duration::from_secs(2);

/// The drains to begin, in the order of the queue.
pub(super) fn begin<'a>(crew: &Crew<'a>, memory: &mut Memory) -> Vec<(&'a str, Action)> {
    if crew.wanted.is_empty() || !may_drain(crew, memory) {
        return Vec::new();
    }
    let mut serving = serving(crew, memory);
    let mut begun = Vec::new();
    let mut somebody_waits = false;
    for pod in queue(crew) {
        if somebody_waits && crew.is_unawaited(pod) {
            break;
        }
        let serves = usize::from(serving.contains(pod.uid.as_str()));
        let without = serving.len() - serves;
        let without = u32::try_from(without).unwrap_or(u32::MAX);
        let again = crew.record(pod).is_some();
        let may = again || is_above_floor(crew, pod, without) || mutant::is(Mutant::NoFloor);
        somebody_waits |= !may;
        if may
            && memory
                .pod(&pod.uid)
                .attempt(Try::Begin, AGAIN, crew.view.now)
        {
            serving.remove(pod.uid.as_str());
            let last = without < crew.view.min_active(crew.cluster);
            begun.push((pod.uid.as_str(), action(crew, pod, last)));
        }
    }
    begun
}

/// Whether the workers let themselves be drained; where nobody knows it yet, the probe has a moment to find out.
fn may_drain(crew: &Crew<'_>, memory: &Memory) -> bool {
    match crew.view.evidence.cluster(crew.cluster).power {
        DrainPower::Yes => true,
        DrainPower::Forbidden | DrainPower::TooOld => false,
        DrainPower::Unasked => {
            let asked = memory.probed(crew.cluster);
            asked.is_some_and(|asked| crew.view.now.since(asked) >= AGAIN)
        }
    }
}

/// The workers that serve and that nobody began to drain.
fn serving<'a>(crew: &Crew<'a>, memory: &Memory) -> BTreeSet<&'a str> {
    let mut serving = BTreeSet::new();
    for pod in &crew.pods {
        let begun = memory.within(&pod.uid, Try::Begin, AGAIN, crew.view.now);
        if !begun && crew.record(pod).is_none() && crew.is_serving(pod) {
            serving.insert(pod.uid.as_str());
        }
    }
    serving
}

/// The drain that makes way: somebody waits for a worker that the floor keeps, while another was drained for nobody who
/// waits (as on the second of two nodes that `kubectl drain` cordons at once and then drains one after the other, or for
/// a person who asked once and walked away). The newest; none while one comes back already.
pub(super) fn in_the_way<'a>(crew: &Crew<'a>, memory: &Memory) -> Option<&'a str> {
    if crew.wanted.is_empty() {
        return None;
    }
    let serving = serving(crew, memory);
    let waits = |pod: &&Pod| {
        let serves = usize::from(serving.contains(pod.uid.as_str()));
        let without = u32::try_from(serving.len() - serves).unwrap_or(u32::MAX);
        let held = crew.record(pod).is_none() && !is_above_floor(crew, pod, without);
        held && !crew.is_unawaited(pod)
    };
    let comes_back = |pod: &&Pod| giveback::comes_back(crew, memory, pod);
    if !queue(crew).iter().any(waits) || crew.pods.iter().any(comes_back) {
        return None;
    }
    let pods = crew.pods.iter().copied();
    let newest = pods
        .filter(|pod| crew.is_unawaited(pod) && giveback::can_return(crew, pod))
        .max_by_key(|pod| crew.record(pod).map(|drain| (drain.at, &pod.uid)));
    newest.map(|pod| pod.uid.as_str())
}

/// Who could begin, first come first served; behind them, those for whom nobody waits.
fn queue<'a>(crew: &Crew<'a>) -> Vec<&'a Pod> {
    let pods = crew.pods.iter().copied();
    let mut queue: Vec<_> = pods.filter(|pod| can_begin(crew, pod)).collect();
    queue.sort_by_key(|pod| {
        let wanted = crew.wanted.get(pod.uid.as_str());
        let since = wanted.and_then(|wanted| wanted.since);
        let alone = crew.is_unawaited(pod);
        let place = wanted.map(|wanted| wanted.place);
        (alone, since.is_none(), since, place)
    });
    queue
}

/// Wanted, and its container runs and may be asked to leave: it says ACTIVE, or says nothing while the kubelet calls it
/// Ready (whoever performs the action asks again first). A container with our record is begun again only when it said
/// ACTIVE after that; one that drains for somebody else is left alone.
fn can_begin(crew: &Crew<'_>, pod: &Pod) -> bool {
    let steady = pod.is_active() && pod.notes.returning.is_none() && pod.running().is_some();
    if !steady || !crew.wants(pod) || crew.is_free(pod) {
        return false;
    }
    let record = crew.record(pod).map(|drain| drain.at);
    match crew.answer(pod) {
        None => pod.ready && record.is_none(),
        Some(answer) => {
            let after = record.is_none_or(|at| answer.at > at + PUT);
            let active = answer.state == NodeState::Active || mutant::is(Mutant::PutUnasked);
            active && !answer.starting && after
        }
    }
}

/// Whether enough workers serve `without` this one: the share of the target, waived after `maxBlock` in the queue; and
/// `minActive`, waived for whoever waits while there is certainly no unfinished query, and in the last stretch before the
/// final bound: a query may come before the coordinator has noticed.
fn is_above_floor(crew: &Crew<'_>, pod: &Pod, without: u32) -> bool {
    let view = &crew.view;
    let mut floor = view.policy.floor;
    floor.min_active = 0;
    let share = floor.of(crew.target, is_waived(crew, pod));
    let waived = crew.is_without_queries() || crew.is_last_stretch(pod);
    let minimum = without >= view.min_active(crew.cluster)
        || (waived && !crew.is_unawaited(pod))
        || mutant::is(Mutant::NoMinActive);
    without >= share && minimum
}

fn is_waived(crew: &Crew<'_>, pod: &Pod) -> bool {
    let wanted = crew.wanted.get(pod.uid.as_str());
    let queued: Option<Time> = wanted.and_then(|wanted| wanted.since);
    let since = pod.notes.blocked_since.or(queued);
    let bound = crew.view.max_block(pod);
    since.is_some_and(|since| crew.view.now.since(since) >= bound)
}

fn action(crew: &Crew<'_>, pod: &Pod, last: bool) -> Action {
    let container = pod.running().unwrap_or_default().to_owned();
    let at = crew.view.now;
    let ours = pod.cost == 0 || bands::is_ours(pod.cost);
    let cost = (ours && kick::ranks_by_cost(crew, pod)).then_some(bands::DRAINING);
    Action::BeginDrain {
        uid: pod.uid.clone(),
        version: pod.resource_version.clone(),
        drain: Drain { container, at },
        cost,
        last,
    }
}

/// The self test of drain permission: at once where nobody knows, again now and then, since permissions change.
pub(super) fn probe(crew: &Crew<'_>, memory: &mut Memory) -> Option<Action> {
    const OLD: Duration = Duration::from_secs(600);
    let answers = |pod: &&Pod| {
        let answer = crew.fresh_answer(pod);
        answer.is_some_and(|answer| answer.state == NodeState::Active && !answer.starting)
    };
    let unasked = crew.view.evidence.cluster(crew.cluster).power == DrainPower::Unasked;
    let pause = if unasked { CALM / 2 } else { OLD };
    let asked = memory.probed(crew.cluster);
    let due = asked.is_none_or(|asked| crew.view.now.since(asked) >= pause);
    if !due || !crew.pods.iter().copied().any(|pod| answers(&pod)) {
        return None;
    }
    memory.probe(crew.cluster, crew.view.now);
    let cluster = crew.cluster.clone();
    Some(Action::ProbePower { cluster })
}
