//! A simulated Trino cluster that speaks the real protocol over real loopback sockets: one
//! coordinator, any number of workers. `model` decides what happens, `wire` spells it as Trino
//! does, `http` serves it, `handle` starts and stops it. For the demo and for tests; nothing in
//! production reads it.

pub mod config;
pub mod handle;
pub mod http;
pub mod model;
pub mod random;
pub mod spec;
pub mod wire;

pub use config::{Access, Authentication, Bind, Clock, SimulatorConfig, Timing, Users, Version};
pub use handle::{Simulator, WorkerView};
pub use spec::{Client, QuerySpec};
