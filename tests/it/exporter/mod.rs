//! The exporter in this process, with real sockets on both sides: a simulated Trino cluster or a hostile server in
//! front, an HTTP client behind.

mod cluster;
mod contract;
mod endpoints;
mod harness;
mod hostile;
