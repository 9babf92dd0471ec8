//! The guard: refuses removals that would lose live work, drains, and lets go when it is safe. Decides the order
//! of starting and stopping; judges nothing itself.

pub mod config;
