//! docs/metrics.md and the served metrics are the same list: what is documented exists, what exists is documented.

use std::collections::BTreeSet;
use std::path::Path;

use xtrinode::demo::simulator::{Bind, Client, QuerySpec, Simulator, SimulatorConfig};

use super::harness::{c, watch};

/// Documented, and served only in situations that other tests bring about: a first failure, a mapping source, TLS.
const SITUATIONAL: [&str; 6] = [
    "trino_buffer_exporter_list_failures_total",
    "trino_buffer_exporter_queries_failed_total",
    "trino_buffer_exporter_parse_failures_total",
    "trino_buffer_exporter_mapping_source_age_seconds",
    "trino_buffer_exporter_mapping_metric",
    "trino_buffer_exporter_tls_reloads_total",
];

/// Name and type of each row of the page's tables.
fn documented() -> BTreeSet<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `trino_"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` | ").expect("a name");
        let kind = rest.split(" | ").next().expect("a type");
        (format!("trino_{name}"), kind.to_owned())
    })
    .collect()
}

#[tokio::test]
async fn documented_metrics_are_served_and_served_ones_documented() {
    let config = SimulatorConfig {
        bind: Bind::Ports,
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(config).await.unwrap();
    simulator.submit(QuerySpec {
        client: Client::Held,
        ..QuerySpec::default()
    });
    let exporter = watch(&simulator.coordinator_uri()).await;
    let busy = |s: &xtrinode::core::buffers::wire::WireSnapshot| {
        c(s).visibility == "visible" && s.workers.iter().any(|w| w.held.buffered_bytes > 0)
    };
    exporter.until("held data", busy).await;
    let (_, page) = exporter.get("/metrics").await;
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: BTreeSet<_> = types
        .map(|line| line.split_once(' ').expect("name and type"))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    let documented = documented();
    let unknown: Vec<_> = served.difference(&documented).collect();
    assert!(unknown.is_empty(), "served and not documented: {unknown:?}");
    let missing: Vec<_> = documented
        .difference(&served)
        .filter(|(name, _)| !SITUATIONAL.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "documented and not served: {missing:?}");
    exporter.stop().await;
}
