//! One candidate of an election: reads the Lease, writes itself into it by compare-and-swap, renews, and gives it back
//! when it stops. What to do is [`step`]'s; how long it lasts counts from before each write was sent.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::api::{GetParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster::calendar::Calendar;
use crate::cluster::client::{Kubernetes, MANAGER};
use crate::cluster::failure::{Failure, Permission};
use crate::cluster::resource::LEASES;
use crate::collect::clock::Clock;
use crate::core::guard::dates::Gaps;
use crate::core::guard::facts::Name;
use crate::core::guard::time::Time;
use crate::core::moment::Moment;

use super::record::{Record, held, released, unguarded};
use super::step::{Action, Observed, step};
use super::{Leadership, Standing};

/// A renewal may come between a look and a write; so many do not.
pub(super) const SEIZE: usize = 5;

/// What is written of a Lease.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Its `spec`.
    pub spec: Option<Value>,
    /// These of its annotations.
    pub annotations: Option<Value>,
}

/// How often, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A holder that is silent for longer has lost the Lease. Whole seconds, at least one.
    pub duration: Duration,
    /// The pause between two looks or renewals.
    pub retry: Duration,
    /// Until an answer must be there; less than `duration` less `retry`, so that one lost answer loses nothing.
    pub answer: Duration,
}

impl Default for Terms {
    /// The times of Kubernetes' own controllers, 15 s and 2 s; an answer may take 5 s.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            retry: Duration::from_secs(2),
            answer: Duration::from_secs(5),
        }
    }
}

/// What a candidate tells the time by.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// How long anything lasts.
    pub clock: Clock,
    /// What is written.
    pub calendar: Calendar,
}

/// One candidate.
pub struct Candidate {
    kubernetes: Kubernetes,
    name: Name,
    me: String,
    terms: Terms,
    clock: Clock,
    calendar: Calendar,
    standing: watch::Sender<Standing>,
    seen: Observed,
    /// The times without a guard, as the Lease said last.
    gaps: Gaps,
    /// When this process began, while the Lease does not say yet that nobody knows who guarded before.
    unseen: Option<Time>,
}

impl Candidate {
    /// A candidate for the Lease `name` that calls itself `me`, such as its pod's name: no two may share one.
    #[must_use]
    pub fn new(
        kubernetes: Kubernetes,
        name: Name,
        me: String,
        terms: Terms,
        clocks: Clocks,
    ) -> (Self, Leadership) {
        let Clocks { clock, calendar } = clocks;
        let (standing, receiver) = watch::channel(Standing::default());
        let leadership = Leadership {
            standing: receiver,
            clock,
        };
        let candidate = Self {
            kubernetes,
            name,
            me,
            terms,
            clock,
            calendar,
            standing,
            seen: Observed::default(),
            gaps: Gaps::default(),
            unseen: None,
        };
        (candidate, leadership)
    }

    /// One whose Lease told this when it began at this moment; where it did not tell, whoever leads after has to know that.
    #[must_use]
    pub fn begun(mut self, told: Option<Gaps>, at: Time) -> Self {
        self.unseen = told.is_none().then_some(at);
        self.gaps = told.unwrap_or_else(|| Gaps::unknown(at));
        self
    }

    pub(super) const fn terms(&self) -> Terms {
        self.terms
    }

    /// Stands until `stop`, then gives the Lease back. What the leader does must have ended before `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut last = None;
        loop {
            let turn = stop.run_until_cancelled(self.turn()).await;
            let Some(turn) = turn else { break };
            self.tell(turn, &mut last);
            let pause = tokio::time::sleep(self.terms.retry);
            if stop.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        self.give_back().await;
    }

    /// Takes the Lease from whoever holds it, for `span`: for whoever leaves and must act alone. Answers how long whoever
    /// held it may still act.
    ///
    /// # Errors
    /// When the API server does not answer, or somebody else writes it again and again.
    pub async fn seize(&self, span: Duration) -> Result<Duration, Failure> {
        let mut tries = SEIZE;
        loop {
            let before = self.read().await?;
            let spec = held(&self.me, span, &self.stamp(), before.as_ref());
            match self.write(before.as_ref(), spec, None).await {
                Err(Failure::Conflict(_)) if tries > 0 => tries -= 1,
                Err(failure) => return Err(failure),
                Ok(_) => return Ok(self.others_last(before.as_ref())),
            }
        }
    }

    fn others_last(&self, before: Option<&Record>) -> Duration {
        let other = before.filter(|before| before.holder().is_some_and(|one| one != self.me));
        other.map_or(Duration::ZERO, |other| {
            other.duration().unwrap_or(self.terms.duration)
        })
    }

    /// One look, and a write where one is due.
    async fn turn(&mut self) -> Result<(), Failure> {
        let record = self.read().await?;
        self.learn(record.as_ref());
        let now = self.clock.now();
        self.seen.see(record, now);
        match step(&self.seen, &self.me, self.terms.duration, now) {
            Action::Wait => {
                self.standing
                    .send_if_modified(|standing| std::mem::take(standing).until.is_some());
                Ok(())
            }
            Action::Create => self.take(None, now).await,
            Action::Take => self.take(self.seen.record.clone(), now).await,
        }
    }

