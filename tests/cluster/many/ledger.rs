//! What a run has done: one row for each disruption, those that went wrong included, and what the rows say together.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::kind::Kind;

/// One disruption: done, or why not.
#[derive(Clone, Debug)]
pub struct Row {
    pub kind: Kind,
    pub real: bool,
    /// From the caller's first request to its end.
    pub seconds: f64,
    pub refusals: usize,
    /// Queries that finished meanwhile, with all their rows.
    pub finished: u64,
    /// Queries that failed meanwhile.
    pub failed: usize,
    /// Queries that came back meanwhile with another number of rows.
    pub wrong: usize,
    /// Why it was not done within its bound, or could not be done at all.
    pub undone: Option<String>,
    /// For each worker that went: seconds from the last moment at which it held anything to its deletion.
    pub free: Vec<f64>,
}

impl Row {
    /// Whether it did what the guard promises.
    pub const fn is_good(&self) -> bool {
        self.failed == 0 && self.wrong == 0 && self.undone.is_none()
    }
}

/// All rows of one fleet, and how many are still to come.
pub struct Ledger {
    rows: Mutex<Vec<Row>>,
    left: Mutex<usize>,
    /// Seconds for which a free worker stayed at most.
    longest: Mutex<f64>,
}

/// Stays after which a free worker's story is worth telling: twice the time of notice and two grace periods of a real cluster.
const REMARKABLE: f64 = 40.0;

impl Ledger {
    /// For so many disruptions.
    pub const fn new(goal: usize) -> Self {
        Self {
            rows: Mutex::new(Vec::new()),
            left: Mutex::new(goal),
            longest: Mutex::new(REMARKABLE),
        }
    }

    /// Whether one more may begin.
    pub fn take(&self) -> bool {
        let mut left = lock(&self.left);
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }

    /// Whether none is to come.
    pub fn is_full(&self) -> bool {
        *lock(&self.left) == 0
    }

    /// No other begins.
    pub fn close(&self) {
        *lock(&self.left) = 0;
    }

    /// Adds one that is done.
    pub fn add(&self, row: Row) {
        lock(&self.rows).push(row);
    }

    /// How long a free worker stayed in this one, where no other stayed longer and it is remarkable.
    pub fn is_record(&self, row: &Row) -> Option<f64> {
        let stay = row.free.iter().copied().max_by(f64::total_cmp)?;
        let mut longest = lock(&self.longest);
        let record = stay > *longest;
        *longest = longest.max(stay);
        record.then_some(stay)
    }

    /// How many are done.
    pub fn count(&self) -> usize {
        lock(&self.rows).len()
    }

    /// All that are done.
    pub fn rows(&self) -> Vec<Row> {
        lock(&self.rows).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the rows mean.
pub const WHAT: &str = "Simulated clusters are asked through the API: a scale by the subresource, an HPA's by its account, an uninstall in Helm's order; real ones by kubectl where it \
has a verb. While the coordinator is evicted or all is uninstalled the load pauses, since a coordinator goes only without queries. A disruption's bound is, for each worker that has to go, \
twice the sum of the longest query, twice noticeTime, two grace periods and the proof (20 s), one retry (5 s) and a worker's start: twice, since dozens of clusters share two \
processors. The unguarded time is that of the same kind on a simulated cluster without guard and load.";

/// The cost table: for each kind how many there were, how long they took, how long a worker that was free stayed, and how
/// long the same takes without a guard.
pub fn table(rows: &[Row], unguarded: &[Row]) -> String {
    let mut by_kind: BTreeMap<(bool, Kind), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_kind.entry((!row.real, row.kind)).or_default().push(row);
    }
    let mut text = "| kind | clusters | count | refusals | s, median | s, max | free to deleted, s, median | max | unguarded, s, median |\n\
                    |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for ((simulated, kind), rows) in by_kind {
        let clusters = if simulated { "simulated" } else { "real" };
        let refusals: usize = rows.iter().map(|row| row.refusals).sum();
        let took = Spread::of(rows.iter().map(|row| row.seconds));
        let free = Spread::of(rows.iter().flat_map(|row| row.free.iter().copied()));
        let without = unguarded.iter().filter(|row| row.kind == kind);
        let without = Spread::of(without.map(|row| row.seconds));
        let _ = writeln!(
            text,
            "| {} | {clusters} | {} | {refusals} | {} | {} | {} | {} | {} |",
            kind.name(),
            rows.len(),
            took.median,
            took.max,
            free.median,
            free.max,
            without.median,
        );
    }
    text
}

/// Two figures of a sample, as text; a dash where there is none.
struct Spread {
    median: String,
    max: String,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let show =
            |value: Option<&f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
        Self {
            median: show(values.get(values.len() / 2)),
            max: show(values.last()),
        }
    }
}
