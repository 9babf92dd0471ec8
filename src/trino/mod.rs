//! Trino's wire model: the words it uses, the facts we take from a task, and the
//! streaming readers of its documents. Plain data and parsing; no I/O, no clock.

pub mod ids;
pub mod task;
pub mod words;
