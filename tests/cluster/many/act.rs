//! One disruption: what its caller does until it is done, refused or not, and what it took: also where a query failed
//! meanwhile or it was not done within its bound.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::kind::Kind;
use super::ledger::Row;
use super::member::Member;

/// Whoever is refused comes again after this time; `kubectl drain` after 5 s.
const RETRY: Duration = Duration::from_secs(4);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// A drain after the time of notice: two grace periods of at most 5 s, 5 s until the coordinator looks, 5 s for the proof.
const DRAIN: Duration = Duration::from_secs(20);

/// The rule's bound is meant for a cluster that has the machine for itself; here dozens share two cores.
const SLACK: u32 = 2;

/// Between two looks at what others do.
const LOOK: Duration = Duration::from_millis(500);

/// What a caller is told.
pub enum Answer {
    Allowed,
    Refused(String),
}

/// A disruption under way.
pub struct Act<'a> {
    pub member: &'a Member<'a>,
    pub kind: Kind,
    begun: Instant,
    deadline: Cell<Instant>,
    pub refusals: Cell<usize>,
    /// For each worker that went: see [`Row::free`].
    free: RefCell<Vec<f64>>,
    story: RefCell<Vec<String>>,
}

impl<'a> Act<'a> {
    /// Disrupts the cluster and waits until it is whole again. Answers what it took, and its story.
    pub async fn run(
        member: &'a Member<'a>,
        kind: Kind,
        chance: &mut fastrand::Rng,
    ) -> (Row, String) {
        let begun = Instant::now();
        let act = Self {
            member,
            kind,
            begun,
            deadline: Cell::new(begun + bound(member, 1)),
            refusals: Cell::default(),
            free: RefCell::default(),
            story: RefCell::default(),
        };
        let before = member.queries();
        let (seconds, undone) = match act.go(chance).await {
            Ok(seconds) => (seconds, None),
            Err(error) => (begun.elapsed().as_secs_f64(), Some(format!("{error:#}"))),
        };
        let after = member.queries();
        let row = Row {
            kind,
            real: !member.cluster.spec.simulated,
            seconds,
            refusals: act.refusals.get(),
            finished: after.finished - before.finished,
            failed: after.failed.len() - before.failed.len(),
            wrong: after.wrong.len() - before.wrong.len(),
            undone,
            free: act.free.take(),
        };
        (row, format!("{after}\n{}", act.story()))
    }

    /// Seconds from the first request to the end of it.
    async fn go(&self, chance: &mut fastrand::Rng) -> Result<f64> {
        let there = self.member.pods.of("worker");
        self.member.pause(self.kind.pauses());
        self.perform(chance).await?;
        let seconds = self.begun.elapsed().as_secs_f64();
        self.tell(&format!("done, refused {} times", self.refusals.get()));
        self.free
            .replace(there.iter().filter_map(|pod| self.free(pod)).collect());
        self.restore().await?;
        self.member
            .pods
            .whole(self.member.cluster.spec.workers)
            .await?;
        self.member.pause(false);
        Ok(seconds)
    }

    /// So many workers have to go, in the worst case one after another: the disruption's bound is that of the rules, the
    /// query time, the drain's time, those who are drained before, one retry of the caller's, with the replacements'
    /// starts, all as this very run knows them.
    pub fn expect(&self, workers: usize) {
        let count = u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
        self.deadline.set(self.begun + bound(self.member, count));
    }

    /// Asks again and again until it is allowed.
    pub async fn insist(&self, ask: impl AsyncFn() -> Result<Answer>) -> Result<()> {
        loop {
            match ask().await? {
                Answer::Allowed => return Ok(()),
                Answer::Refused(words) => {
                    self.refusals.set(self.refusals.get() + 1);
                    self.tell(&words);
                }
            }
            self.check("it is refused")?;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Waits for what others have to do.
    pub async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
        while !is_so() {
            self.check(what)?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until all of these were allowed to go.
    pub async fn gone(&self, pods: &[Pod]) -> Result<()> {
        let pods_there = &self.member.pods;
        self.until("some are still there", || {
            let mut uids = pods.iter().filter_map(ResourceExt::uid);
            uids.all(|uid| pods_there.removed(&uid).is_some())
        })
        .await
    }

    /// One more line of its story.
    pub fn tell(&self, line: &str) {
        let at = self.begun.elapsed().as_secs_f64();
        self.story
            .borrow_mut()
            .push(format!("    {at:6.1} s  {line:.240}\n"));
    }

    /// Real kubectl's answer.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<Answer> {
        let said = self.member.world.plane.kubectl(arguments).await?;
        if said.success {
            return Ok(Answer::Allowed);
        }
        refusal(said.stderr.trim().to_owned())
    }

    /// Seconds from the last moment at which a worker that went held anything to its deletion.
    fn free(&self, pod: &Pod) -> Option<f64> {
        let uid = pod.uid()?;
        let removed = self.member.pods.removed(&uid)?;
        let busy = self.member.truth.last_busy(&uid);
        let free = busy.map_or(self.begun, |busy| busy.max(self.begun));
        Some(removed.saturating_duration_since(free).as_secs_f64())
    }

    /// Fails when its bound is over.
    pub fn check(&self, what: &str) -> Result<()> {
        let late = Instant::now() > self.deadline.get();
        let bound = self.deadline.get().duration_since(self.begun);
        ensure!(
            !late,
            "not done within its bound of {} s: {what}",
            bound.as_secs()
        );
        Ok(())
    }

    fn story(&self) -> String {
        self.story.borrow().concat()
    }
}

fn bound(member: &Member<'_>, workers: u32) -> Duration {
    let query = member.queries().longest;
    // Once for the drain, and once until a replacement counts as serving.
    let notice = member.notice * 2;
    (query + notice + DRAIN + LONGEST_RETRY + member.started) * workers * SLACK
}

/// What the API server answered. A conflict is asked again like a refusal.
pub fn answer<T>(answer: kube::Result<T>) -> Result<Answer> {
    match answer {
        Ok(_) => Ok(Answer::Allowed),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Answer::Allowed),
        Err(kube::Error::Api(status)) => refusal(format!("{}: {}", status.code, status.message)),
        Err(error) => Err(error.into()),
    }
}

/// A guard that does not answer is no refusal.
fn refusal(words: String) -> Result<Answer> {
    ensure!(!words.contains("failed calling webhook"), "{words}");
    Ok(Answer::Refused(words))
}
