//! What is known of one worker: drained, busy, idle, dead, or nothing. Decides how evidence counts, never what
//! follows from it.

use std::time::Duration;

use crate::trino::words::NodeState;

use super::bounds::{DEAD_AFTER, LOOK};
use super::dates::APART;
use super::evidence::{DrainPower, Evidence, Risk, WorkerSeen};
use super::facts::pod::{ClusterId, Phase, Pod, Role};
use super::mutant::{self, Mutant};
use super::policy::Policy;
use super::time::Time;
use super::world::World;

/// Everything that a decision may look at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What Kubernetes says.
    pub world: &'a World,
    /// What was seen of Trino.
    pub evidence: &'a Evidence,
    /// What the administrator chose.
    pub policy: &'a Policy,
    /// Now.
    pub now: Time,
}

/// What is known of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Ended, never scheduled, without a running container, or gone without a word.
    Dead,
    /// Never ran a task and can't run one yet.
    Starting,
    /// It let go of everything and was proven to hold nothing.
    Drained {
        /// Whether it said so itself at most [`LOOK`] ago.
        looked: bool,
    },
    /// It drains, yet no query has had a task on it for a long time.
    Leaked,
    /// Something is at risk on it.
    Busy(Risk),
    /// Nothing was at risk on it for a while. Not safe by itself.
    Idle,
    /// No fact.
    Unknown,
}

impl Class {
    /// For metrics and messages.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Starting => "starting",
            Self::Drained { .. } => "drained",
            Self::Leaked => "leaked",
            Self::Busy(_) => "busy",
            Self::Idle => "idle",
            Self::Unknown => "unknown",
        }
    }
}

