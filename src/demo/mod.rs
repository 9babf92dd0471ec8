//! demo

pub mod simulator;
