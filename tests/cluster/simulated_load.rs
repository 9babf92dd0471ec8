//! The load for simulated clusters: queries whose clients live in the simulator, paced, so that hundreds cost nothing.
//! Reports as `load` does: how many finished with all their pages, which failed, which came back wrong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xtrinode::demo::simulator::model::query::Query;
use xtrinode::demo::simulator::{Client, QuerySpec, Simulator};
use xtrinode::trino::words::QueryState;

use crate::load::{Failure, Report};
use crate::wait;

/// Each query has so many tasks, so that its pages can be counted whatever the number of workers.
const TASKS: u32 = 3;
/// Of each of them; read in about five seconds.
const PAGES: u64 = 30;
const PAGES_A_SECOND: f64 = 18.0;
/// Between two looks at the queries.
const LOOK: Duration = Duration::from_millis(500);

/// A number of queries kept under way. Dropping it stops replacing those that end.
pub struct SimulatedLoad {
    report: Arc<Mutex<Report>>,
    paused: Arc<AtomicBool>,
    last: CancellationToken,
    task: JoinHandle<()>,
}

impl SimulatedLoad {
    /// Keeps so many queries under way.
    pub fn start(simulator: &Arc<Simulator>, count: usize) -> Self {
        let report = Arc::<Mutex<Report>>::default();
        let last = CancellationToken::new();
        let paused = Arc::<AtomicBool>::default();
        let keeper = Keeper {
            simulator: Arc::clone(simulator),
            report: Arc::clone(&report),
            paused: Arc::clone(&paused),
            under_way: HashMap::new(),
        };
        let task = tokio::spawn(keeper.keep(count, last.clone()));
        Self {
            report,
            paused,
            last,
            task,
        }
    }

    /// Whether queries that end are followed by others.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// What became of the queries until now.
    pub fn so_far(&self) -> Report {
        lock(&self.report).clone()
    }

    /// Waits until so many have finished.
    pub async fn wait_finished(&self, count: u64) -> Result<()> {
        let what = format!("{count} finished simulated queries");
        wait::until(&what, 240, async || {
            Ok((self.so_far().finished >= count).then_some(()))
        })
        .await
    }

    /// Lets every query end, and reports.
    pub async fn finish(mut self) -> Result<Report> {
        self.last.cancel();
        (&mut self.task).await?;
        Ok(self.so_far())
    }
}

impl Drop for SimulatedLoad {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Keeper {
    simulator: Arc<Simulator>,
    report: Arc<Mutex<Report>>,
    paused: Arc<AtomicBool>,
    /// When each was submitted.
    under_way: HashMap<String, Instant>,
}

impl Keeper {
    async fn keep(mut self, count: usize, last: CancellationToken) {
        loop {
            if last.is_cancelled() && self.under_way.is_empty() {
                return;
            }
            let goes_on = !last.is_cancelled() && !self.paused.load(Ordering::Relaxed);
            while goes_on && self.under_way.len() < count {
                let id = self.simulator.submit(query());
                self.under_way.insert(id, Instant::now());
            }
            tokio::time::sleep(LOOK).await;
            self.collect();
        }
    }

    /// Takes the queries that have ended out of those under way.
    fn collect(&mut self) {
        let mut report = lock(&self.report);
        self.under_way.retain(|id, begun| {
            let Some(query) = self.simulator.query(id) else {
                report.failed.push(forgotten(id));
                return false;
            };
            record(&query, begun.elapsed(), &mut report)
        });
    }
}

/// Counts a query that has ended; answers whether it is still under way.
fn record(query: &Query, took: Duration, report: &mut Report) -> bool {
    let expected = u64::from(TASKS) * PAGES;
    match query.state {
        QueryState::Finished if query.pages_fetched == expected => report.finish(took),
        QueryState::Finished => {
            let wrong = format!(
                "{}: {} pages instead of {expected}",
                query.id, query.pages_fetched
            );
            report.wrong.push(wrong);
        }
        QueryState::Failed => {
            let failure = query.failure.as_ref();
            report.failed.push(Failure {
                name: failure.map_or("", |failure| failure.name).to_owned(),
                message: failure.map_or_else(String::new, |failure| failure.message.clone()),
            });
        }
        _ => return true,
    }
    false
}

/// A coordinator that was restarted knows nothing of its queries.
fn forgotten(id: &str) -> Failure {
    Failure {
        name: "FORGOTTEN".into(),
        message: format!("{id} is unknown to its coordinator"),
    }
}

fn query() -> QuerySpec {
    QuerySpec {
        tasks_per_stage: Some(TASKS),
        pages_per_task: PAGES,
        client: Client::Paced(PAGES_A_SECOND),
        ..QuerySpec::default()
    }
}

fn lock(report: &Mutex<Report>) -> std::sync::MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}
