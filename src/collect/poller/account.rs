//! What a cycle leaves in counters and in the log. Decides nothing.

use std::time::Duration;

use crate::core::buffers::ledger::coverage;
use crate::core::buffers::snapshot::Report;
use crate::core::moment::Moment;

use super::super::counters::Of;
use super::{Memory, Poller};

impl Poller {
    /// Accounts for a cycle that began at `started` and has just ended.
    pub(super) fn account(&self, memory: &Memory, started: Moment, report: &Report) {
        let now = self.clock().now();
        let took = now.since(started);
        let outcome = coverage(&report.closed, now, self.stale_after);
        let of = &memory.of;
        self.counters
            .cycles
            .get_or_create(&of.how(outcome.word()))
            .inc();
        self.counters
            .cycle_seconds
            .get_or_create(of)
            .observe(took.as_secs_f64());
        tracing::debug!(
            coordinator = of.coordinator,
            outcome = outcome.word(),
            ?took,
            "Cycle ended"
        );
        if let Some(problem) = &report.problem {
            tracing::warn!(
                coordinator = of.coordinator,
                reason = problem.reason,
                error = problem.detail,
                "The cycle was not whole"
            );
        }
        self.account_overrun(of, took);
    }

    fn account_overrun(&self, of: &Of, took: Duration) {
        let overrun = took.as_secs_f64() / self.interval.as_secs_f64();
        if overrun >= 1.0 {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // finite, at least 1
            let missed = overrun as u64;
            self.counters.overrun.get_or_create(of).inc_by(missed);
            tracing::warn!(
                coordinator = of.coordinator,
                ?took,
                missed,
                "The cycle took longer than pollIntervalSeconds"
            );
        }
    }
}
