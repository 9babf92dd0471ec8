//! The guard's way to Trino: looks at workers, drains them, and hears from two suppliers what they hold. Only
//! `workers` can PUT, and only a node's state.

pub mod address;
pub mod workers;
