//! What happened, counted: the table that a run ends with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use xtrinode::core::guard::ask::{Outcome, Verdict};
use xtrinode::core::guard::plan::Reason;
use xtrinode::core::guard::rows::Row;

use crate::callers::What;

/// Counts of one run.
#[derive(Default)]
pub struct Tally {
    /// Episodes.
    pub episodes: u64,
    /// Simulated milliseconds.
    pub simulated: u64,
    kinds: BTreeMap<What, Kind>,
    rows: BTreeMap<(Row, &'static str), u64>,
    events: BTreeMap<Reason, u64>,
    /// Queries submitted.
    pub submitted: u64,
    /// Queries that ended well.
    pub finished: u64,
    /// Queries killed by a disruption that nothing forced.
    pub killed: u64,
    /// Queries that such a disruption made begin again.
    pub rerun: u64,
    /// Queries lost to bounds, orders, and clusters that can't be protected.
    pub forced: u64,
    /// Queries that came after the list that a coordinator's verdict rests on.
    pub late: u64,
    /// Queries that came after the list by which the last worker was drained.
    pub late_drain: u64,
    /// Queries that came to a worker that began to serve between the look at it and its end.
    pub late_start: u64,
    /// Queries lost to what broke by itself.
    pub broken: u64,
    /// Tasks of fault-tolerant queries that ran again.
    pub tasks_again: u64,
    /// Pods removed.
    pub removed: u64,
    /// Drains begun.
    pub drains: u64,
    /// Drains taken back.
    pub returned: u64,
    /// Kicks.
    pub kicks: u64,
    /// Evictions by the leader.
    pub own_evictions: u64,
    /// Writes that lost a race.
    pub races: u64,
    /// Changes of leader.
    pub leaders: u64,
    /// Scale-downs lowered by the clamp.
    pub clamped: u64,
    /// Plans made.
    pub plans: u64,
}

#[derive(Default)]
struct Kind {
    asked: u64,
    reached: u64,
    gave_up: u64,
    waits: Vec<u32>,
}

impl Tally {
    /// Somebody asked for so many.
    pub fn asked(&mut self, what: What, count: usize) {
        self.kinds.entry(what).or_default().asked += count as u64;
    }

    /// How many disruptions were asked for.
    pub fn disruptions(&self) -> u64 {
        self.kinds.values().map(|kind| kind.asked).sum()
    }

    /// Somebody has what they want, or gave up.
    pub fn ended(&mut self, what: What, reached: bool, wait: u64) {
        let kind = self.kinds.entry(what).or_default();
        if reached {
            kind.reached += 1;
            kind.waits.push(u32::try_from(wait).unwrap_or(u32::MAX));
        } else {
            kind.gave_up += 1;
        }
    }

    /// A verdict.
    pub fn verdict(&mut self, verdict: &Verdict) {
        let word = match verdict.outcome {
            Outcome::Allow => "allow",
            Outcome::Look(_) | Outcome::Wait => "wait",
            Outcome::Forbid => "forbid",
        };
        *self.rows.entry((verdict.row, word)).or_default() += 1;
    }

    /// An Event of the leader.
    pub fn event(&mut self, reason: Reason) {
        *self.events.entry(reason).or_default() += 1;
    }

    /// Adds another run's counts.
    pub fn add(&mut self, mut other: Self) {
        for (sum, count) in self.counts().into_iter().zip(other.counts()) {
            *sum.1 += *count.1;
        }
        for (what, kind) in other.kinds {
            let sum = self.kinds.entry(what).or_default();
            sum.asked += kind.asked;
            sum.reached += kind.reached;
            sum.gave_up += kind.gave_up;
            sum.waits.extend(kind.waits);
        }
        for (row, count) in other.rows {
            *self.rows.entry(row).or_default() += count;
        }
        for (reason, count) in other.events {
            *self.events.entry(reason).or_default() += count;
        }
    }

    fn counts(&mut self) -> [(&'static str, &mut u64); 21] {
        [
            ("episodes", &mut self.episodes),
            ("simulated ms", &mut self.simulated),
            ("queries submitted", &mut self.submitted),
            ("queries finished", &mut self.finished),
            ("queries killed", &mut self.killed),
            ("queries begun again", &mut self.rerun),
            ("queries lost to force", &mut self.forced),
            ("queries too late (coordinator)", &mut self.late),
            ("queries too late (last worker)", &mut self.late_drain),
            ("queries too late (overtaken)", &mut self.late_start),
            ("queries lost to faults", &mut self.broken),
            ("tasks begun again", &mut self.tasks_again),
            ("pods removed", &mut self.removed),
            ("drains begun", &mut self.drains),
            ("drains taken back", &mut self.returned),
            ("kicks", &mut self.kicks),
            ("evictions by the leader", &mut self.own_evictions),
            ("lost races", &mut self.races),
            ("changes of leader", &mut self.leaders),
            ("clamped", &mut self.clamped),
            ("plans", &mut self.plans),
        ]
    }

    /// The table.
    pub fn table(&mut self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{:<20} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "disruption", "asked", "ended", "gave up", "p50 s", "p99 s", "max s"
        );
        for (what, kind) in &mut self.kinds {
            kind.waits.sort_unstable();
            let at = |part: usize| {
                let last = kind.waits.len().saturating_sub(1);
                f64::from(kind.waits.get(last * part / 100).copied().unwrap_or(0)) / 1000.0
            };
            let _ = writeln!(
                text,
                "{:<20} {:>9} {:>9} {:>9} {:>9.1} {:>9.1} {:>9.1}",
                format!("{what:?}"),
                kind.asked,
                kind.reached,
                kind.gave_up,
                at(50),
                at(99),
                at(100)
            );
        }
        let _ = writeln!(
            text,
            "\n{:<5} {:<22} {:<22} {:<7} {:>10}",
            "row", "name", "reason", "verdict", "count"
        );
        for ((row, word), count) in &self.rows {
            let name = format!("{row:?}");
            let _ = writeln!(
                text,
                "{:<5} {name:<22} {:<22} {word:<7} {count:>10}",
                row.number(),
                row.reason()
            );
        }
        let _ = writeln!(text);
        for (reason, count) in &self.events {
            let _ = writeln!(text, "event {:<22} {count:>10}", reason.word());
        }
        for (name, count) in self.counts() {
            let _ = writeln!(text, "{name:<32} {count:>10}");
        }
        text
    }
}
