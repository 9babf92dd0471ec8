//! The pod gate: whether one worker may be removed now, and if not, what is in the way. The same predicate wherever
//! several pods are judged, and for the leader's own evictions. Knows nothing of requests, grants or effects.

use std::time::Duration;

use super::bounds::{LOOK, SKEW, STARTS};
use super::class::{Class, View};
use super::evidence::Risk;
use super::facts::pod::{ClusterId, Pod, Role};
use super::facts::workload::Workload;
use super::fleet::Serving;
use super::mutant::{self, Mutant};
use super::notes::Override;
use super::time::Time;

/// Whether a worker may be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Open(Why),
    /// Yes, if it still says what it said when it is asked now: DRAINED, or that it is starting.
    Look,
    /// No.
    Shut(Barrier),
}

/// Why a worker may be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is being deleted already.
    Deleting,
    /// Somebody who may do so ordered it.
    BreakGlass {
        /// Until when.
        end: Time,
        /// Why.
        reason: String,
    },
    /// It is dead.
    Dead,
    /// It has not begun to work.
    Starting,
    /// It holds nothing any more.
    Drained,
    /// What it still waits for belongs to no query.
    Leaked,
    /// Its runtime is being suspended and its coordinator is gone.
    Suspending,
    /// The guard may not drain it, and it was idle twice.
    Relaxed {
        /// Whether its preStop hook and grace let it finish what it may still get.
        covered: bool,
    },
    /// Nothing could be known of it for `unknownMax`.
    Unreachable,
    /// It is DRAINED, and its coordinator could not be read for `unknownMax`.
    Unproven,
    /// `maxBlock` is over.
    MaxBlock,
    /// Twice `maxBlock` is over.
    FinalBound,
}

/// What keeps a worker from being removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// Something is at risk on it.
    Busy(Risk),
    /// Nothing is, but it was not drained.
    Idle,
    /// It drains, and nothing is known to be at risk any more.
    Draining,
    /// It is DRAINED, but its coordinator has not confirmed that nothing is left.
    Unproven,
    /// It starts, and may have work before it hears that it is to end.
    Starting,
    /// Nothing is known.
    Unknown,
    /// Its drain is being taken back.
    Returning,
    /// A break-glass annotation that does not count.
    BadOverride(String),
}

/// Who asks, as far as bounds differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    /// `maxBlock`.
    #[default]
    Ordinary,
    /// `preemption.maxBlock`.
    Preemption,
    /// None: the operator waits.
    Endless,
}

