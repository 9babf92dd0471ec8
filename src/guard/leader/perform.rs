//! Performs the leader's actions: writes annotations, tells workers, asks coordinators, evicts. A lost race is dropped:
//! the next plan sees who won. Decides nothing.

use std::time::Duration;

use crate::core::guard::edit::of_action;
use crate::core::guard::evidence::{DrainPower, Sight};
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::plan::{Action, Reason, Subject};
use crate::guard::counters::{self, Outcome};
use crate::guard::pen::{Note, Written};
use crate::guard::trino::address::Address;
use crate::guard::trino::clusters;
use crate::guard::trino::prove::{Node, Proof, prove};
use crate::guard::trino::workers::{PutError, TIMEOUT};
use crate::trino::words::NodeState;

use super::Leader;

/// A worker is asked and told: two requests.
const TELLING: Duration = TIMEOUT.saturating_mul(2);

/// A kick that lost a race is tried again so often.
const KICKS: usize = 4;

/// Until the watch has brought what won the race.
const CATCH_UP: Duration = Duration::from_millis(150);

/// A proof may read long documents.
const PROVING: Duration = Duration::from_secs(30);

impl Leader {
    pub(super) async fn perform(&self, action: Action) {
        let uid = action.pod().map(str::to_owned);
        if let Action::ProbePower { cluster } = &action {
            self.power.ask(cluster).await;
            return;
        }
        let pod = uid.and_then(|uid| self.state.view(|view| view.world.pod_by_uid(&uid).cloned()));
        let Some(pod) = pod else {
            return;
        };
        match &action {
            Action::BeginDrain { last, .. } => {
                if self.may_begin(&pod, *last).await && self.write(&action, &pod).await {
                    self.tell(&pod, "DRAINING", &[NodeState::Active]).await;
                }
            }
            Action::PutActive { .. } => {
                let from = [NodeState::Draining, NodeState::Drained];
                self.tell(&pod, "ACTIVE", &from).await;
            }
            Action::Prove { .. } => self.prove(&pod).await,
            Action::Evict { .. } => {
                let written = self.pen.evict(&pod).await;
                self.report(&action, &pod, &written);
            }
            Action::Forget { .. } => {
                if self.write(&action, &pod).await && pod.notes.drain.is_some() {
                    let outcome = "given-back";
                    self.counters
                        .drains
                        .get_or_create(&Outcome { outcome })
                        .inc();
                }
            }
            Action::Kick { .. } => self.kick(&action, pod).await,
            _ => {
                self.write(&action, &pod).await;
            }
        }
    }

    /// The last serving workers are drained only while no query is unfinished: that is looked at once more, right before.
    async fn may_begin(&self, pod: &Pod, planned_last: bool) -> bool {
        let (is_last, asked) = self.state.view(|view| (view.is_last(pod), view.now));
        if !planned_last && !is_last {
            return true;
        }
        self.lists.of(&pod.cluster).await;
        self.state.view(|view| view.may_drain_last(pod, asked))
    }

    /// A kick must not be lost to somebody who wrote the pod at the same moment.
    async fn kick(&self, action: &Action, mut pod: Pod) {
        let first = pod.notes.drained.is_none();
        for _ in 0..KICKS {
            if self.write(action, &pod).await {
                if first
                    && matches!(
                        action,
                        Action::Kick {
                            drained: Some(_),
                            ..
                        }
                    )
                {
                    let outcome = "drained";
                    self.counters
                        .drains
                        .get_or_create(&Outcome { outcome })
                        .inc();
                }
                return;
            }
            tokio::time::sleep(CATCH_UP).await;
            match self
                .state
                .view(|view| view.world.pod_by_uid(&pod.uid).cloned())
            {
                Some(now) if now.resource_version != pod.resource_version => pod = now,
                _ => return,
            }
        }
    }

    async fn write(&self, action: &Action, pod: &Pod) -> bool {
        let planned = action
            .version()
            .is_none_or(|version| version == pod.resource_version);
        // What was planned on an older version may overwrite what was not seen then, such as a grant.
        if !planned || !self.lead.lasts(TIMEOUT) {
            return false;
        }
        let Some(edit) = of_action(action, pod) else {
            return false;
        };
        let written = self.pen.edit(pod, edit).await;
        self.report(action, pod, &written);
        written == Written::Done
    }

