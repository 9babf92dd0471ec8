//! What only this leader remembers: what it tried and when, which changes it saw happen, what it announced. A new leader
//! starts with nothing of it, and then waits longer or repeats itself, and is never less careful: everything that safety
//! needs is in the annotations.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::guard::class::View;
use crate::core::guard::facts::place::Node;
use crate::core::guard::facts::pod::{ClusterId, Pod};
use crate::core::guard::map::Map;
use crate::core::guard::notes::{Cause, Want};
use crate::core::guard::time::Time;

use super::action::Reason;
use super::kick::REPEATS;
use super::seen::{NodeMemory, Replicas, Rhythm};

/// What a leader remembers between plans.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pods: Map<String, PodMemory>,
    nodes: Map<String, NodeMemory>,
    replicas: Map<String, Replicas>,
    probes: Map<ClusterId, Time>,
    /// What was announced of pods and workloads, by UID.
    announced: Map<String, BTreeSet<Reason>>,
    /// The first plan is over: what begins to hold from now on is news.
    settled: bool,
}

/// A kind of attempt at a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Try {
    Begin,
    Prove,
    Evict,
    Cost,
    Hint,
    Return,
    PutActive,
    Forget,
    Clean,
}

/// What is remembered of a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct PodMemory {
    tried: BTreeMap<Try, Time>,
    rhythm: Option<Rhythm>,
    /// Since when nobody has wanted it gone.
    pub unwanted: Option<Time>,
    /// The kicks since it last became free.
    pub kicks: Option<Kicks>,
    /// The stay in DRAINED that was asked about.
    pub proving: Option<Time>,
}

/// A series of kicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kicks {
    pub count: u32,
    pub last: Time,
}

impl Memory {
    /// Takes in what changed since the last plan, and forgets what is gone.
    pub(super) fn observe(&mut self, view: &View<'_>) {
        let world = view.world;
        self.pods.retain(|uid, _| world.pod_by_uid(uid).is_some());
        self.nodes.retain(|name, _| world.node(name).is_some());
        let is_known = |uid: &str| world.workload_by_uid(uid).is_some();
        self.replicas.retain(|uid, _| is_known(uid));
        self.announced
            .retain(|uid, _| world.pod_by_uid(uid).is_some() || is_known(uid));
        for pod in world.pods() {
            self.observe_pod(pod);
            if let Some((name, node)) = pod.node.as_ref().zip(node_of(view, pod)) {
                self.observe_node(name, node, view.now);
            }
        }
        for workload in world.workloads() {
            self.observe_replicas(&workload.uid, workload.replicas, view.now);
        }
    }

    fn observe_pod(&mut self, pod: &Pod) {
        if let Some(want) = &pod.notes.want {
            Rhythm::hear(&mut self.pod(&pod.uid).rhythm, want.at);
        }
    }

    /// Of a node that never left nothing needs to be known.
    fn observe_node(&mut self, name: &str, node: &Node, now: Time) {
        match self.nodes.get_mut(name) {
            Some(memory) => memory.observe(node, now),
            None if node.cordoned || node.announced.is_some() => {
                let memory = self.nodes.entry(name.to_owned()).or_default();
                memory.observe(node, now);
            }
            None => {}
        }
    }

    fn observe_replicas(&mut self, uid: &str, count: u32, now: Time) {
        match self.replicas.get_mut(uid) {
            Some(seen) => seen.observe(count, now),
            None => {
                self.replicas.insert(uid.to_owned(), Replicas::of(count));
            }
        }
    }

    /// Whether an attempt at a pod was made so recently.
    pub(super) fn within(&self, uid: &str, what: Try, span: Duration, now: Time) -> bool {
        let memory = self.pods.get(uid);
        memory.is_some_and(|memory| memory.within(what, span, now))
    }

    /// Takes in that a pod is wanted, or carries nothing of ours.
    pub(super) fn calm(&mut self, uid: &str) {
        if let Some(memory) = self.pods.get_mut(uid) {
            memory.unwanted = None;
        }
    }

    /// Whether kicks of a pod go on.
    pub(super) fn is_kicked(&self, uid: &str) -> bool {
        let memory = self.pods.get(uid);
        memory.is_some_and(|memory| memory.kicks.is_some())
    }

    /// Ends a series of kicks.
    pub(super) fn end_kicks(&mut self, uid: &str) {
        if let Some(memory) = self.pods.get_mut(uid) {
            memory.kicks = None;
        }
    }

    /// What is remembered of a pod.
    pub(super) fn pod(&mut self, uid: &str) -> &mut PodMemory {
        self.pods.entry(uid.to_owned()).or_default()
    }

    /// Whether a pod was kicked as often as kicks are repeated.
    pub(super) fn is_kicked_out(&self, uid: &str) -> bool {
        let kicks = self.pods.get(uid).and_then(|memory| memory.kicks);
        kicks.is_some_and(|kicks| kicks.count as usize > REPEATS.len())
    }

    /// When a workload's replicas were raised last, as far as seen.
    pub(super) fn raised(&self, workload: &str) -> Option<Time> {
        self.replicas.get(workload)?.raised
    }

    /// Since when a node has been cordoned, as far as seen.
    pub(super) fn cordoned(&self, node: &str) -> Option<Time> {
        self.nodes.get(node)?.cordoned
    }

    /// When a node was seen to stay after all.
    pub(super) fn stayed(&self, node: &str) -> Option<Time> {
        self.nodes.get(node)?.stayed
    }

    /// When a poller's silence ended its want: five of its intervals after the last refusal. `None` while nobody can
    /// tell, as after a single refusal.
    pub(super) fn silence(&self, pod: &Pod, want: &Want) -> Option<Time> {
        const SILENT: u32 = 5;
        let polls = matches!(want.cause, Cause::Evict | Cause::Scale);
        let rhythm = self.pods.get(&pod.uid)?.rhythm.filter(|_| polls)?;
        Some(want.at + rhythm.interval()? * SILENT)
    }

    /// When a cluster's drain permission was asked for last.
    pub(super) fn probed(&self, cluster: &ClusterId) -> Option<Time> {
        self.probes.get(cluster).copied()
    }

    pub(super) fn probe(&mut self, cluster: &ClusterId, now: Time) {
        self.probes.insert(cluster.clone(), now);
    }

    /// Takes in what holds of a pod or a workload now; answers what is new. Of what a new leader finds, nothing is.
    pub(super) fn news(&mut self, uid: &str, holds: BTreeSet<Reason>) -> Vec<Reason> {
        let known = self.announced.remove(uid).unwrap_or_default();
        let news: Vec<_> = holds.difference(&known).copied().collect();
        if !holds.is_empty() {
            self.announced.insert(uid.to_owned(), holds);
        }
        if self.settled { news } else { Vec::new() }
    }

    /// Ends the first plan.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }
}

impl PodMemory {
    /// Whether an attempt may be made now, `pause` after the one before; if so it counts as made.
    pub(super) fn attempt(&mut self, what: Try, pause: Duration, now: Time) -> bool {
        let due = !self.within(what, pause, now);
        if due {
            self.tried.insert(what, now);
        }
        due
    }

    fn within(&self, what: Try, span: Duration, now: Time) -> bool {
        let last = self.tried.get(&what);
        last.is_some_and(|last| now.since(*last) < span)
    }
}

/// The node that a pod is bound to, as far as known.
pub(super) fn node_of<'a>(view: &View<'a>, pod: &Pod) -> Option<&'a Node> {
    let world = view.world;
    world.node(pod.node.as_deref()?)
}
