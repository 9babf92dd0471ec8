//! What the guard counts about itself. Labels are bounded: paths, verdicts and reasons come from closed lists of words.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;

use crate::core::guard::rows::Row;
use crate::process::metrics::Metrics;

/// Names a kind of answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// The webhook's path.
    pub path: &'static str,
    /// `allow`, `deny`, `audit-deny`, `error`.
    pub verdict: &'static str,
    /// The row's reason word.
    pub reason: &'static str,
}

/// Names a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct At {
    /// The webhook's path.
    pub path: &'static str,
}

/// Names an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// A bounded word.
    pub outcome: &'static str,
}

/// Names a reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// A bounded word.
    pub reason: &'static str,
}

/// Names what a death cost.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Lost {
    /// `yes`, `no` or `unknown`.
    pub tasks_lost: &'static str,
}

/// Makes the histograms of answers: from what memory takes to what the server waits.
#[derive(Clone, Debug, Default)]
pub struct AnswerTimes;

impl MetricConstructor<Histogram> for AnswerTimes {
    fn new_metric(&self) -> Histogram {
        Histogram::new([
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 2.5, 5.0,
        ])
    }
}

/// All counters. Clones share them.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Answers to reviews.
    pub verdicts: Family<Answered, Counter>,
    /// How long answers took.
    pub seconds: Family<At, Histogram, AnswerTimes>,
    /// Reviews of nobody whom we trust.
    pub untrusted: Counter,
    /// Grants asked for.
    pub grants: Family<Outcome, Counter>,
    /// Drains that ended.
    pub drains: Family<Outcome, Counter>,
    /// Removals that were let go although something was or may have been lost.
    pub forced: Family<Reason, Counter>,
    /// Guarded workers that went without asking.
    pub deaths: Family<Lost, Counter>,
    /// Writes to the Kubernetes API that failed.
    pub write_failures: Family<Reason, Counter>,
}

impl Default for Counters {
    /// Those that alerts watch stand at zero from the start: a series that begins with its first event shows no increase.
    fn default() -> Self {
        let counters = Self {
            verdicts: Family::default(),
            seconds: Family::new_with_constructor(AnswerTimes),
            untrusted: Counter::default(),
            grants: Family::default(),
            drains: Family::default(),
            forced: Family::default(),
            deaths: Family::default(),
            write_failures: Family::default(),
        };
        for row in Row::FORCED {
            let reason = row.reason();
            let _ = counters.forced.get_or_create(&Reason { reason });
        }
        for tasks_lost in ["yes", "no", "unknown"] {
            let _ = counters.deaths.get_or_create(&Lost { tasks_lost });
        }
        counters
    }
}

impl Counters {
    /// Registers everything.
    pub fn register(&self, metrics: &mut Metrics) {
        metrics.register(
            "xtrinode_guard_verdicts",
            "Answers to admission reviews, by path, verdict and reason",
            self.verdicts.clone(),
        );
        metrics.register(
            "xtrinode_guard_verdict_duration_seconds",
            "Time from a review's last byte to its answer",
            self.seconds.clone(),
        );
        metrics.register(
            "xtrinode_guard_untrusted_reviews",
            "Reviews without the path's secret or a trusted client certificate: answered, without effect",
            self.untrusted.clone(),
        );
        metrics.register(
            "xtrinode_guard_grants",
            "Grants asked for, by outcome",
            self.grants.clone(),
        );
        metrics.register(
            "xtrinode_guard_drains",
            "Drains that ended, by outcome",
            self.drains.clone(),
        );
        metrics.register(
            "xtrinode_guard_forced",
            "Removals let go although work was or may have been lost, by reason",
            self.forced.clone(),
        );
        metrics.register(
            "xtrinode_guard_unguarded_worker_deaths",
            "Guarded workers that went without asking the guard, by whether tasks were lost",
            self.deaths.clone(),
        );
        metrics.register(
            "xtrinode_guard_write_failures",
            "Failed writes to the Kubernetes API, by reason",
            self.write_failures.clone(),
        );
    }
}
