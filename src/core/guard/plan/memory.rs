//! What only this leader remembers: what it tried and when, which changes it saw happen, what it announced. A new leader
//! starts with nothing of it, and then waits longer or repeats itself, and is never less careful: everything that safety
//! needs is in the annotations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::core::guard::class::View;
use crate::core::guard::facts::place::{Announced, Node};
use crate::core::guard::facts::pod::{ClusterId, Pod};
use crate::core::guard::notes::{Cause, Want};
use crate::core::guard::time::Time;

use super::action::{Reason, Subject};
use super::kick::REPEATS;

/// What a leader remembers between plans.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pods: HashMap<String, PodMemory>,
    nodes: HashMap<String, NodeMemory>,
    replicas: HashMap<String, Replicas>,
    probes: HashMap<ClusterId, Time>,
    announced: HashMap<Subject, BTreeSet<Reason>>,
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

/// How refusals of one pod follow each other.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    at: Time,
    gap: Option<Duration>,
    before: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default)]
struct NodeMemory {
    /// Since when it has been cordoned.
    cordoned: Option<Time>,
    leaving: bool,
    /// When it stopped leaving.
    stayed: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Replicas {
    count: u32,
    raised: Option<Time>,
}

impl Memory {
    /// Takes in what changed since the last plan, and forgets what is gone.
    pub(super) fn observe(&mut self, view: &View<'_>) {
        let world = view.world;
        self.pods.retain(|uid, _| world.pod_by_uid(uid).is_some());
        self.nodes.retain(|name, _| world.node(name).is_some());
        let is_known = |uid: &str| world.workload_by_uid(uid).is_some();
        self.replicas.retain(|uid, _| is_known(uid));
        self.announced.retain(|about, _| match about {
            Subject::Pod(uid) => world.pod_by_uid(uid).is_some(),
            Subject::Workload(uid) => is_known(uid),
        });
        for pod in world.pods() {
            self.observe_pod(pod);
            if let Some((name, node)) = pod.node.as_ref().zip(node_of(view, pod)) {
                let node_memory = self.nodes.entry(name.clone()).or_default();
                node_memory.observe(node, view.now);
            }
        }
        for workload in world.workloads() {
            self.observe_replicas(&workload.uid, workload.replicas, view.now);
        }
    }

    fn observe_pod(&mut self, pod: &Pod) {
        let memory = self.pods.entry(pod.uid.clone()).or_default();
        if let Some(want) = &pod.notes.want {
            Rhythm::hear(&mut memory.rhythm, want.at);
        }
    }

    fn observe_replicas(&mut self, uid: &str, count: u32, now: Time) {
        let fresh = Replicas {
            count,
            raised: None,
        };
        let seen = self.replicas.entry(uid.to_owned()).or_insert(fresh);
        if count > seen.count {
            seen.raised = Some(now);
        }
        seen.count = count;
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

    /// Takes in what holds of a subject now; answers what is new. Of what a new leader finds, nothing is.
    pub(super) fn news(&mut self, about: &Subject, holds: BTreeSet<Reason>) -> Vec<Reason> {
        let known = self.announced.get(about);
        let news = known.map(|known| holds.difference(known).copied().collect());
        self.announced.insert(about.clone(), holds);
        news.unwrap_or_default()
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

    /// Whether an attempt was made so recently.
    pub(super) fn within(&self, what: Try, span: Duration, now: Time) -> bool {
        let last = self.tried.get(&what);
        last.is_some_and(|last| now.since(*last) < span)
    }
}

impl Rhythm {
    fn hear(rhythm: &mut Option<Self>, at: Time) {
        match rhythm {
            Some(known) if at > known.at => {
                known.before = known.gap;
                known.gap = Some(at.since(known.at));
                known.at = at;
            }
            Some(_) => {}
            None => {
                *rhythm = Some(Self {
                    at,
                    gap: None,
                    before: None,
                });
            }
        }
    }

    /// The longer of the last two gaps, if they are alike.
    fn interval(&self) -> Option<Duration> {
        let (one, other) = (self.gap?, self.before?);
        let (short, long) = (one.min(other), one.max(other));
        (long <= short * 2).then_some(long)
    }
}

impl NodeMemory {
    fn observe(&mut self, node: &Node, now: Time) {
        let announced = matches!(
            node.announced,
            Some(Announced::ClusterAutoscaler | Announced::Karpenter)
        );
        self.cordoned = if node.cordoned {
            self.cordoned.or(Some(now))
        } else {
            None
        };
        let leaving = node.cordoned || announced;
        if self.leaving && !leaving {
            self.stayed = Some(now);
        }
        self.leaving = leaving;
    }
}

/// The node that a pod is bound to, as far as known.
pub(super) fn node_of<'a>(view: &View<'a>, pod: &Pod) -> Option<&'a Node> {
    let world = view.world;
    world.node(pod.node.as_deref()?)
}
