//! The exporter: publishes what each Trino worker holds. Only its configuration is here yet.

pub mod config;
