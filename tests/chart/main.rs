//! The charts and the rule files of `examples/`, by the real Helm, the API server's own rules and the real
//! promtool. Needs no cluster and no Trino. `tests/it/chart.rs` checks what needs none of these programs.

// Clippy frees `#[test]` functions from these; their helpers are tests just as much.
#![allow(clippy::expect_used, clippy::panic)]

mod acceptance;
mod behaviour;
mod example_rules;
mod guard;
mod parameters;
mod parts;
mod refusals;
mod render;
