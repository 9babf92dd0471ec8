//! The Kubernetes adapter: watches what the guard has to know, writes what it decided, elects the one that acts.
//! Translates between the API and plain facts; decides nothing about disruptions.

pub mod calendar;
pub mod client;
pub mod events;
pub mod evict;
pub mod failure;
pub mod lease;
pub mod look;
pub mod patch;
pub mod raw;
pub mod resource;
pub mod selection;
pub mod selector;
pub mod strays;
pub mod watch;

#[cfg(test)]
pub(crate) mod stub;
