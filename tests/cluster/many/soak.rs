//! The long run, in pieces: each disruption becomes a row of docs/soak.md, and a piece goes on where the one before it
//! ended, until there are enough. It can be ended at any moment; what is under way then is not counted.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;

use super::fleet::Fleet;
use super::kind::Kind;
use super::ledger::{self, Ledger, Row};
use super::seed;
use crate::story::say;
use crate::world::World;

const REAL: usize = 200;
const SIMULATED: usize = 10_000;

const ROWS: &str = "| number | date | commit | seed | kind | cluster | s | refusals | queries | failed | wrong | in time |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";

/// Goes on until there are enough rows, the time `FOR` is over, or Ctrl-C comes.
pub async fn soak() -> Result<()> {
    let mut book = Book::open()?;
    let (real, simulated) = book.counts();
    say!("  docs/soak.md has {real} real and {simulated} simulated disruptions");
    if real >= REAL && simulated >= SIMULATED {
        return Ok(());
    }
    let time = time()?;
    let seed = seed()?;
    let fleets = [
        (
            Fleet::Real { long: true },
            Ledger::new(REAL.saturating_sub(real)),
        ),
        (
            Fleet::Simulated,
            Ledger::new(SIMULATED.saturating_sub(simulated)),
        ),
    ];
    let commit = commit()?;
    let rows = std::cell::RefCell::new(&mut book);
    let done = |row: &Row| rows.borrow_mut().add(row, &commit, seed);
    let runs =
        fleets
            .iter()
            .filter(|(_, ledger)| !ledger.is_full())
            .map(async |(fleet, ledger)| {
                let world = World::start().await?;
                fleet.run(&world, ledger, seed, &done).await
            });
    let ended = tokio::select! {
        ended = futures::future::try_join_all(runs) => ended.map(drop),
        () = over(time, &fleets) => Ok(()),
    };
    book.close()?;
    let (real, simulated) = book.counts();
    say!("  docs/soak.md has {real} real and {simulated} simulated disruptions now");
    ended
}

/// Comes when Ctrl-C does; when the time is over no other disruption begins.
async fn over(time: Option<Duration>, fleets: &[(Fleet, Ledger)]) {
    let timer = async {
        if let Some(time) = time {
            tokio::time::sleep(time).await;
            for (_, ledger) in fleets {
                ledger.close();
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = timer => {}
        // Without signals there is only the timer.
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// `FOR=30m`.
fn time() -> Result<Option<Duration>> {
    let Ok(text) = std::env::var("FOR") else {
        return Ok(None);
    };
    let wrong = || format!("FOR is {text:?}; it takes minutes or hours, such as 30m or 2h");
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).with_context(wrong)?;
    let number: u64 = number.parse().with_context(wrong)?;
    match unit {
        "m" => Ok(Some(Duration::from_secs(number * 60))),
        "h" => Ok(Some(Duration::from_secs(number * 3600))),
        _ => bail!(wrong()),
    }
}

/// The commit that is tested; with a `+` when files differ from it.
fn commit() -> Result<String> {
    let git = |arguments: &[&str]| -> Result<String> {
        let said = Command::new("git")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()?;
        Ok(String::from_utf8(said.stdout)?.trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--", "src", "charts", "tests"])?;
    let sign = if changed.is_empty() { "" } else { "+" };
    Ok(git(&["rev-parse", "--short", "HEAD"])? + sign)
}

/// docs/soak.md: a summary, and below it the rows.
struct Book {
    path: PathBuf,
    rows: Vec<String>,
}

impl Book {
    fn open() -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/soak.md");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let rows = text.lines().filter(|line| is_row(line)).map(str::to_owned);
        let book = Self {
            rows: rows.collect(),
            path,
        };
        book.close()?;
        Ok(book)
    }

    /// Real and simulated ones.
    fn counts(&self) -> (usize, usize) {
        let real = self
            .rows
            .iter()
            .filter(|row| cell(row, 6) == "real")
            .count();
        (real, self.rows.len() - real)
    }

    /// Appends one; it is in the file when this returns.
    fn add(&mut self, row: &Row, commit: &str, seed: u64) -> Result<()> {
        let line = format!(
            "| {} | {} | {commit} | {seed} | {} | {} | {:.1} | {} | {} | {} | {} | {} |",
            self.rows.len() + 1,
            Timestamp::now().strftime("%Y-%m-%d"),
            row.kind.name(),
            if row.real { "real" } else { "simulated" },
            row.seconds,
            row.refusals,
            row.finished,
            row.failed,
            row.wrong,
            if row.undone.is_none() { "yes" } else { "no" },
        );
        let mut file = fs::OpenOptions::new().append(true).open(&self.path)?;
        writeln!(file, "{line}")?;
        self.rows.push(line);
        Ok(())
    }

    /// Writes the file anew, its summary made of its rows.
    fn close(&self) -> Result<()> {
        let mut text = self.summary();
        text.push_str(ROWS);
        for row in &self.rows {
            text.push_str(row);
            text.push('\n');
        }
        let next = self.path.with_extension("md.next");
        fs::write(&next, text)?;
        Ok(fs::rename(next, &self.path)?)
    }

    fn summary(&self) -> String {
        let (real, simulated) = self.counts();
        let sum = |column| -> u64 {
            let cells = self.rows.iter().map(|row| cell(row, column).parse::<u64>());
            cells.filter_map(Result::ok).sum()
        };
        let mut text = format!(
            "# Soak\n\nOne row for each disruption of guarded clusters under load, appended by `make soak`. A query that fails or comes back with \
             other rows than it should, or a disruption that is not done within its bound, stands here as well and ends its run, which prints the story.\n\n{}\n\n\
             {real} disruptions of real Trino (goal {REAL}), {simulated} of simulated clusters (goal {SIMULATED}): {} queries finished meanwhile, \
             {} failed, {} wrong; {} not in time; {} refusals.\n\n| kind | count | s, median | s, max |\n|---|---|---|---|\n",
            ledger::WHAT,
            sum(9),
            sum(10),
            sum(11),
            self.rows.iter().filter(|row| cell(row, 12) == "no").count(),
            sum(8),
        );
        for kind in Kind::ALL {
            let of_kind = self.rows.iter().filter(|row| cell(row, 5) == kind.name());
            let mut took: Vec<f64> = of_kind
                .filter_map(|row| cell(row, 7).parse().ok())
                .collect();
            took.sort_by(f64::total_cmp);
            if let (Some(median), Some(max)) = (took.get(took.len() / 2), took.last()) {
                let _ = writeln!(
                    text,
                    "| {} | {} | {median:.1} | {max:.1} |",
                    kind.name(),
                    took.len()
                );
            }
        }
        text.push('\n');
        text
    }
}

/// A row of a disruption: its first cell is its number.
fn is_row(line: &str) -> bool {
    line.split('|').count() == 14 && cell(line, 1).parse::<usize>().is_ok()
}

/// A cell of a row, counted from 1.
fn cell(row: &str, number: usize) -> &str {
    row.split('|').nth(number).unwrap_or_default().trim()
}
