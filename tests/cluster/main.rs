//! Tests on real programs: Trino clusters of two versions, Prometheus, Helm. One binary with a
//! runner of its own, because many scenarios share one cluster.
//!
//! `cargo test --test cluster` runs everything; `-- WORD…` chooses by words of the name (`A,B` is
//! either of them), `-- --list` lists.

// A test program may end by panicking, and favours the plain spelling over the last allocation.
#![allow(
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::unused_async
)]

mod admission_facts;
mod archive;
mod baseline;
mod capture;
mod client;
mod cost;
mod exporter;
mod exporter_on_plane;
mod guarded;
mod harness;
mod holdings;
mod hpa_facts;
mod http;
mod kick_facts;
mod leash;
mod lines;
mod load;
mod many;
mod monitoring;
mod net;
mod node_agent;
mod parts;
mod plane;
mod plane_facts;
mod prom;
mod runner;
mod simulated_load;
mod sources;
mod story;
mod tool;
mod trino;
mod trino_config;
mod trino_on_plane;
mod trino_runtime;
mod wait;
mod worker_truth;
mod world;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let mut scenarios = Vec::new();
    scenarios.extend(harness::scenarios());
    scenarios.extend(sources::scenarios());
    scenarios.extend(holdings::scenarios());
    scenarios.extend(monitoring::scenarios());
    scenarios.extend(capture::scenarios());
    scenarios.extend(cost::scenarios());
    scenarios.extend(plane_facts::scenarios());
    scenarios.extend(admission_facts::scenarios());
    scenarios.extend(kick_facts::scenarios());
    scenarios.extend(hpa_facts::scenarios());
    scenarios.extend(exporter_on_plane::scenarios());
    scenarios.extend(baseline::scenarios());
    scenarios.extend(guarded::scenarios());
    scenarios.extend(many::scenarios());
    runner::main(&scenarios).await
}
