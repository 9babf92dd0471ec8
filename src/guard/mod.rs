//! The guard: refuses removals that would lose live work, drains, and lets go when it is safe. Decides the order
//! of starting and stopping; judges nothing itself.

pub mod clock;
pub mod config;
pub mod manifests;
pub mod state;
pub mod trino;
