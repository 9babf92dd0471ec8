//! Load: as much as a server takes, or so many reviews a second whatever it takes. Counts and measures; compares nothing.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tokio::task::JoinSet;

use super::client::Client;

/// Requests at once when as many as possible are sent. Enough to keep one processor busy.
const AT_ONCE: usize = 64;

/// Reviews in turn.
#[derive(Clone)]
pub struct Reviews {
    bodies: std::sync::Arc<Vec<Bytes>>,
    next: usize,
    /// What each of them is answered.
    allowed: bool,
}

impl Reviews {
    /// These, again and again.
    pub fn new(bodies: Vec<Bytes>, allowed: bool) -> Self {
        let bodies = std::sync::Arc::new(bodies);
        let next = 0;
        Self {
            bodies,
            next,
            allowed,
        }
    }

    fn next(&mut self) -> Bytes {
        self.next += 1;
        self.bodies[self.next % self.bodies.len()].clone()
    }
}

/// Sends as much as the server takes for a time; how many were answered.
pub async fn flood(client: &Client, reviews: &Reviews, time: Duration) -> anyhow::Result<usize> {
    let end = Instant::now() + time;
    let mut senders = JoinSet::new();
    for first in 0..AT_ONCE {
        let (client, mut reviews) = (client.clone(), reviews.clone());
        // Each begins somewhere else, so that they ask for different pods.
        reviews.next = first * 31;
        senders.spawn(async move {
            let mut answered = 0;
            while Instant::now() < end {
                client.expect(reviews.next(), reviews.allowed).await?;
                answered += 1;
            }
            anyhow::Ok(answered)
        });
    }
    let mut sum = 0;
    while let Some(answered) = senders.join_next().await {
        sum += answered??;
    }
    Ok(sum)
}

/// Sends so many a second for a time, each at its own moment whether or not those before it were answered. Answers how long
/// each took from that moment on.
pub async fn steady(
    client: &Client,
    reviews: &mut Reviews,
    rate: u32,
    time: Duration,
) -> anyhow::Result<Times> {
    let pause = Duration::from_secs(1) / rate;
    let started = Instant::now();
    let mut due = started;
    let mut sent = JoinSet::new();
    while due < started + time {
        // Sleeping is not exact enough; whatever else this processor has to do is done in between.
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        let (client, review, allowed) = (client.clone(), reviews.next(), reviews.allowed);
        let meant = due;
        sent.spawn(async move {
            client.expect(review, allowed).await?;
            anyhow::Ok(meant.elapsed())
        });
        due += pause;
    }
    let mut times = Vec::new();
    while let Some(took) = sent.join_next().await {
        times.push(took??);
    }
    Ok(Times::of(times))
}

/// How long answers took.
pub struct Times(Vec<Duration>);

impl Times {
    /// These.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Milliseconds within which so many percent were answered.
    pub fn within(&self, percent: usize) -> anyhow::Result<f64> {
        let last = self
            .0
            .len()
            .checked_sub(1)
            .context("nothing was measured")?;
        Ok(self.0[last * percent / 100].as_secs_f64() * 1e3)
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
