//! What the configurations of all components have in common: YAML that knows its lines, the
//! list of everything that is wrong, values, and how we present ourselves to a server. Which
//! keys there are is each component's own; only `files` touches a disk.

pub(crate) mod access;
pub(crate) mod auth;
mod client;
pub(crate) mod common;
pub(crate) mod coordinators;
pub(crate) mod files;
pub(crate) mod names;
mod problem;
pub(crate) mod reader;
pub(crate) mod summary;
pub(crate) mod values;
pub(crate) mod yaml;

pub use client::{Basic, ClientTls, Coordinator, ForwardedProto, Identity, TrinoAuth, UserName};
pub use files::LoadError;
pub use problem::{Notice, Problem, Problems};

/// What was read, only where nothing is wrong.
pub(crate) fn whole<T>((parsed, problems): (Option<T>, Vec<Problem>)) -> Result<T, Problems> {
    match parsed {
        Some(parsed) if problems.is_empty() => Ok(parsed),
        _ => Err(Problems::new(problems)),
    }
}
