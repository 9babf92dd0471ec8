//! The HTTP side that every component shares: a bounded server, TLS that reloads, the
//! admin endpoints and error bodies. Knows nothing of Trino or of any component.

pub mod admin;
mod budget;
mod connection;
pub mod limits;
mod linger;
pub mod problem;
pub mod serve;
mod stall;
pub mod tls;
