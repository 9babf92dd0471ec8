//! The guard's way to Trino: looks at workers, drains them, reads query lists, proves drains, and hears from two
//! suppliers what workers hold. Only `workers` can PUT, and only a node's state.

pub mod address;
pub mod clusters;
pub mod lists;
pub mod looks;
pub mod own;
pub mod power;
pub mod prove;
pub mod sse;
pub mod stream;
pub mod workers;
