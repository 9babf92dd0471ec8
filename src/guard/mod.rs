//! The guard: refuses removals that would lose live work, drains, and lets go when it is safe. Decides the order
//! of starting and stopping; judges nothing itself.

pub mod api;
mod beginning;
mod certificates;
pub mod cleanup;
pub mod client;
pub mod config;
pub mod counters;
pub mod effects;
pub mod fail_open;
pub mod gauges;
pub mod kube_pen;
pub mod leader;
pub mod manifests;
pub mod obituary;
pub mod pen;
pub mod run;
mod servers;
pub mod state;
mod strays;
mod timekeeper;
pub mod tls;
pub mod trino;
pub mod webhook;
pub mod wiring;

#[cfg(test)]
mod metrics_tests;
