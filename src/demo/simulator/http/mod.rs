//! The sockets of the simulated cluster: one server for the coordinator, one for each worker.

pub mod access;
pub mod coordinator;
pub mod listen;
pub mod reply;
pub mod shared;
pub mod statement;
pub mod traffic;
pub mod worker;
