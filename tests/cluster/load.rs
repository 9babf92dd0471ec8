//! Clients that work as users do: each submits a query, reads it slowly to the last row, checks how many rows came, and
//! begins again. Reports what finished, failed and came back wrong; decides nothing about whether that is right.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, QueryFailed, Statement};
use crate::wait;

/// A page that does not come is asked for again this often, a second apart, as Trino's own clients do.
const TRIES: u32 = 60;

/// What a client asks, and how many rows are right.
#[derive(Clone, Copy)]
pub struct Question {
    pub sql: &'static str,
    pub rows: u64,
    /// Between two pages of about 1 MB.
    pub pause: Duration,
}

/// About 120 MB in 60 000 rows through a join on all workers; read in half a minute.
pub const WIDE: Question = Question {
    sql: crate::harness::WIDE,
    rows: 60_175,
    pause: Duration::from_millis(200),
};

/// A query that did not finish.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Trino's error name, or `CLIENT` when no word of Trino's came.
    pub name: String,
    pub message: String,
}

/// What became of all queries.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub finished: u64,
    pub failed: Vec<Failure>,
    /// Those that finished with another number of rows.
    pub wrong: Vec<String>,
    /// What the longest of the finished ones took.
    pub longest: Duration,
}

impl Report {
    /// Counts a query that finished as it should.
    pub fn finish(&mut self, took: Duration) {
        self.finished += 1;
        self.longest = self.longest.max(took);
    }

    /// Whether every query that has ended gave what it should.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.wrong.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            finished,
            failed,
            wrong,
            longest: _,
        } = self;
        write!(
            f,
            "{finished} finished, {} failed, {} wrong",
            failed.len(),
            wrong.len()
        )?;
        for failure in failed {
            let first = failure.message.lines().next().unwrap_or_default();
            write!(f, "\n    {}: {first}", failure.name)?;
        }
        wrong
            .iter()
            .try_for_each(|wrong| write!(f, "\n    {wrong}"))
    }
}

#[derive(Debug, Default)]
struct Shared {
    report: Mutex<Report>,
    /// Queries that have sent a row and not the last.
    reading: AtomicUsize,
}

/// Running clients. Dropping it abandons them.
pub struct Load {
    shared: Arc<Shared>,
    last: CancellationToken,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many clients that all ask the same.
    pub fn start(client: &Client, count: usize, question: Question) -> Self {
        let shared = Arc::<Shared>::default();
        let last = CancellationToken::new();
        let one = |_| {
            let (client, shared, last) = (client.clone(), Arc::clone(&shared), last.clone());
            tokio::spawn(async move {
                while !last.is_cancelled() {
                    shared.ask(&client, question).await;
                }
            })
        };
        let clients = (0..count).map(one).collect();
        Self {
            shared,
            last,
            clients,
        }
    }

    /// Waits until this many clients are in the middle of a result.
    pub async fn wait_reading(&self, count: usize) -> Result<()> {
        let what = format!("{count} clients in the middle of a result");
        wait::until(&what, 120, async || {
            Ok((self.shared.reading.load(Ordering::Relaxed) >= count).then_some(()))
        })
        .await
    }

    /// What became of the queries until now.
    pub fn so_far(&self) -> Report {
        self.shared.report().clone()
    }

    /// Lets every client end its query, and reports.
    pub async fn finish(mut self) -> Result<Report> {
        self.last.cancel();
        for client in &mut self.clients {
            client.await?;
        }
        Ok(self.so_far())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for client in &self.clients {
            client.abort();
        }
    }
}

impl Shared {
    async fn ask(&self, client: &Client, question: Question) {
        let begun = Instant::now();
        match self.read(client, question).await {
            Ok(rows) if rows == question.rows => self.report().finish(begun.elapsed()),
            Ok(rows) => {
                let wrong = format!("{rows} rows instead of {}", question.rows);
                self.report().wrong.push(wrong);
            }
            Err(error) => {
                self.report().failed.push(failure(&error));
                // A cluster that fails everything at once is not asked a thousand times.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Reads one result; gives its rows.
    async fn read(&self, client: &Client, question: Question) -> Result<u64> {
        let mut statement = client.submit(question.sql).await?;
        let mut reading = Reading::new(&self.reading);
        while fetch(&mut statement).await? {
            if statement.rows > 0 {
                reading.begin();
                tokio::time::sleep(question.pause).await;
            }
        }
        Ok(statement.rows)
    }

    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one reader while it lives.
struct Reading<'a> {
    count: &'a AtomicUsize,
    begun: bool,
}

impl<'a> Reading<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        Self {
            count,
            begun: false,
        }
    }

    fn begin(&mut self) {
        if !self.begun {
            self.begun = true;
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if self.begun {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn fetch(statement: &mut Statement) -> Result<bool> {
    let mut tries = 0;
    loop {
        let outcome = statement.fetch().await;
        statement.forget_rows();
        match outcome {
            Err(error) if tries < TRIES && error.downcast_ref::<QueryFailed>().is_none() => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            outcome => return outcome,
        }
    }
}

fn failure(error: &anyhow::Error) -> Failure {
    match error.downcast_ref::<QueryFailed>() {
        Some(failed) => Failure {
            name: failed.name.clone(),
            message: failed.message.clone(),
        },
        None => Failure {
            name: "CLIENT".into(),
            message: format!("{error:#}"),
        },
    }
}