impl View<'_> {
    /// Whether a worker may be removed.
    #[must_use]
    pub fn gate(&self, pod: &Pod, patience: Patience) -> Gate {
        let serve = |least| self.has_serving(&pod.cluster, pod, least);
        self.gate_where(pod, self.class(pod), patience, &serve)
    }

    /// The same, for whoever judges many workers of one cluster at the same moment and knows their classes.
    #[must_use]
    pub fn gate_among(
        &self,
        pod: &Pod,
        class: Class,
        patience: Patience,
        serving: &Serving,
    ) -> Gate {
        let serve = |least| serving.has_without(pod, least);
        self.gate_where(pod, class, patience, &serve)
    }

    /// `serve`: whether at least so many others serve.
    fn gate_where(
        &self,
        pod: &Pod,
        class: Class,
        patience: Patience,
        serve: &dyn Fn(u32) -> bool,
    ) -> Gate {
        if pod.deleting.is_some() {
            return Gate::Open(Why::Deleting);
        }
        let glass = self.break_glass(pod);
        if let Glass::Broken { end, reason } = glass {
            return Gate::Open(Why::BreakGlass { end, reason });
        }
        let by_bound = || self.by_bound(pod, class, patience, serve);
        let gate = match self.by_class(pod, class) {
            // Whoever does not answer is not waited for beyond any bound.
            Some(Gate::Look) if self.is_failing(pod) => by_bound().or(Some(Gate::Look)),
            None => by_bound(),
            decided => decided,
        };
        match (gate, glass) {
            (Some(gate), _) => gate,
            (None, Glass::Flawed(what)) => Gate::Shut(Barrier::BadOverride(what)),
            (None, _) => Gate::Shut(self.barrier(pod, class)),
        }
    }

    /// Whether a worker may be removed, by whoever asks.
    #[must_use]
    pub fn is_allowable(&self, pod: &Pod) -> bool {
        matches!(self.gate(pod, Patience::Ordinary), Gate::Open(_))
    }

    /// The bound on refusing a pod's removal: the pod's workload's own, else the policy's.
    #[must_use]
    pub fn max_block(&self, pod: &Pod) -> Duration {
        let own = self
            .world
            .workload_of(pod)
            .and_then(|workload| workload.tuning.max_block);
        own.unwrap_or(self.policy.bounds.max_block)
    }

    /// When a caller gets a pod at the latest if it is refused now; `None` for the operator, who waits without bound.
    #[must_use]
    pub fn latest_for(&self, pod: &Pod, patience: Patience) -> Option<Time> {
        let last = self
            .limit(pod, patience)
            .and(self.limit(pod, Patience::Ordinary))?;
        Some(pod.notes.blocked_since.unwrap_or(self.now) + last * 2)
    }

    /// When a pod is let go at the latest; `None` while it was never refused.
    #[must_use]
    pub fn latest(&self, pod: &Pod) -> Option<Time> {
        let refused = pod.notes.blocked_since?;
        Some(refused + self.longest(pod))
    }

    /// How long a pod is refused at most, from the first time.
    fn longest(&self, pod: &Pod) -> Duration {
        match pod.role {
            Role::Worker => self.max_block(pod) * 2,
            Role::Coordinator => self.coordinator_max_block(pod),
        }
    }

    /// The same bound for a coordinator.
    #[must_use]
    pub fn coordinator_max_block(&self, pod: &Pod) -> Duration {
        let own = self
            .world
            .workload_of(pod)
            .and_then(|workload| workload.tuning.max_block);
        own.unwrap_or(self.policy.bounds.coordinator_max_block)
    }
}

/// A break-glass annotation, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glass {
    /// There is none, or it is over.
    None,
    /// It is in force.
    Broken {
        /// Until when.
        end: Time,
        /// Why.
        reason: String,
    },
    /// It does not count, and this is why.
    Flawed(String),
}

