//! Trino's wire model: the words it uses, the facts we take from a task, and the
//! streaming readers of its documents. Plain data and parsing; no I/O, no clock.

pub mod error;
pub mod ids;
pub mod info;
mod json;
pub mod limits;
pub mod query_info;
pub mod query_list;
pub mod strict;
pub mod task;
mod task_slot;
pub mod words;

pub use error::ParseError;
pub use json::Engine;
pub use limits::Limits;

#[cfg(test)]
mod tests;
