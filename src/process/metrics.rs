//! The one metrics registry of a process. Moves what components registered into text;
//! never measures anything itself.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::{Metric, Registry};

use super::exposition::{Exposition, to_prometheus_text};

/// Where components register at start. Shared as `Arc<Metrics>` once complete: from
/// then on only values change, through the handles that components kept.
#[derive(Default)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Registers a metric. A counter's name goes without `_total`, an info's without
    /// `_info`: both are added when the text is written. `help` may or may not end with a full stop.
    pub fn register(&mut self, name: &str, help: &str, metric: impl Metric) {
        // The registry adds a full stop of its own.
        self.registry
            .register(name, help.trim_end_matches('.'), metric);
    }

    /// Registers values that are read at scrape, such as those of a published snapshot.
    pub fn register_collector(&mut self, collector: Box<dyn Collector>) {
        self.registry.register_collector(collector);
    }

    /// Everything registered, in the format asked for. Fails only when a collector fails to write.
    pub fn render(&self, exposition: Exposition) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(match exposition {
            Exposition::OpenMetrics => text,
            Exposition::Prometheus => to_prometheus_text(&text),
        })
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;

    use super::*;

    fn sample() -> Metrics {
        let mut metrics = Metrics::default();
        let reads: Family<Vec<(&str, &str)>, Counter> = Family::default();
        reads
            .get_or_create(&vec![("reason", "a \"b\"\n#")])
            .inc_by(2);
        metrics.register("demo_reads", "Reads, by reason.", reads);
        metrics.register(
            "demo_build",
            "This build",
            Info::new([("version", "0.1.0")]),
        );
        metrics.register("demo_queries", "Queries.", Gauge::<i64>::default());
        let seconds = Histogram::new([0.5, 1.0]);
        seconds.observe(0.7);
        metrics.register("demo_cycle_seconds", "Duration of a cycle.", seconds);
        metrics
    }

    #[test]
    fn prometheus_text_is_complete() {
        let expected = "\
# HELP demo_reads_total Reads, by reason.
# TYPE demo_reads_total counter
demo_reads_total{reason=\"a \\\"b\\\"\\n#\"} 2
# HELP demo_build_info This build.
# TYPE demo_build_info gauge
demo_build_info{version=\"0.1.0\"} 1
# HELP demo_queries Queries.
# TYPE demo_queries gauge
demo_queries 0
# HELP demo_cycle_seconds Duration of a cycle.
# TYPE demo_cycle_seconds histogram
demo_cycle_seconds_sum 0.7
demo_cycle_seconds_count 1
demo_cycle_seconds_bucket{le=\"0.5\"} 0
demo_cycle_seconds_bucket{le=\"1.0\"} 1
demo_cycle_seconds_bucket{le=\"+Inf\"} 1
";
        assert_eq!(sample().render(Exposition::Prometheus).unwrap(), expected);
    }

    #[test]
    fn open_metrics_keeps_its_own_names_and_end() {
        let text = sample().render(Exposition::OpenMetrics).unwrap();
        assert!(
            text.contains("# TYPE demo_reads counter\ndemo_reads_total{"),
            "{text}"
        );
        assert!(text.contains("# TYPE demo_build info\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert!(!text.contains(".."), "{text}");
    }
}