impl View<'_> {
    /// What is known of a worker.
    #[must_use]
    pub fn class(&self, pod: &Pod) -> Class {
        if self.is_dead(pod) {
            return Class::Dead;
        }
        if self.is_starting(pod) {
            return Class::Starting;
        }
        if self.is_drained(pod) {
            let looked = self.answered_within(pod, LOOK) || mutant::is(Mutant::OldLook);
            return Class::Drained { looked };
        }
        if self.is_leaked(pod) {
            return Class::Leaked;
        }
        match self.risk(pod) {
            Some(risk) => Class::Busy(risk),
            None if self.is_idle(pod) => Class::Idle,
            None => Class::Unknown,
        }
    }

    /// What is at risk on a worker. Without a running coordinator nothing is: its queries have failed already.
    #[must_use]
    pub fn risk(&self, pod: &Pod) -> Option<Risk> {
        if self.is_headless(&pod.cluster) {
            return None;
        }
        self.evidence.risk(pod, &self.policy.bounds, self.now)
    }

    /// Whether Kubernetes knows the cluster's coordinator and no container of it runs. A coordinator outside is not known,
    /// whatever else of the release stands at zero.
    #[must_use]
    pub fn is_headless(&self, cluster: &ClusterId) -> bool {
        if self.world.has_external_coordinator(cluster) {
            return false;
        }
        let mut pods = self.world.members(cluster, Role::Coordinator).peekable();
        let has_workload = || {
            let mut workloads = self.world.top_workloads(cluster, Role::Coordinator);
            workloads.next().is_some()
        };
        let known = pods.peek().is_some() || has_workload();
        known && !pods.any(|pod| pod.running().is_some())
    }

    /// When the present drain of a worker began: as we recorded it, else when it was first seen. `None` where it is not
    /// leaving, as far as known.
    #[must_use]
    pub fn drain_began(&self, pod: &Pod) -> Option<Time> {
        if mutant::is(Mutant::ClockBeforePut) {
            return pod.notes.blocked_since;
        }
        let seen = self.evidence.worker(pod)?;
        let leaving = seen.leaving?;
        let recorded = self
            .record(pod)
            .filter(|at| seen.active.is_none_or(|active| active <= *at));
        let long_ago = mutant::is(Mutant::TrustForeignAge).then(Time::default);
        Some(recorded.or(long_ago).unwrap_or(leaving))
    }

    /// When the coordinator has noticed a worker's drain that began then, at the latest. Where one of the two has just begun
    /// to serve, the coordinator has to find the worker first, takes it for ACTIVE, and asks for its state only then.
    #[must_use]
    pub fn noticed(&self, pod: &Pod, began: Time) -> Time {
        if mutant::is(Mutant::SkipNoticeTime) {
            return began;
        }
        let met = self.met(pod).unwrap_or(began);
        began.max(met) + self.policy.bounds.notice
    }

    /// When a worker and its coordinator had met at the latest; `None` where nobody knows since when they serve.
    fn met(&self, pod: &Pod) -> Option<Time> {
        let notice = self.policy.bounds.notice;
        let coordinators = self.world.members(&pod.cluster, Role::Coordinator);
        let running = coordinators.filter(|one| one.running().is_some());
        let both = running.chain([pod]);
        let met = both.filter_map(|one| self.serves_since(one)).max();
        let met = met.filter(|_| !mutant::is(Mutant::SkipMeeting));
        met.map(|met| met + notice)
    }

    /// Since when a node has served, at the latest: as we saw it begin, else as the kubelet says. A worker of which neither
    /// is known has since we know it, a coordinator may have begun this very moment.
    fn serves_since(&self, pod: &Pod) -> Option<Time> {
        let seen = self.evidence.worker(pod);
        let ready = self.world.ready_since(pod);
        let ready = ready.filter(|at| pod.ready && *at <= self.now);
        let known = seen.and_then(|seen| seen.served).or(ready);
        known.or_else(|| match pod.role {
            Role::Worker => Some(seen?.first()),
            Role::Coordinator => Some(self.now),
        })
    }

    /// When we recorded a drain of the container that runs now.
    #[must_use]
    pub fn record(&self, pod: &Pod) -> Option<Time> {
        let drain = pod.notes.drain.as_ref()?;
        let same = pod.running() == Some(drain.container.as_str());
        (same || mutant::is(Mutant::OldContainer)).then_some(drain.at)
    }

    /// Whether a worker serves: Kubernetes sends it work and its coordinator has had time to find it, since it said ACTIVE
    /// and since the coordinator itself began to serve.
    #[must_use]
    pub fn is_serving(&self, pod: &Pod) -> bool {
        let steady = pod.ready && pod.deleting.is_none() && pod.notes.returning.is_none();
        let answer = self.evidence.worker(pod).and_then(|seen| seen.answer);
        let active = answer.is_some_and(|answer| {
            let long = self.now.since(answer.since) >= self.policy.bounds.notice;
            answer.state == NodeState::Active && !answer.starting && long
        });
        let fresh = self.answered_within(pod, self.policy.bounds.fresh);
        steady && active && fresh && self.has_looked_around(&pod.cluster)
    }

    /// Whether a cluster's coordinators have had time to find its workers. One outside is not known to have begun.
    #[must_use]
    pub fn has_looked_around(&self, cluster: &ClusterId) -> bool {
        let notice = self.policy.bounds.notice;
        let coordinators = self.world.members(cluster, Role::Coordinator);
        let mut running = coordinators.filter(|one| one.running().is_some());
        let long = |since: Time| self.now.since(since) >= notice;
        running.all(|one| self.serves_since(one).is_some_and(long))
            || mutant::is(Mutant::SkipMeeting)
    }

    /// For a cluster whose workers can't be drained: two complete cycles without tasks, both after the pod's first
    /// refusal, apart, the last one fresh.
    #[must_use]
    pub fn is_idle_twice(&self, pod: &Pod) -> bool {
        let bounds = &self.policy.bounds;
        let Some(refused) = pod.notes.blocked_since else {
            return false;
        };
        let Some(run) = self.evidence.clear(pod, bounds, self.now) else {
            return false;
        };
        let apart = run.is_twice_after(Some(refused));
        apart && self.now.since(run.last) <= bounds.fresh
    }

    /// The coordinator that is read: of two, the one that will stay.
    #[must_use]
    pub fn coordinator(&self, cluster: &ClusterId) -> Option<&Pod> {
        let pods = self.world.members(cluster, Role::Coordinator);
        let running = pods.filter(|pod| pod.running().is_some() && pod.deleting.is_none());
        running.max_by_key(|pod| (pod.ready, pod.created))
    }

    /// Whether the guard can't drain the workers of a cluster.
    #[must_use]
    pub fn cannot_drain(&self, cluster: &ClusterId) -> bool {
        let power = self.evidence.cluster(cluster).power;
        matches!(power, DrainPower::Forbidden | DrainPower::TooOld)
    }

    /// Since when nothing of a worker could be known: it does not answer, and the kubelet does not call it Ready.
    #[must_use]
    pub fn unreachable_since(&self, pod: &Pod) -> Option<Time> {
        if pod.ready {
            return None;
        }
        let seen = self.evidence.worker(pod)?;
        let failing = seen.failing.filter(|_| self.was_asked_lately(seen))?;
        let changed = self.world.ready_since(pod);
        Some(changed.map_or(failing, |changed| changed.max(failing)))
    }
}

