//! Registers what the exporter says about itself. Names are a contract with users; docs/metrics.md lists them.

use prometheus_client::metrics::info::Info;

use crate::collect::counters::Counters;
use crate::process::build::BUILD;
use crate::process::metrics::Metrics;

use super::gauges::Gauges;

/// Registers everything.
pub fn register(metrics: &mut Metrics, gauges: Gauges, counters: &Counters) {
    metrics.register_collector(Box::new(gauges));
    let build = Info::new([
        ("version", BUILD.version),
        ("commit", BUILD.commit),
        ("target", BUILD.target),
    ]);
    metrics.register("trino_buffer_exporter_build", "This build", build);
    register_cycles(metrics, counters);
    register_reads(metrics, counters);
}

fn register_cycles(metrics: &mut Metrics, counters: &Counters) {
    metrics.register(
        "trino_buffer_exporter_cycles",
        "Collection cycles, by how much is known after them",
        counters.cycles.clone(),
    );
    metrics.register(
        "trino_buffer_exporter_cycle_duration_seconds",
        "Duration of collection cycles",
        counters.cycle_seconds.clone(),
    );
    metrics.register(
        "trino_buffer_exporter_skipped_ticks",
        "Whole poll intervals that cycles took beyond their own",
        counters.overrun.clone(),
    );
    metrics.register(
        "trino_buffer_exporter_list_failures",
        "Cycles without a query list, by reason",
        counters.list_failed.clone(),
    );
}

fn register_reads(metrics: &mut Metrics, counters: &Counters) {
    metrics.register(
        "trino_buffer_exporter_queries_read",
        "Query documents read to their end",
        counters.reads.clone(),
    );
    metrics.register(
        "trino_buffer_exporter_queries_skipped",
        "Queries not read in a cycle: resting since their last read, or gone since they were listed",
        counters.skipped.clone(),
    );
    metrics.register(
        "trino_buffer_exporter_queries_failed",
        "Failed reads of a query document, by reason",
        counters.failed.clone(),
    );
    metrics.register(
        "trino_buffer_exporter_read_bytes",
        "Bytes of query lists and documents, decompressed",
        counters.bytes.clone(),
    );
    metrics.register(
        "trino_buffer_exporter_parse_failures",
        "Query lists and documents that could not be parsed, by reason",
        counters.parse_failures.clone(),
    );
}
