//! Decisions: plain data in, plain data out. No clock, no network, no client; time is an argument.

pub mod buffers;
pub mod guard;
pub mod moment;
