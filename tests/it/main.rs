//! The one integration binary: each module drives the program from outside, as a user,
//! a scraper or a kubelet would.

// Clippy frees `#[test]` functions from these; their helpers are tests just as much.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod binary;
mod certs;
mod chart;
mod cli;
mod config;
mod demo;
mod docs;
mod exporter;
mod fuzz;
mod guard_client;
mod layers;
mod manifests;
mod process;
mod serving;
mod simulator;
mod web;
