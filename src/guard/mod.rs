//! The guard: refuses removals that would lose live work, drains, and lets go when it is safe. Decides the order
//! of starting and stopping; judges nothing itself.

pub mod api;
pub mod clock;
pub mod config;
pub mod counters;
pub mod effects;
pub mod gauges;
pub mod pen;
pub mod state;
pub mod trino;
pub mod webhook;
