//! The exporter in this process, with real sockets on both sides: a simulated Trino cluster or a hostile server in
//! front, an HTTP client behind.

mod cluster;
mod contract;
mod credentials;
mod doubtful;
mod endpoints;
mod fake;
mod folder;
mod harness;
mod hostile;
mod kubernetes;
mod politeness;
mod prometheus;
mod reply;
mod scene;
mod tls;
mod truncation;
mod visibility;