impl View<'_> {
    fn is_dead(&self, pod: &Pod) -> bool {
        let ended = matches!(pod.phase, Phase::Succeeded | Phase::Failed);
        ended || pod.node.is_none() || pod.running().is_none() || self.is_lost(pod)
    }

    /// Not Ready, refusing for long, and nobody says that anything is on it.
    fn is_lost(&self, pod: &Pod) -> bool {
        self.refused_long(pod) && !pod.ready && self.risk(pod).is_none()
    }

    /// Whether its port refused the first and the last of looks that lie [`DEAD_AFTER`] apart, and was looked at lately.
    pub(super) fn refused_long(&self, pod: &Pod) -> bool {
        let Some(seen) = self.evidence.worker(pod) else {
            return false;
        };
        let span = seen.refusing.zip(seen.asked);
        let long = span.is_some_and(|(since, last)| last.since(since) >= DEAD_AFTER);
        long && self.was_asked_lately(seen)
    }

    /// What failed once and was not tried again says nothing about now.
    fn was_asked_lately(&self, seen: &WorkerSeen) -> bool {
        let lost = self.policy.bounds.lost;
        seen.asked
            .is_some_and(|asked| self.now.since(asked) <= lost)
    }

    /// Whether a worker was asked at most `span` ago, whatever came of it.
    #[must_use]
    pub fn asked_within(&self, pod: &Pod, span: Duration) -> bool {
        let asked = self.evidence.worker(pod).and_then(|seen| seen.asked);
        asked.is_some_and(|at| self.now.since(at) <= span)
    }

    fn is_starting(&self, pod: &Pod) -> bool {
        let Some(seen) = self.evidence.worker(pod) else {
            return false;
        };
        let fresh = |at: Time| self.now.since(at) <= self.policy.bounds.fresh;
        let asked = seen.asked.is_some_and(fresh);
        let says_so = seen.answer.is_some_and(|answer| answer.starting) && seen.failing.is_none();
        let silent = seen.refusing.is_some() && !seen.started && !pod.ready && self.is_young(pod);
        asked && !seen.had_task && (says_so || silent)
    }

    /// A port that refuses belongs to a process that has not opened it yet only if there was no time to open it, work, and
    /// close it again: of a container that ran before us, only its kubelet's clock says so.
    fn is_young(&self, pod: &Pod) -> bool {
        let started = pod.started().filter(|_| self.world.saw_start(pod));
        started.is_some_and(|started| self.now.since(started) < DEAD_AFTER)
    }

    fn is_drained(&self, pod: &Pod) -> bool {
        let Some(seen) = self.evidence.worker(pod) else {
            return false;
        };
        if mutant::is(Mutant::TrustDraining) && seen.leaving.is_some() {
            return true;
        }
        let Some(began) = self.drain_began(pod) else {
            return false;
        };
        let noticed = self.noticed(pod, began);
        // Before that a coordinator may still have given it work that an earlier proof can't have seen.
        let early = mutant::is(Mutant::EarlyProof);
        let own = seen.proof.is_some_and(|proof| proof >= noticed || early);
        let trusted = self.is_headless(&pod.cluster) || mutant::is(Mutant::TrustDrained);
        let proven = own || self.is_announced(pod) || trusted;
        seen.drained_since().is_some() && self.now >= noticed && proven
    }

    /// Whether a proof about the present drain is written on the pod: by the leader, in one patch with the cost that makes
    /// the controllers choose it.
    #[must_use]
    pub fn is_announced(&self, pod: &Pod) -> bool {
        let noted = pod.notes.drained.as_ref();
        noted.is_some_and(|proof| {
            let same =
                pod.running() == Some(proof.container.as_str()) || mutant::is(Mutant::OldContainer);
            // Whoever wrote it saw to it that the drain had been noticed, and wrote our record before. A coordinator that came
            // later has taken the worker for ACTIVE until it asked.
            let notice = self.policy.bounds.notice;
            let met = self.met(pod).is_none_or(|met| proof.at >= met + notice);
            same && met
                && self.is_about(pod, proof.written.unwrap_or(proof.at))
                && !self.is_refuted(pod, proof.at)
        })
    }

    /// Whether a proof that was written then is about the present drain. A watch that was behind tells of both at once.
    fn is_about(&self, pod: &Pod, written: Time) -> bool {
        let began = self.drain_began(pod);
        began.is_some_and(|began| written + APART >= began)
    }

    /// Whether a cycle begun after a proof showed something at risk: where two differ, more counts.
    fn is_refuted(&self, pod: &Pod, proof: Time) -> bool {
        let later = self.risk(pod).and_then(|risk| risk.began);
        later.is_some_and(|began| began > proof)
    }

    fn is_leaked(&self, pod: &Pod) -> bool {
        let bounds = &self.policy.bounds;
        let (Some(seen), Some(began)) = (self.evidence.worker(pod), self.drain_began(pod)) else {
            return false;
        };
        let window = self.now.before(bounds.leak_after);
        let draining = seen
            .answer
            .is_some_and(|answer| answer.state == NodeState::Draining);
        let noticed = self.noticed(pod, began);
        let run = self.evidence.clear(pod, bounds, self.now);
        let clear = run.is_some_and(|run| {
            let long = run.from <= window && run.before.is_some_and(|before| before >= window);
            // A task may come until the drain is noticed; and who fell silent does not say that none came.
            long && run.last >= noticed && self.now.since(run.last) <= bounds.lost
        });
        draining && began <= window && clear && self.answered_within(pod, bounds.fresh)
    }

    fn is_idle(&self, pod: &Pod) -> bool {
        if self.is_headless(&pod.cluster) {
            return true;
        }
        let bounds = &self.policy.bounds;
        let run = self.evidence.clear(pod, bounds, self.now);
        run.is_some_and(|run| {
            let fresh = self.now.since(run.last) <= bounds.fresh;
            fresh && self.now.since(run.from) >= bounds.quiet
        })
    }

    pub(super) fn answered_within(&self, pod: &Pod, span: Duration) -> bool {
        let answer = self.evidence.worker(pod).and_then(|seen| seen.answer);
        answer.is_some_and(|answer| self.now.since(answer.at) <= span)
    }
}

#[cfg(test)]
#[path = "class_drained_tests.rs"]
mod drained_tests;
#[cfg(test)]
#[path = "class_tests.rs"]
mod tests;
