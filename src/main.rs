//! Starts what the command line names. Decides the exit code only: 0 fine, 1 failed while
//! running, 2 wrong command line or configuration.

use std::process::ExitCode;

use clap::Parser as _;
use xtrinode::cli::{self, Cli, Command, CompletionsArgs};
use xtrinode::web::tls::install_provider;
use xtrinode::{demo, exporter, guard, probe};

fn main() -> ExitCode {
    install_provider();
    match Cli::parse().command {
        Command::Exporter(args) => exporter::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Guard(args) => guard::run::run(&args),
        Command::Explain(args) => guard::client::explain(&args),
        Command::Manifests(args) => guard::manifests::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Completions(CompletionsArgs { shell }) => print_completions(shell),
    }
}

fn print_completions(shell: clap_complete::Shell) -> ExitCode {
    match cli::completions(shell, &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtrinode: cannot write the completions: {error}");
            ExitCode::FAILURE
        }
    }
}
