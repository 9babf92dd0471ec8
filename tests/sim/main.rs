//! A discrete-event simulation of Trino, Kubernetes and the guard: the real `core::guard` decides, everything around it
//! is modelled, and what must always hold is checked against the model's truth. One thread, no sockets, no sleeping.
//!
//! `make sim`, `make soak-sim` and `make mutants` run it. `cargo test --profile sim --test simulation -- --disruptions N` runs many; `--seed N` repeats a run, `--story X`
//! tells one story, `--without-guard` shows what happens without it, `--mutant NAME` breaks one rule (needs
//! `--features mutants`), `--mutants 1,3` all of them, on these seeds and on every core.

// A test program may end by panicking. Events and callbacks end in whatever they call; switches of an episode are many;
// `let_go` tells three things apart: not let go, by nobody's rule, by a rule.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::option_option,
    clippy::semicolon_if_nothing_returned,
    clippy::similar_names,
    clippy::struct_excessive_bools,
    clippy::type_complexity,
    clippy::unused_self
)]

mod agenda;
mod callers;
mod checks;
mod dice;
mod faults;
mod guard;
mod invariant;
mod kube;
#[cfg(feature = "mutants")]
mod mutants;
mod options;
mod params;
mod random;
mod review;
mod sim;
mod stories;
mod tally;
mod trino;

use std::process::ExitCode;

fn main() -> ExitCode {
    options::Options::read().run()
}
