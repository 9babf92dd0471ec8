//! What every component needs to live and die well: logs, metrics, readiness,
//! shutdown, tasks, secrets. Knows the operating system; knows nothing of Trino.

pub mod build;
pub mod causes;
pub mod exposition;
pub mod logs;
pub mod metrics;
pub mod readiness;
pub mod runtime;
pub mod secret;
pub mod shutdown;
pub mod tasks;
