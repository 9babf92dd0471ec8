//! XTrinode: a Kubernetes control plane for Trino. See ARCHITECTURE.md for the map.
//!
//! Layers, one way: components (`exporter`, `demo`) use `collect`, `web`, `process`, `config`;
//! those use `core`; `core` uses `trino`. `tests/it/layers.rs` holds the line.

pub mod api;
pub mod cli;
pub mod cluster;
pub mod collect;
pub mod config;
pub mod core;
pub mod demo;
pub mod exporter;
pub mod guard;
pub mod probe;
pub mod process;
pub mod trino;
pub mod web;
