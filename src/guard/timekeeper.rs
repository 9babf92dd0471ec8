//! Watches whether the API server's clock, by which this process set its own, has jumped since. What it stamps on pods others
//! read by theirs, so it does not go on: it ends, and begins anew with the right time. Never changes a clock.

use std::time::Duration;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use crate::cluster::calendar::Calendar;
use crate::cluster::client::Kubernetes;
use crate::core::guard::dates::{TOGETHER, apart};
use crate::core::guard::time::Time;

/// From one question to the next.
const EVERY: Duration = Duration::from_secs(10);

/// An answer that takes longer says nothing.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many answers in a row: behind one address there may be several API servers, and one may be wrong.
const TIMES: u32 = 3;

/// What is watched.
pub struct Timekeeper {
    /// Whose clock.
    pub kubernetes: Kubernetes,
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
        let mut wrong = 0;
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(apart) = self.ask().await else {
                continue;
            };
            wrong = if apart > TOGETHER { wrong + 1 } else { 0 };
            if wrong >= TIMES {
                let seconds = apart.as_secs();
                bail!(
                    "the API server's clock has jumped by {seconds} s: this process ends, to begin anew by that"
                );
            }
        }
    }

    /// How far the clocks are apart at least; `None` where nobody says.
    async fn ask(&self) -> Option<Duration> {
        let before = self.calendar.now();
        let server = self.kubernetes.time(PATIENCE).await.ok()??;
        Some(apart(before, Time::of(server)?, self.calendar.now()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::cluster::stub::{Answer, Stub};

    /// A timekeeper whose API server is so many seconds ahead, one answer after the other, then the last for ever. Answers
    /// how many it asked for, and what it ended with within ten minutes.
    async fn told(ahead: &[i64]) -> (usize, Option<String>) {
        let calendar = Calendar::start();
        let script = Mutex::new(ahead.to_vec());
        let stub = Stub::new(move |_| {
            let mut script = script.lock().unwrap();
            let ahead = if script.len() > 1 {
                script.remove(0)
            } else {
                script[0]
            };
            let span = Duration::from_secs(ahead.unsigned_abs());
            let now = calendar.now();
            let now = if ahead < 0 {
                now.before(span)
            } else {
                now + span
            };
            Answer::Dated(now)
        });
        let kubernetes = stub.kubernetes();
        let keeper = Timekeeper {
            kubernetes,
            calendar,
        };
        let watched = keeper.run(CancellationToken::new());
        let ended = tokio::time::timeout(Duration::from_secs(600), watched).await;
        let ended = ended
            .ok()
            .map(|ended| ended.expect_err("it jumped").to_string());
        (stub.asked().len(), ended)
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumped_ends_the_process() {
        for jump in [40, -40, 3600, -3600] {
            let (asked, ended) = told(&[0, jump]).await;
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
            let (asked, ended) = told(told_so).await;
            assert_eq!(ended, None, "{told_so:?}");
            assert!(asked > 50, "it goes on asking");
        }
    }
}
