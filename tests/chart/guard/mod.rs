//! The guard's chart: what it renders in each mode, what it refuses, what it may do, and its alerts.

mod acceptance;
mod alerts;
mod behaviour;
mod parameters;
mod permissions;
mod policy;
mod refusals;
mod render;
mod webhooks;
