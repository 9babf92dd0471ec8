//! The guard's decisions: what may be removed, what is to be drained, and when to let go. Facts, policy and a time in;
//! verdicts and intended effects out. No clock, no network, no client: the webhook, `explain`, the leader, the
//! simulation and the demo call the same functions.

pub mod ask;
pub mod bounds;
pub mod class;
mod clear;
pub mod dates;
pub mod edit;
pub mod evidence;
pub mod facts;
pub mod fleet;
pub mod gate;
pub mod leaving;
mod map;
pub mod mutant;
pub mod notes;
pub mod plan;
pub mod policy;
pub mod query_ids;
pub mod rank;
pub mod review;
pub mod rows;
#[cfg(test)]
pub(crate) mod snapshots;
#[cfg(test)]
pub(crate) mod staging;
pub mod status;
pub mod supply;
pub mod text;
pub mod time;
mod told;
pub mod unguarded;
pub mod verdict;
pub mod world;
