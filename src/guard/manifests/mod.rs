//! The webhook configurations by which the API server asks the guard, as objects and as YAML. Decides what is asked
//! about, and what happens while nobody answers; applies nothing. The chart renders the same, and a test compares.

mod conditions;
mod entries;
mod names;
mod options;
mod selectors;
#[cfg(test)]
mod tests;
mod webhooks;
mod yaml;

pub use names::{Configuration, Kind, configurations};
pub use options::{Options, Reach, Trust};
pub use webhooks::{Webhooks, webhooks};

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::{ManifestsArgs, ManifestsCommand, WebhooksArgs};

/// `xtrinode manifests`: 0 printed, 1 standard output is closed, 2 the flags or the files they name are wrong.
pub fn run(args: &ManifestsArgs) -> ExitCode {
    let ManifestsCommand::Webhooks(args) = &args.command;
    let text = match text(args) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("xtrinode: {error:#}");
            return ExitCode::from(2);
        }
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtrinode: cannot write the manifests: {error}");
            ExitCode::FAILURE
        }
    }
}

fn text(args: &WebhooksArgs) -> anyhow::Result<String> {
    let options = Options::from_args(args)?;
    yaml::text(&webhooks(&options)).context("cannot write the manifests as YAML")
}
