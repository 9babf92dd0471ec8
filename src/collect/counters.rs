//! What collectors count about themselves. Labels are bounded: coordinators come from the configuration,
//! reasons and outcomes from closed lists of words.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;

use crate::core::buffers::snapshot::CoordinatorSpec;

/// Names a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Of {
    /// Its name.
    pub coordinator: String,
    /// Its release.
    pub release: String,
}

impl From<&CoordinatorSpec> for Of {
    fn from(spec: &CoordinatorSpec) -> Self {
        Self {
            coordinator: spec.name.clone(),
            release: spec.release.clone(),
        }
    }
}

/// Names a coordinator and a reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Why {
    /// The coordinator.
    pub coordinator: String,
    /// Its release.
    pub release: String,
    /// A bounded word.
    pub reason: &'static str,
}

/// Names a coordinator and an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct How {
    /// The coordinator.
    pub coordinator: String,
    /// Its release.
    pub release: String,
    /// `complete`, `partial` or `unknown`.
    pub outcome: &'static str,
}

impl Of {
    /// With a reason.
    #[must_use]
    pub fn why(&self, reason: &'static str) -> Why {
        Why {
            coordinator: self.coordinator.clone(),
            release: self.release.clone(),
            reason,
        }
    }

    /// With an outcome.
    #[must_use]
    pub fn how(&self, outcome: &'static str) -> How {
        How {
            coordinator: self.coordinator.clone(),
            release: self.release.clone(),
            outcome,
        }
    }
}

/// Cycles last from a millisecond (idle) to minutes (many large queries).
const CYCLE_SECONDS: [f64; 12] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// Makes the histograms of cycle durations.
#[derive(Clone, Copy, Debug, Default)]
pub struct CycleSeconds;

impl MetricConstructor<Histogram> for CycleSeconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(CYCLE_SECONDS)
    }
}

/// All counters of all collectors of a process. Clones share their values.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Cycles by outcome.
    pub cycles: Family<How, Counter>,
    /// Duration of cycles.
    pub cycle_seconds: Family<Of, Histogram, CycleSeconds>,
    /// Whole intervals that a cycle overran.
    pub overrun: Family<Of, Counter>,
    /// Query documents read to their end.
    pub reads: Family<Of, Counter>,
    /// Listed queries that were not read, by reason (`resting`, `gone`).
    pub skipped: Family<Why, Counter>,
    /// Failed requests for a query document, by reason.
    pub failed: Family<Why, Counter>,
    /// Failed cycles' requests for the list and the coordinator's own description, by reason.
    pub list_failed: Family<Why, Counter>,
    /// Bytes of lists and documents, decompressed.
    pub bytes: Family<Of, Counter>,
    /// Lists and documents that could not be parsed, by reason.
    pub parse_failures: Family<Why, Counter>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            cycles: Family::default(),
            cycle_seconds: Family::new_with_constructor(CycleSeconds),
            overrun: Family::default(),
            reads: Family::default(),
            skipped: Family::default(),
            failed: Family::default(),
            list_failed: Family::default(),
            bytes: Family::default(),
            parse_failures: Family::default(),
        }
    }
}

impl Counters {
    /// Makes the series of one coordinator exist with zero, so that a first increase is seen by `rate()`.
    pub fn begin(&self, of: &Of) {
        drop(self.cycle_seconds.get_or_create(of));
        for family in [&self.overrun, &self.reads, &self.bytes] {
            drop(family.get_or_create(of));
        }
        for outcome in ["complete", "partial", "unknown"] {
            drop(self.cycles.get_or_create(&of.how(outcome)));
        }
        for reason in ["resting", "gone"] {
            drop(self.skipped.get_or_create(&of.why(reason)));
        }
    }
}
