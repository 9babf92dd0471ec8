//! `xtrinode guard`: loads the configuration and starts what was asked for. Decides exit codes: 0 fine, 1 failed while
//! running, 2 wrong command line or configuration.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::{GuardArgs, GuardCleanupArgs, GuardCommand, GuardRunArgs, LogArgs};
use crate::process::causes::causes;
use crate::process::{logs, runtime, shutdown};

use super::config::{self, Overrides, OwnPod, Parsed};
use super::wiring::Guard;
use super::{cleanup, client};

/// Wrong command line or configuration.
const USAGE: u8 = 2;

/// `xtrinode guard …`.
pub fn run(args: &GuardArgs) -> ExitCode {
    match &args.command {
        GuardCommand::Run(args) => serve(args),
        GuardCommand::Status(args) => client::status(args),
        GuardCommand::Release(args) => client::release(args),
        GuardCommand::Cleanup(args) => clean(args),
    }
}

fn serve(args: &GuardRunArgs) -> ExitCode {
    let overrides = Overrides {
        bind_address: args.bind_address,
        webhook_port: args.webhook_port,
        admin_port: args.admin_port,
        ..log_overrides(&args.logs)
    };
    let parsed = match config::load(&args.config, &overrides, &OwnPod::find()) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(USAGE);
        }
    };
    if args.check_config {
        report(&parsed);
        return ExitCode::SUCCESS;
    }
    conclude(start(parsed))
}

fn clean(args: &GuardCleanupArgs) -> ExitCode {
    let parsed = match config::load(&args.config, &log_overrides(&args.logs), &OwnPod::find()) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(USAGE);
        }
    };
    let work = || -> anyhow::Result<()> {
        logs::init(parsed.settings.log_level, parsed.settings.log_format)?;
        let cleaned = runtime::block_on(cleanup::cleanup(parsed.settings, args.timeout));
        cleaned.context("cannot start the runtime")?
    };
    conclude(work())
}

fn conclude(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = causes(&error), "Stopped by an error");
            ExitCode::FAILURE
        }
    }
}

fn log_overrides(logs: &LogArgs) -> Overrides {
    Overrides {
        log_level: logs.log_level,
        log_format: logs.log_format,
        ..Overrides::default()
    }
}

fn report(parsed: &Parsed) {
    println!("configuration is valid");
    for notice in &parsed.notices {
        println!("warning: {}: {}", notice.key, notice.message);
    }
    print!("{}", config::summary(&parsed.settings));
}

fn start(parsed: Parsed) -> anyhow::Result<()> {
    logs::init(parsed.settings.log_level, parsed.settings.log_format)?;
    for notice in &parsed.notices {
        tracing::warn!(key = notice.key, "{}", notice.message);
    }
    let settings = parsed.settings;
    runtime::block_on(async move {
        let stop = shutdown::on_signals().context("cannot handle signals")?;
        let guard = Guard::prepare(settings, &stop).await?;
        tracing::info!(
            webhook = guard.webhook_url,
            admin = guard.admin_url,
            "Guarding"
        );
        guard.run().await
    })
    .context("cannot start the runtime")?
}