    /// Takes in which times without a guard the Lease tells. What it lost, or never told, whoever takes it writes.
    fn learn(&mut self, record: Option<&Record>) {
        let Some(told) = record.and_then(Record::gaps) else {
            return;
        };
        self.gaps = match self.unseen {
            Some(began) => Gaps::unknown(began).and_later(&told, began),
            None => told,
        };
    }

    /// Writes ourselves into the Lease. Others see it at the earliest when it was sent, so it is ours for `duration` from then on.
    async fn take(&mut self, before: Option<Record>, sent: Moment) -> Result<(), Failure> {
        let spec = held(
            &self.me,
            self.terms.duration,
            &self.stamp(),
            before.as_ref(),
        );
        let told = before.as_ref().and_then(Record::gaps);
        let gaps = (told.as_ref() != Some(&self.gaps)).then(|| unguarded(&self.gaps));
        let record = self.write(before.as_ref(), spec, gaps).await?;
        self.unseen = None;
        self.seen.see(Some(record), sent);
        let until = Some(sent + self.terms.duration);
        self.standing.send_replace(Standing { until });
        Ok(())
    }

    /// Who begins later sets this against the time of then, and people read it; who leads does not depend on it.
    fn stamp(&self) -> String {
        let now = i64::try_from(self.calendar.now().as_millis());
        let now = now.map_or(Ok(Timestamp::MAX), Timestamp::from_millisecond);
        format!("{:.6}", now.unwrap_or(Timestamp::MAX))
    }

    /// When somebody else who holds it said so last, by their clock; `None` where nobody else does.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn other(&self) -> Result<Option<Time>, Failure> {
        let record = self.read().await?;
        let other = record.filter(|record| record.holder().is_some_and(|one| one != self.me));
        Ok(other.and_then(|record| record.renewed()))
    }

    pub(super) async fn read(&self) -> Result<Option<Record>, Failure> {
        let request = self
            .collection()
            .get(&self.name.name, &GetParams::default());
        match self.call("get", request).await {
            Ok(record) => Ok(Some(record)),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn write(
        &self,
        before: Option<&Record>,
        spec: Value,
        annotations: Option<Value>,
    ) -> Result<Record, Failure> {
        match before {
            Some(before) => {
                let spec = Some(spec);
                let change = Change { spec, annotations };
                self.patch(before, change).await
            }
            None => self.create(spec, annotations).await,
        }
    }

    async fn create(&self, spec: Value, annotations: Option<Value>) -> Result<Record, Failure> {
        let mut metadata = json!({"name": self.name.name, "namespace": self.name.namespace});
        if let Some(annotations) = annotations {
            metadata["annotations"] = annotations;
        }
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec});
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let request = self
            .collection()
            .create(&parameters, lease.to_string().into_bytes());
        self.call("create", request).await
    }

    /// The version in the patch makes it a compare-and-swap: 409 when somebody was faster.
    pub(super) async fn patch(&self, before: &Record, change: Change) -> Result<Record, Failure> {
        let mut body = json!({"metadata": {"resourceVersion": before.metadata.resource_version}});
        if let Some(spec) = change.spec {
            body["spec"] = spec;
        }
        if let Some(annotations) = change.annotations {
            body["metadata"]["annotations"] = annotations;
        }
        let patch = Patch::Merge(body);
        let parameters = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let request = self
            .collection()
            .patch(&self.name.name, &parameters, &patch);
        self.call("patch", request).await
    }

    async fn call(
        &self,
        verb: &'static str,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Record, Failure> {
        let permission = Permission::new(verb, LEASES, Some(&self.name.namespace));
        self.kubernetes
            .call(&permission, request, self.terms.answer)
            .await
    }

    fn collection(&self) -> Request {
        Request::new(LEASES.path(Some(&self.name.namespace)))
    }

    /// Nobody may act on a Lease that is being given back, so the word goes out first. It is read again, since the stop
    /// may have cut off a renewal.
    async fn give_back(&self) {
        let before = self.standing.send_replace(Standing::default());
        if before.until.is_none() {
            return;
        }
        match self.release().await {
            Ok(()) => tracing::info!(lease = %self.name, "Gave the Lease back"),
            Err(failure) => {
                tracing::warn!(lease = %self.name, %failure, "Could not give the Lease back; it runs out by itself");
            }
        }
    }

    async fn release(&self) -> Result<(), Failure> {
        let record = self.read().await?;
        match record.filter(|record| record.holder() == Some(&self.me)) {
            Some(record) => {
                let free = released(&self.stamp());
                self.write(Some(&record), free, None).await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// Says once what changed. A lost race is not a failure: somebody leads.
    fn tell(&self, turn: Result<(), Failure>, last: &mut Option<Result<bool, Failure>>) {
        let leads = self
            .standing
            .borrow()
            .lasts(self.clock.now(), Duration::ZERO);
        let told = match turn {
            Err(failure) if !matches!(failure, Failure::Conflict(_)) => Err(failure),
            _ => Ok(leads),
        };
        if last.as_ref() == Some(&told) {
            return;
        }
        let (lease, me) = (&self.name, &self.me);
        match &told {
            Ok(true) => tracing::info!(%lease, me, "Leads"),
            Ok(false) => tracing::info!(%lease, me, "Follows"),
            Err(failure) => {
                tracing::warn!(%lease, me, leads, %failure, "The Lease can't be renewed or looked at");
            }
        }
        *last = Some(told);
    }
}

#[cfg(test)]
mod tests;
