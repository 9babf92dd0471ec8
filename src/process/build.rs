//! Which build this is: version, commit and target, fixed by `build.rs` at compile
//! time. Reads nothing at run time.

use serde::Serialize;

/// The identity of this build, as `--version`, `/version` and build-info metrics say it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Build {
    /// The package version, for example `0.1.0`.
    pub version: &'static str,
    /// Twelve hex digits, or `unknown` when built without git and without `XTRINODE_COMMIT`.
    pub commit: &'static str,
    /// The target triple, for example `x86_64-unknown-linux-musl`.
    pub target: &'static str,
}

/// This build.
pub const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: env!("XTRINODE_COMMIT"),
    target: env!("XTRINODE_TARGET"),
};

/// What follows the program's name in `--version`.
pub const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("XTRINODE_COMMIT"),
    ", ",
    env!("XTRINODE_TARGET"),
    ")"
);
