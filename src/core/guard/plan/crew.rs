//! The workers of one cluster as the leader sees them for the length of one plan: which are wanted gone, which serve,
//! which are ours. Answers questions; acts on none.

use crate::core::guard::class::{Class, View};
use crate::core::guard::evidence::Answer;
use crate::core::guard::facts::pod::{ClusterId, Pod, Role};
use crate::core::guard::fleet::Serving;
use crate::core::guard::gate::{Gate, Patience, Why};
use crate::core::guard::map::Map;
use crate::core::guard::notes::Drain;
use crate::core::guard::time::Time;

use super::memory::Memory;
use super::want::{self, Wanted};

/// One cluster's workers.
pub(super) struct Crew<'a> {
    pub view: View<'a>,
    pub cluster: &'a ClusterId,
    /// In the order of their UIDs.
    pub pods: Vec<&'a Pod>,
    /// Those that are wanted gone, by UID.
    pub wanted: Map<&'a str, Wanted>,
    /// How many there are meant to be.
    pub target: u32,
    known: Map<&'a str, Known>,
    serving: Serving<'a>,
}

/// What is known of one worker, judged once for the whole plan.
struct Known {
    class: Class,
    gate: Gate,
    free: bool,
    serves: bool,
}

impl<'a> Crew<'a> {
    pub fn muster(view: View<'a>, cluster: &'a ClusterId, memory: &Memory) -> Self {
        let world = view.world;
        let pods: Vec<_> = world.members(cluster, Role::Worker).collect();
        let serving = Serving::new(view, cluster);
        let unheld = !view.is_cluster(cluster);
        let know = |pod: &&'a Pod| (pod.uid.as_str(), Known::of(&view, pod, &serving, unheld));
        let known = pods.iter().map(know).collect();
        let mut crew = Self {
            view,
            cluster,
            pods,
            wanted: Map::default(),
            target: 0,
            known,
            serving,
        };
        crew.target = want::target(&crew, memory);
        crew.wanted = want::all(&crew, memory);
        crew
    }

    /// One pod that nobody lets go, whatever is known of the others.
    pub fn alone(view: View<'a>, pod: &'a Pod) -> Self {
        Self {
            view,
            cluster: &pod.cluster,
            pods: vec![pod],
            wanted: Map::default(),
            target: 0,
            known: Map::default(),
            serving: Serving::new(view, &pod.cluster),
        }
    }

    /// Whether a pod may be removed, by whoever asks.
    pub fn gate(&self, pod: &Pod) -> Gate {
        match self.known(pod) {
            Some(known) => known.gate.clone(),
            None => Known::of(&self.view, pod, &self.serving, false).gate,
        }
    }

    /// What is known of a pod.
    pub fn class(&self, pod: &Pod) -> Class {
        let known = self.known(pod);
        known.map_or_else(|| self.view.class(pod), |known| known.class)
    }

    /// Whether a pod serves.
    pub fn is_serving(&self, pod: &Pod) -> bool {
        let known = self.known(pod);
        known.map_or_else(|| self.view.is_serving(pod), |known| known.serves)
    }

    fn known(&self, pod: &Pod) -> Option<&Known> {
        self.known.get(pod.uid.as_str())
    }

    /// Whether a pod is wanted gone.
    pub fn wants(&self, pod: &Pod) -> bool {
        self.wanted.contains_key(pod.uid.as_str())
    }

    /// Whether it is wanted gone, and nobody waits for that now.
    pub fn is_unawaited(&self, pod: &Pod) -> bool {
        let wanted = self.wanted.get(pod.uid.as_str());
        wanted.is_some_and(|wanted| wanted.unawaited)
    }

    /// The record of a drain of ours on the container that runs now.
    pub fn record<'p>(&self, pod: &'p Pod) -> Option<&'p Drain> {
        self.view.record(pod)?;
        pod.notes.drain.as_ref()
    }

    /// Whether a pod may go, if need be after one more look at it.
    pub fn is_free(&self, pod: &Pod) -> bool {
        self.known(pod).is_some_and(|known| known.free)
    }

    /// Whether somebody ordered that it may go.
    pub fn is_ordered(&self, pod: &Pod) -> bool {
        matches!(self.gate(pod), Gate::Open(Why::BreakGlass { .. }))
    }

    /// Whether its removal was refused, and that still counts.
    pub fn is_refused(&self, pod: &Pod, memory: &Memory) -> bool {
        let want = pod.notes.want.as_ref();
        want.is_some_and(|want| self.wants(pod) || want::is_live(&self.view, memory, pod, want))
    }

    /// Whether it carries a lower number of replicas that was refused and still counts: the only place where that is
    /// written down.
    pub fn carries_target(&self, pod: &Pod, memory: &Memory) -> bool {
        let want = pod.notes.want.as_ref();
        want.is_some_and(|want| want::number(&self.view, memory, pod, want).is_some())
    }

    /// The last answer of the container that runs now.
    pub fn answer(&self, pod: &Pod) -> Option<Answer> {
        self.view.evidence.worker(pod)?.answer
    }

    /// The same, unless a later attempt failed or it is too old to say what is now.
    pub fn fresh_answer(&self, pod: &Pod) -> Option<Answer> {
        let seen = self.view.evidence.worker(pod)?;
        let fresh = self.view.policy.bounds.fresh;
        let answer = seen.answer.filter(|_| seen.failing.is_none())?;
        (self.view.now.since(answer.at) <= fresh).then_some(answer)
    }

    /// Whether the coordinator certainly has no unfinished query: a fresh list says so, or it does not run.
    pub fn is_without_queries(&self) -> bool {
        let list = self.view.evidence.cluster(self.cluster).list;
        let fresh = self.view.policy.bounds.fresh;
        let empty =
            list.is_some_and(|list| list.unfinished == 0 && self.view.now.since(list.at) <= fresh);
        empty || self.view.is_headless(self.cluster)
    }

    /// Whether the coordinator has unfinished queries, as far as the last list says. An unknown number is none that
    /// anything could be started for.
    pub fn has_queries(&self) -> bool {
        let list = self.view.evidence.cluster(self.cluster).list;
        list.is_some_and(|list| list.unfinished > 0) && !self.view.is_headless(self.cluster)
    }

    /// When the last stretch before a pod's final bound begins, in which not even `minActive` holds it.
    pub fn last_stretch(&self, pod: &Pod) -> Option<Time> {
        let expected = self.view.policy.bounds.drain_expected;
        Some(self.view.latest(pod)?.before(expected))
    }

    /// Whether a pod is in it.
    pub fn is_last_stretch(&self, pod: &Pod) -> bool {
        let begins = self.last_stretch(pod);
        begins.is_some_and(|begins| self.view.now >= begins)
    }
}

impl Known {
    /// `unheld`: where there is no coordinator nothing is held.
    fn of(view: &View<'_>, pod: &Pod, serving: &Serving<'_>, unheld: bool) -> Self {
        let class = view.class(pod);
        let gate = view.gate_among(pod, class, Patience::Ordinary, serving);
        let free = unheld || matches!(gate, Gate::Open(_) | Gate::Look);
        let serves = view.is_serving(pod);
        Self {
            class,
            gate,
            free,
            serves,
        }
    }
}
