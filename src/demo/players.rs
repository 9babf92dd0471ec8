//! Clients that play against the simulated coordinator on the statement protocol: fast ones, slow
//! ones, ones that stop reading for a while. They decide how the table moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a client asks and how it reads.
#[derive(Clone, Copy, Debug)]
struct Part {
    sql: &'static str,
    session: &'static str,
    /// Pause after each page.
    pause: Duration,
    /// Pages until it stops reading for [`BREAK`], once.
    stops_after: Option<u32>,
}

/// How long a client that stops reading stays away.
const BREAK: Duration = Duration::from_secs(3);

/// Pause after a query has ended.
const BETWEEN: Duration = Duration::from_secs(1);

/// Pages of a query whose schema is [`SCALE`], however many workers make them.
const PAGES: u32 = 120;

/// Stands for the schema in the statements of the cast.
const SCALE: &str = "SCALE";

/// The cast, in the order in which clients take their parts. The longest takes about six seconds, since whoever drains a
/// worker waits for its queries.
const PARTS: [Part; 6] = [
    Part::new("SELECT * FROM tpch.SCALE.lineitem", "", 40, None),
    Part::new("SELECT count(*) FROM tpch.tiny.orders", "", 10, None),
    Part::new(
        "SELECT l.*, o.comment FROM tpch.SCALE.lineitem l JOIN tpch.SCALE.orders o ON l.orderkey = o.orderkey",
        "",
        20,
        Some(20),
    ),
    Part::new("SELECT * FROM tpch.SCALE.orders", "", 5, None),
    Part::new(
        "SELECT * FROM tpch.SCALE.partsupp ORDER BY supplycost",
        "retry_policy=QUERY",
        30,
        None,
    ),
    Part::new(
        "SELECT * FROM tpch.SCALE.customer",
        "retry_policy=TASK",
        30,
        None,
    ),
];

/// The schema with which so many workers make [`PAGES`] pages: each makes 60 of `sf1`.
fn schema(workers: u16) -> String {
    let hundredths = (PAGES * 100).div_ceil(60 * u32::from(workers.max(1)));
    format!("sf{}.{:02}", hundredths / 100, hundredths % 100)
}

/// How the queries went.
#[derive(Debug, Default)]
pub struct Score {
    started: AtomicU64,
    finished: AtomicU64,
    failed: AtomicU64,
}

/// A reading of the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Queries submitted.
    pub started: u64,
    /// Read to the last page.
    pub finished: u64,
    /// Failed, or no answer.
    pub failed: u64,
}

impl Score {
    /// The score now.
    #[must_use]
    pub fn read(&self) -> Count {
        Count {
            started: self.started.load(Ordering::Relaxed),
            finished: self.finished.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// Clients at work. Dropping it ends them.
#[derive(Debug)]
pub struct Players {
    /// How the queries go.
    pub score: Arc<Score>,
    running: JoinSet<()>,
}

impl Players {
    /// Starts `count` clients of the coordinator at `base`, which has so many workers; `stop` ends them.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn start(
        base: &str,
        count: u16,
        workers: u16,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        let score = Arc::<Score>::default();
        let mut running = JoinSet::new();
        for number in 0..usize::from(count) {
            let player = Player {
                client: client.clone(),
                base: base.to_owned(),
                schema: schema(workers),
                score: Arc::clone(&score),
            };
            let stop = stop.clone();
            running.spawn(async move {
                // Being stopped in the middle of a page is how a demo ends.
                let _ = stop.run_until_cancelled(player.play(number)).await;
            });
        }
        Ok(Self { score, running })
    }

    /// Waits until every client has left.
    pub async fn leave(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

/// One client.
struct Player {
    client: reqwest::Client,
    base: String,
    schema: String,
    score: Arc<Score>,
}

impl Player {
    /// Plays its part again and again.
    async fn play(self, number: usize) {
        tokio::time::sleep(Duration::from_millis(150 * number as u64)).await;
        let part = &PARTS[number % PARTS.len()];
        loop {
            self.score.started.fetch_add(1, Ordering::Relaxed);
            let ended = match self.query(part).await {
                Ok(()) => &self.score.finished,
                Err(error) => {
                    tracing::info!(error = format!("{error:#}"), "A query of the demo failed");
                    &self.score.failed
                }
            };
            ended.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Runs one query to its last page.
    async fn query(&self, part: &Part) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/v1/statement", self.base));
        let request = request
            .header("x-trino-session", part.session)
            .body(part.sql.replace(SCALE, &self.schema));
        let mut page = answer(request).await?;
        let mut pages = 0;
        while let Some(next) = page["nextUri"].as_str() {
            page = answer(self.client.get(next)).await?;
            if page.get("data").is_some() {
                pages += 1;
                let stops = part.stops_after == Some(pages);
                tokio::time::sleep(if stops { BREAK } else { part.pause }).await;
            }
        }
        match page["error"]["message"].as_str() {
            Some(message) => Err(anyhow::anyhow!("{message}")),
            None => Ok(()),
        }
    }
}

impl Part {
    const fn new(
        sql: &'static str,
        session: &'static str,
        pause: u64,
        stops_after: Option<u32>,
    ) -> Self {
        Self {
            sql,
            session,
            pause: Duration::from_millis(pause),
            stops_after,
        }
    }
}

/// Sends a request as the demo's user and reads the page.
async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let request = request
        .header("x-trino-user", "demo")
        .header("x-trino-source", "xtrinode-demo");
    let response = request.send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&response.bytes().await?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::simulator::QuerySpec;
    use crate::trino::words::RetryPolicy;

    #[test]
    fn queries_are_as_long_on_any_number_of_workers() {
        for workers in [1, 2, 3, 4, 20, 120, 250] {
            let sql = PARTS[0].sql.replace(SCALE, &schema(workers));
            let spec = QuerySpec::from_sql(&sql, RetryPolicy::None);
            let pages = spec.pages_per_task * u64::from(workers);
            assert!((120..=250).contains(&pages), "{workers}: {pages} of {sql}");
        }
    }
}