impl View<'_> {
    /// What a break-glass annotation on a pod, its workload or its namespace says now.
    #[must_use]
    pub fn break_glass(&self, pod: &Pod) -> Glass {
        let own = pod.notes.break_glass.as_ref();
        self.break_glass_on(own, self.world.workload_of(pod), &pod.name.namespace)
    }

    /// What break-glass annotations say now: a pod's own, its workload's, its namespace's.
    #[must_use]
    pub fn break_glass_on(
        &self,
        own: Option<&Override>,
        workload: Option<&Workload>,
        namespace: &str,
    ) -> Glass {
        let workload = workload.and_then(|workload| workload.tuning.break_glass.as_ref());
        let namespace = self.world.namespace(namespace);
        let namespace = namespace.and_then(|namespace| namespace.break_glass.as_ref());
        let all = [own, workload, namespace];
        let mut flawed = None;
        for glass in all
            .into_iter()
            .flatten()
            .map(|text| self.judge_override(text))
        {
            match glass {
                Glass::Broken { .. } => return glass,
                Glass::Flawed(what) => flawed = flawed.or(Some(what)),
                Glass::None => {}
            }
        }
        flawed.map_or(Glass::None, Glass::Flawed)
    }

    fn judge_override(&self, text: &Override) -> Glass {
        match text {
            Override::Malformed(what) => Glass::Flawed(what.clone()),
            Override::Until { end, .. }
                if *end > self.now + self.policy.bounds.override_max + SKEW =>
            {
                Glass::Flawed(format!("its end, {end}, is too far ahead"))
            }
            Override::Until { end, .. } if *end + SKEW < self.now => Glass::None,
            Override::Until { end, reason } => Glass::Broken {
                end: *end,
                reason: reason.clone(),
            },
        }
    }

    /// What the state of a worker allows by itself.
    fn by_class(&self, pod: &Pod, class: Class) -> Option<Gate> {
        let open = |why| Some(Gate::Open(why));
        match class {
            Class::Dead => return open(Why::Dead),
            // It may begin to work at any moment, and then it must be drained.
            Class::Starting if !self.is_far_from_work(pod) => return None,
            // It may have gone on since: only its last word counts.
            Class::Starting if self.asked_within(pod, STARTS) => return open(Why::Starting),
            Class::Starting => return Some(Gate::Look),
            _ if self.is_suspended(pod) => return open(Why::Suspending),
            // What is being taken back may get work at any moment.
            _ if pod.notes.returning.is_some() && !mutant::is(Mutant::IgnoreReturning) => {
                return None;
            }
            Class::Drained { looked: true } => return open(Why::Drained),
            Class::Drained { looked: false } => return Some(Gate::Look),
            Class::Leaked => return open(Why::Leaked),
            Class::Idle if mutant::is(Mutant::TrustIdle) => return open(Why::Drained),
            Class::Unknown if mutant::is(Mutant::UnknownAsZero) => return open(Why::Drained),
            Class::Busy(_) | Class::Idle | Class::Unknown => {}
        }
        if self.cannot_drain(&pod.cluster) && self.is_idle_twice(pod) {
            let covered = self.is_covered(pod);
            return open(Why::Relaxed { covered });
        }
        match self.is_unprovable(pod) {
            true if self.answered_within(pod, LOOK) => open(Why::Unproven),
            true => Some(Gate::Look),
            false => None,
        }
    }

    /// Whether the last look at a worker brought no answer.
    fn is_failing(&self, pod: &Pod) -> bool {
        let seen = self.evidence.worker(pod);
        seen.is_some_and(|seen| seen.failing.is_some())
    }

    /// Whether a worker that starts can't serve before it hears that it is to end: its port is not even open; or it has
    /// been starting for as long as a worker of which nothing is known is kept.
    fn is_far_from_work(&self, pod: &Pod) -> bool {
        let silent = self
            .evidence
            .worker(pod)
            .is_some_and(|seen| seen.refusing.is_some());
        let long = |since: Time| self.now.since(since) >= self.unknown_max(pod);
        silent || pod.started().is_some_and(long) || mutant::is(Mutant::TrustStarting)
    }

    /// What time allows.
    fn by_bound(
        &self,
        pod: &Pod,
        class: Class,
        patience: Patience,
        serve: &dyn Fn(u32) -> bool,
    ) -> Option<Gate> {
        let unreachable = self.unreachable_since(pod);
        let long = unreachable.is_some_and(|since| self.now.since(since) >= self.unknown_max(pod));
        // What is known to be at risk never becomes unknown.
        if long && !matches!(class, Class::Busy(_)) {
            return Some(Gate::Open(Why::Unreachable));
        }
        let refused = pod.notes.blocked_since?;
        let limit = self.limit(pod, patience)?;
        let last = self.limit(pod, Patience::Ordinary)? * 2;
        let over = |since: Time, limit: Duration| self.now.since(since) >= limit;
        if over(refused, last) {
            return Some(Gate::Open(Why::FinalBound));
        }
        let clock = self.clock(pod, refused, patience)?;
        let after = || serve(self.floor(&pod.cluster, true));
        (over(clock, limit) && after()).then_some(Gate::Open(Why::MaxBlock))
    }

    /// The bound on refusing a pod's removal to this caller.
    fn limit(&self, pod: &Pod, patience: Patience) -> Option<Duration> {
        let bounds = &self.policy.bounds;
        match patience {
            _ if mutant::is(Mutant::NoBound) => None,
            _ if mutant::is(Mutant::ShortBound) => Some(self.max_block(pod) / 2),
            Patience::Endless => None,
            Patience::Preemption => Some(bounds.preemption_max_block.min(self.max_block(pod))),
            Patience::Ordinary => Some(self.max_block(pod)),
        }
    }

    /// From when the bound counts: the PUT, ours or somebody else's, or the first refusal where none is possible.
    fn clock(&self, pod: &Pod, refused: Time, patience: Patience) -> Option<Time> {
        if patience == Patience::Preemption || self.cannot_drain(&pod.cluster) {
            return Some(refused);
        }
        let put = self.record(pod).or_else(|| self.drain_began(pod));
        put.map(|put| put.max(refused))
    }

    /// DRAINED, and for `unknownMax` nobody could say whether anything is left, whom the present coordinator could have told.
    /// What was at risk before it said so does not count, what was told to be there since does.
    fn is_unprovable(&self, pod: &Pod) -> bool {
        let Some(seen) = self.evidence.worker(pod) else {
            return false;
        };
        let Some(drained) = seen.drained_since() else {
            return false;
        };
        if self.risk(pod).is_some_and(|risk| risk.heard >= drained) {
            return false;
        }
        let cluster = self.evidence.cluster(&pod.cluster);
        let unknown = cluster.unknown_since(&self.policy.bounds, self.now);
        let since = seen.unproven.into_iter().chain(unknown).min();
        let started = self.coordinator_started(&pod.cluster);
        let from = started.map_or(drained, |started| started.max(drained));
        since.is_some_and(|since| self.now.since(since.max(from)) >= self.unknown_max(pod))
    }

    /// When the last container of a cluster's coordinators was started: until then nobody could ask it anything.
    fn coordinator_started(&self, cluster: &ClusterId) -> Option<Time> {
        let coordinators = self.world.members(cluster, Role::Coordinator);
        coordinators.filter_map(Pod::started).max()
    }

    /// The bound on keeping what nothing can be known of: the pod's workload's own, else the policy's.
    #[must_use]
    pub fn unknown_max(&self, pod: &Pod) -> Duration {
        let own = self
            .world
            .workload_of(pod)
            .and_then(|workload| workload.tuning.unknown_max);
        own.unwrap_or(self.policy.bounds.unknown_max)
    }

    /// The operator suspends the runtime, and its coordinator is gone.
    fn is_suspended(&self, pod: &Pod) -> bool {
        let marked = self
            .world
            .workload_of(pod)
            .is_some_and(|workload| workload.tuning.suspending);
        let mut coordinators = self
            .world
            .top_workloads(&pod.cluster, Role::Coordinator)
            .peekable();
        let known = coordinators.peek().is_some();
        let zero = coordinators.all(|workload| workload.replicas == 0);
        let gone = self
            .world
            .members(&pod.cluster, Role::Coordinator)
            .next()
            .is_none();
        let outside = self.world.has_external_coordinator(&pod.cluster);
        marked && known && zero && gone && !outside
    }

    /// Whether a blocking preStop hook has the time that Trino's own shutdown needs.
    fn is_covered(&self, pod: &Pod) -> bool {
        /// Twice Trino's default.
        const UNTOLD: Duration = Duration::from_secs(240);
        let told = self
            .world
            .workload_of(pod)
            .and_then(|workload| workload.tuning.shutdown_grace);
        let least = told.map(|grace| grace * 2);
        let least = least.or(self.evidence.cluster(&pod.cluster).shortest_drain);
        pod.pre_stop && pod.grace >= least.unwrap_or(UNTOLD)
    }

    /// How long a drain in a cluster takes at least: twice the longest `shutdown.grace-period` that annotations tell, else
    /// the shortest that was measured. `None` where neither is known.
    #[must_use]
    pub fn least_drain(&self, cluster: &ClusterId) -> Option<Duration> {
        let workloads = self.world.top_workloads(cluster, Role::Worker);
        let told = workloads.filter_map(|workload| workload.tuning.shutdown_grace);
        let told = told.max().map(|grace| grace * 2);
        told.or(self.evidence.cluster(cluster).shortest_drain)
    }

    /// What is in the way of a worker that its class does not let go.
    #[must_use]
    pub fn barrier(&self, pod: &Pod, class: Class) -> Barrier {
        let seen = self.evidence.worker(pod);
        match class {
            Class::Starting => Barrier::Starting,
            _ if pod.notes.returning.is_some() => Barrier::Returning,
            Class::Busy(risk) => Barrier::Busy(risk),
            _ if seen.is_some_and(|seen| seen.drained_since().is_some()) => Barrier::Unproven,
            _ if seen.is_some_and(|seen| seen.leaving.is_some()) => Barrier::Draining,
            Class::Idle => Barrier::Idle,
            _ => Barrier::Unknown,
        }
    }
}

#[cfg(test)]
#[path = "gate_order_tests.rs"]
mod order_tests;
#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
