//! Watches whether the API server's clock, by which this process set its own, has jumped since, or whoever leads goes by
//! another. What it stamps on pods others read by theirs, so it does not go on: it ends, and begins anew with the right time.
//! Never changes a clock.

use std::time::Duration;

use anyhow::bail;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::calendar::Calendar;
use crate::cluster::client::Kubernetes;
use crate::cluster::lease::candidate::Candidate;
use crate::core::guard::dates::{TOGETHER, apart};
use crate::core::guard::time::Time;

/// From one question to the next.
const EVERY: Duration = Duration::from_secs(10);

/// An answer that takes longer says nothing.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many answers in a row: behind one address there may be several API servers, and one may be wrong.
const TIMES: u32 = 3;

/// So many of whoever leads, who leaves before where the API server says that it is wrong.
const LEADER_TIMES: u32 = 12;

/// What is watched.
pub struct Timekeeper {
    /// Whose clock.
    pub kubernetes: Kubernetes,
    /// The Lease that whoever leads renews.
    pub lease: Candidate,
    /// What this process takes for the time.
    pub calendar: Calendar,
}

impl Timekeeper {
    /// Watches until `stop`.
    ///
    /// # Errors
    /// When the clocks have come apart.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let watched = stop.run_until_cancelled(self.watch()).await;
        watched.unwrap_or(Ok(()))
    }

    async fn watch(&self) -> anyhow::Result<()> {
        let (mut server, mut leader, mut renewed) = (Strikes(0), Strikes(0), None);
        loop {
            tokio::time::sleep(EVERY).await;
            if let Some(seconds) = server.count(self.server().await, TIMES) {
                bail!(
                    "the API server's clock has jumped by {seconds} s: this process ends, to begin anew by that"
                );
            }
            if let Some(seconds) = leader.count(self.leader(&mut renewed).await, LEADER_TIMES) {
                bail!(
                    "whoever leads goes by a clock that is {seconds} s from ours: this process ends, to begin anew"
                );
            }
        }
    }

    /// How far the API server's clock is apart at least; `None` where nobody says.
    async fn server(&self) -> Option<Duration> {
        let before = self.calendar.now();
        let server = self.kubernetes.time(PATIENCE).await.ok()??;
        Some(apart(before, Time::of(server)?, self.calendar.now()))
    }

    /// The same of whoever leads: what the Lease was renewed with since the question before, `last`.
    async fn leader(&self, last: &mut Option<Time>) -> Option<Duration> {
        let told = timeout(PATIENCE, self.lease.other()).await.ok()?.ok()?;
        let before = std::mem::replace(last, told);
        let (renewed, now) = (told?, self.calendar.now());
        let since = now.before(EVERY + PATIENCE * 2);
        (renewed != before?).then(|| since.since(renewed).max(renewed.since(now)))
    }
}

/// How often in a row two clocks were found apart.
struct Strikes(u32);

impl Strikes {
    /// Counts an answer; gives the seconds once there were so many.
    fn count(&mut self, apart: Option<Duration>, times: u32) -> Option<u64> {
        let apart = apart?;
        self.0 = if apart > TOGETHER { self.0 + 1 } else { 0 };
        (self.0 >= times).then_some(apart.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::cluster::lease::candidate::{Clocks, Terms};
    use crate::cluster::stub::{Answer, Stub};
    use crate::collect::clock::Clock;
    use crate::core::guard::facts::Name;

    fn moved(now: Time, ahead: i64) -> Time {
        let span = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 {
            now.before(span)
        } else {
            now + span
        }
    }

    /// A Lease that somebody renewed this moment.
    fn lease(holder: &str, renewed: Time) -> Answer {
        Answer::json(json!({
            "metadata": {"resourceVersion": "1"},
            "spec": {"holderIdentity": holder, "renewTime": renewed.to_string()},
        }))
    }

    /// A timekeeper whose API server is so many seconds ahead, one answer after the other, then the last for ever; and so is
    /// whoever leads. Answers how often it asked for the time, and what it ended with within ten minutes.
    async fn told(ahead: &[i64], (holder, leads): (&'static str, i64)) -> (usize, Option<String>) {
        let calendar = Calendar::start();
        let script = Mutex::new(ahead.to_vec());
        let stub = Stub::new(move |asked| {
            if asked.path.contains("/leases/") {
                return lease(holder, moved(calendar.now(), leads));
            }
            let mut script = script.lock().unwrap();
            let ahead = if script.len() > 1 {
                script.remove(0)
            } else {
                script[0]
            };
            Answer::Dated(moved(calendar.now(), ahead))
        });
        let clock = Clock::start();
        let (candidate, _) = Candidate::new(
            stub.kubernetes(),
            Name::new("xtrinode-system", "guard"),
            "me".to_owned(),
            Terms::default(),
            Clocks { clock, calendar },
        );
        let keeper = Timekeeper {
            kubernetes: stub.kubernetes(),
            lease: candidate,
            calendar,
        };
        let watched = keeper.run(CancellationToken::new());
        let ended = tokio::time::timeout(Duration::from_secs(600), watched).await;
        let ended = ended
            .ok()
            .map(|ended| ended.expect_err("it jumped").to_string());
        let asked = stub.asked();
        let times = asked.iter().filter(|asked| asked.path == "/version");
        (times.count(), ended)
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumped_ends_the_process() {
        for jump in [40, -40, 3600, -3600] {
            let (asked, ended) = told(&[0, jump], ("other", 0)).await;
            assert_eq!(asked, 4, "one that agrees, three that do not");
            assert!(ended.is_some_and(|why| why.contains("jumped by")), "{jump}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_agrees_or_is_wrong_now_and_then_does_not() {
        for told_so in [
            &[0][..],
            &[25],
            &[-25],
            &[3600, 3600, 0, 3600, 3600, 0, -3600, 0],
        ] {
            let (asked, ended) = told(told_so, ("other", 20)).await;
            assert_eq!(ended, None, "{told_so:?}");
            assert!(asked > 50, "it goes on asking");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_another_clock_in_the_lease_ends_unless_it_is_its_own() {
        for leads in [300, -300] {
            let (_, ended) = told(&[0], ("other", leads)).await;
            assert!(
                ended.is_some_and(|why| why.contains("whoever leads")),
                "{leads}"
            );
            assert_eq!(told(&[0], ("me", leads)).await.1, None);
        }
    }
}