    /// Tells a worker a state, if it is in one of those that lead there.
    async fn tell(&self, pod: &Pod, state: &str, from: &[NodeState]) {
        let address = self.state.view(|view| {
            let owned = view.world.controller(pod).is_some();
            Address::of(pod, self.power.port, owned)
        });
        let Some(address) = address.filter(|_| self.lead.lasts(TELLING)) else {
            return;
        };
        let at = self.state.calendar().now();
        let looked = self.workers.look(&address, true).await;
        let said = looked.said.clone();
        let sight = Sight {
            container: address.container.clone(),
            at,
            said: looked.said,
        };
        self.state
            .learn(|evidence, _| evidence.look(&pod.uid, &sight));
        let is_from = matches!(said, crate::core::guard::evidence::Said::State { state, .. } if from.contains(&state));
        if !is_from {
            return;
        }
        match self.workers.put(&address, state).await {
            Ok(()) => tracing::info!(pod = %pod.name, state, "Told a worker its state"),
            Err(error) => {
                tracing::warn!(pod = %pod.name, state, %error, "A worker does not take its state");
                if matches!(error, PutError::Forbidden(_)) {
                    let power = DrainPower::Forbidden;
                    self.state
                        .learn(|evidence, _| evidence.power(&pod.cluster, power));
                }
            }
        }
    }

    async fn prove(&self, pod: &Pod) {
        let asked = self.state.view(|view| {
            let found = clusters::one(view, &self.settings, &pod.cluster)?;
            let began = view.drain_began(pod)?;
            // Without somebody who vouches that the list shows everybody's queries, it proves nothing.
            let seen = view.evidence.cluster(&pod.cluster);
            let blind = seen.is_unknown(&view.policy.bounds, view.now);
            let late = (view.noticed(pod, began), seen.query_ids);
            Some((found, late, view.now, blind))
        });
        let (Some((found, (until, ids), now, blind)), Some(container)) = (asked, pod.running())
        else {
            return;
        };
        let unreadable = |why: &str| {
            tracing::info!(pod = %pod.name, why, "Could not prove a drain");
            self.state
                .learn(|evidence, _| evidence.cannot_prove(&pod.uid, container, now));
        };
        if blind {
            unreadable("nobody vouches for the query list");
            return;
        }
        let api = found.api(&self.settings);
        let node = self.node_of(pod).await;
        match tokio::time::timeout(PROVING, prove(&api, &node, until, ids)).await {
            Ok(Proof::Empty) => {
                self.state
                    .learn(|evidence, _| evidence.prove(&pod.uid, container, now));
            }
            Ok(Proof::Left(tasks)) => {
                tracing::info!(pod = %pod.name, tasks, "A drained worker still has tasks, says its coordinator");
                self.state
                    .learn(|evidence, _| evidence.left(&pod.uid, container, now));
            }
            Ok(Proof::Unreadable(why)) => unreadable(&why),
            Err(_) => unreadable("the coordinator did not answer in time"),
        }
    }

    /// What a coordinator may call this worker in its tasks. One that does not say its id is called by its pod's name.
    async fn node_of(&self, pod: &Pod) -> Node {
        let address = Address::of(pod, self.power.port, false);
        let id = match &address {
            Some(address) => self.workers.node_id(address).await.ok(),
            None => None,
        };
        Node {
            ids: id.into_iter().chain([pod.name.name.clone()]).collect(),
            ip: pod.ip,
        }
    }

    pub(super) fn announce(&self, about: &Subject, reason: Reason, text: String) {
        let note = Note {
            reason: reason.word(),
            warning: reason.is_warning(),
            text,
        };
        self.state.view(|view| match about {
            Subject::Pod(uid) => {
                if let Some(pod) = view.world.pod_by_uid(uid) {
                    self.pen.note_pod(pod, note);
                }
            }
            Subject::Workload(uid) => {
                if let Some(workload) = view.world.workload_by_uid(uid) {
                    self.pen.note_workload(workload, note);
                }
            }
        });
    }

    fn report(&self, action: &Action, pod: &Pod, written: &Written) {
        match written {
            Written::Failed(error) => {
                let reason = counters::Reason { reason: "action" };
                self.counters.write_failures.get_or_create(&reason).inc();
                tracing::warn!(pod = %pod.name, ?action, error, "Could not write to Kubernetes");
            }
            written => {
                tracing::debug!(pod = %pod.name, ?action, outcome = written.word(), "Wrote");
            }
        }
    }
}
