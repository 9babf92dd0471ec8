//! What the leader does next: which workers it drains, proves drained, announces, evicts and takes back, and what it tells
//! people. Reads what Kubernetes says (our annotations above all), what was seen of Trino, and what this leader remembers;
//! answers plain actions that somebody else performs. Never answers a request, and never makes a removal safe by itself:
//! whatever it does, each removal is judged when it is asked for.
//!
//! Where evidence is missing or old, each rule takes the answer that loses no work:
//!
//! | question | without an answer |
//! |---|---|
//! | does this worker serve, when another is to be drained | no |
//! | does it serve, when a drain is to be taken back for the queries | yes |
//! | has the coordinator unfinished queries, when the last workers are to be drained | yes |
//! | has it any, when a drain is to be taken back for them | none |
//! | is the worker busy, when costs are written | yes |
//! | may a worker be told DRAINING that was never heard | while the kubelet calls it Ready; its state is asked first |
//! | does its new container say ACTIVE, when a drain is to be forgotten | no: it is told again |
//! | is the pod's controller gone | only if somebody was refused the pod |
//! | does the namespace enforce | nothing is done, and nothing is cleaned |
//! | may workers be drained at all | the probe is asked; without an answer in 10 s the drain is tried |

mod action;
pub mod bands;
mod begin;
mod choice;
mod coordinator;
mod crew;
mod events;
mod giveback;
mod hints;
mod kick;
mod memory;
mod seen;
mod surplus;
mod want;

#[cfg(test)]
pub(crate) mod scene;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::class::View;
use super::facts::place::Mode;
use super::facts::pod::{ClusterId, Pod, Role};

pub use action::{Action, HintStep, Reason, Subject};
use crew::Crew;
pub use giveback::is_marked;
pub use memory::Memory;

/// What to do now: at most one action per pod, Events apart, those that came first in the queue first. Call it after
/// changes and at least once a second. An action whose effect is not seen is repeated after a pause.
#[must_use]
pub fn plan(view: &View<'_>, memory: &mut Memory) -> Vec<Action> {
    memory.observe(view);
    let world = view.world;
    let mut actions = Vec::new();
    for cluster in world.clusters() {
        let Some(namespace) = world.namespace(&cluster.namespace) else {
            continue;
        };
        match namespace.mode {
            _ if namespace.terminating => {}
            Some(Mode::Enforce) => actions.extend(enforce(*view, cluster, memory)),
            Some(Mode::Audit) => {
                let crew = Crew::muster(*view, cluster, memory);
                actions.extend(begin::probe(&crew, memory));
                actions.extend(events::of_cluster(&crew, memory));
                actions.extend(clean(view, cluster, memory));
            }
            None => actions.extend(clean(view, cluster, memory)),
        }
    }
    memory.settle();
    actions
}

/// What to do now to leave nothing of ours behind anywhere; over when it answers nothing and no pod carries
/// [`returning`](crate::api::keys::RETURNING).
#[must_use]
pub fn cleanup(view: &View<'_>, memory: &mut Memory) -> Vec<Action> {
    memory.observe(view);
    let clusters = view.world.clusters();
    let actions = clusters.flat_map(|cluster| clean(view, cluster, memory));
    actions.collect()
}

fn enforce<'a>(view: View<'a>, cluster: &'a ClusterId, memory: &mut Memory) -> Vec<Action> {
    let world = view.world;
    let crew = Crew::muster(view, cluster, memory);
    let mut actions: Vec<_> = begin::probe(&crew, memory).into_iter().collect();
    actions.extend(workers(&crew, memory));
    let coordinators: Vec<_> = world.members(cluster, Role::Coordinator).collect();
    for pod in &coordinators {
        actions.extend(coordinator::step(&view, memory, pod));
    }
    for pod in crew.pods.iter().chain(&coordinators) {
        actions.extend(events::of_pod(&crew, memory, pod));
    }
    actions.extend(events::of_cluster(&crew, memory));
    actions
}

/// Drains to begin in the order of the queue, then whatever else is due, pod by pod.
fn workers(crew: &Crew<'_>, memory: &mut Memory) -> Vec<Action> {
    let demanded = giveback::demanded(crew, memory).or_else(|| begin::in_the_way(crew, memory));
    let begun = begin::begin(crew, memory);
    let taken: BTreeSet<_> = begun.iter().map(|(uid, _)| *uid).collect();
    let crowded = surplus::crowded(crew, memory);
    let is_crowded = |pod: &Pod| {
        let owners = [
            crew.view.world.controller(pod),
            crew.view.world.workload_of(pod),
        ];
        let mut owners = owners.into_iter().flatten();
        owners.any(|owner| crowded.contains(owner.uid.as_str()))
    };
    let rest = crew
        .pods
        .iter()
        .filter(|pod| !taken.contains(pod.uid.as_str()));
    let rest = rest.filter_map(|pod| {
        let demanded = demanded == Some(pod.uid.as_str());
        worker(crew, memory, pod, demanded, is_crowded(pod))
    });
    let rest: Vec<_> = rest.collect();
    begun
        .into_iter()
        .map(|(_, action)| action)
        .chain(rest)
        .collect()
}

/// The most pressing thing that is due for one worker.
fn worker(
    crew: &Crew<'_>,
    memory: &mut Memory,
    pod: &Pod,
    demanded: bool,
    crowded: bool,
) -> Option<Action> {
    if pod.deleting.is_some() {
        return None;
    }
    giveback::step(crew, memory, pod, demanded)
        .or_else(|| kick::kick(crew, memory, pod))
        .or_else(|| kick::evict(&crew.view, memory, pod, crew.is_free(pod)))
        .or_else(|| kick::prove(crew, memory, pod))
        .or_else(|| kick::cost(crew, memory, pod, crowded))
        .or_else(|| hints::hint(crew, memory, pod))
}

fn clean<'a>(view: &View<'a>, cluster: &'a ClusterId, memory: &mut Memory) -> Vec<Action> {
    let world = view.world;
    let pods = [Role::Worker, Role::Coordinator];
    let pods = pods
        .into_iter()
        .flat_map(|role| world.members(cluster, role));
    pods.filter_map(|pod| giveback::clean(view, memory, pod))
        .collect()
}
