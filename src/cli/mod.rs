//! The command line: which subcommands and flags there are and how they are explained.
//! Decides nothing about what they do; components turn these plain values into settings.

mod demo;
mod explain;
mod exporter;
mod guard;
mod manifests;
mod names;
mod values;

use std::io;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use url::Url;

use crate::process::build::LONG_VERSION;

pub use demo::{DemoArgs, DemoSize};
pub use explain::{ExplainArgs, ExplainCommand, ExplainPodArgs, ExplainScaleArgs, ReachArgs};
pub use exporter::{ExporterArgs, LogArgs, Output};
pub use guard::{
    GuardArgs, GuardCleanupArgs, GuardCommand, GuardReleaseArgs, GuardRunArgs, GuardStatusArgs,
};
pub use manifests::{GuardMode, ManifestsArgs, ManifestsCommand, WebhooksArgs};
pub use names::{PodName, Target, WorkloadName};

use demo::{DEMO, DEMO_EXAMPLES};
use explain::{EXPLAIN, EXPLAIN_EXAMPLES};
use exporter::{EXIT_CODES, EXPORTER, EXPORTER_EXAMPLES};
use guard::GUARD;
use values::web_url;

/// `xtrinode`
#[derive(Clone, Debug, Parser)]
#[command(
    name = "xtrinode",
    version = LONG_VERSION,
    about = "Keeps Trino queries alive while workers come and go on Kubernetes",
    long_about = "Keeps Trino queries alive while workers come and go on Kubernetes.\n\n\
        A Trino worker holds output that other workers have not fetched yet. Stop it, and the \
        query fails. The guard refuses to let such workers go, drains them, and lets them go when nothing \
        is lost. The exporter makes visible what each worker holds, for autoscalers and for people.",
    after_help = "Start here: xtrinode demo",
    subcommand_required = true,
    arg_required_else_help = true,
    propagate_version = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const COMPLETIONS_EXAMPLES: &str = "Examples:
  xtrinode completions bash > ~/.local/share/bash-completion/completions/xtrinode
  xtrinode completions zsh > \"${fpath[1]}/_xtrinode\"
  xtrinode completions fish > ~/.config/fish/completions/xtrinode.fish";

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Watch Trino coordinators and publish what each worker holds
    #[command(long_about = EXPORTER, after_help = EXIT_CODES, after_long_help = EXPORTER_EXAMPLES)]
    Exporter(ExporterArgs),
    /// Show it working: a simulated Trino cluster with the real exporter, live in this terminal
    #[command(long_about = DEMO, after_long_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// Print the Kubernetes objects that the guard needs, as YAML
    Manifests(ManifestsArgs),

    /// Keep removals of Trino pods from failing queries; ask what it does; let a pod go
    #[command(long_about = GUARD)]
    Guard(GuardArgs),
    /// Ask a running guard what it would say to an eviction, deletion or scale, and why
    #[command(long_about = EXPLAIN, after_long_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Ask one URL and say whether it answers with 2xx; for images without a shell
    Probe(ProbeArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

/// Arguments of `xtrinode probe`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Prints the status and the beginning of the answer. Exit codes: 0 the status is 2xx, \
        1 it is not or there was no answer, 2 the command line is wrong.\n\n\
        Example:\n  xtrinode probe http://127.0.0.1:8000/readyz"
)]
pub struct ProbeArgs {
    /// What to ask, http or https
    #[arg(value_name = "URL", value_parser = web_url)]
    pub url: Url,

    /// Accept any certificate
    #[arg(long)]
    pub insecure_skip_verify: bool,
}

/// Arguments of `xtrinode completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Writes the completion script. Fails when the writer does, for example a closed pipe.
pub fn completions(shell: Shell, out: &mut impl io::Write) -> io::Result<()> {
    // The generator panics where its writer fails, so it gets one that does not.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "xtrinode", &mut script);
    out.write_all(&script)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::logs::{LogFormat, LogLevel};

    fn parse(line: &str) -> Result<Command, String> {
        let words = line.split_whitespace();
        Cli::try_parse_from(words)
            .map(|cli| cli.command)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_arrive() {
        let line = "xtrinode exporter --config c.yaml --once -o json --log-level debug \
            --log-format TEXT --strict --metrics-port 0 --bind-address ::1";
        let Ok(Command::Exporter(args)) = parse(line) else {
            panic!("{:?}", parse(line));
        };
        assert_eq!(args.output, Output::Json);
        assert_eq!(args.logs.log_level, Some(LogLevel::Debug));
        assert_eq!(args.logs.log_format, Some(LogFormat::Text));
        assert!(args.once && args.strict && !args.check_config);
        assert_eq!(
            (args.metrics_port, args.bind_address),
            (Some(0), "::1".parse().ok())
        );
    }

    #[test]
    fn wrong_values_say_what_is_allowed() {
        let told = |line: &str| parse(line).unwrap_err();
        assert!(told("xtrinode exporter --config c --log-level loud").contains("DEBUG, INFO"));
        assert!(told("xtrinode demo --for soon").contains("30s, 5m or 1h"));
        assert!(told("xtrinode probe file:///etc").contains("http://"));
        assert!(told("xtrinode demo --workers 0").contains("1..=250"));
        assert!(told("xtrinode exporter").contains("--config <FILE>"));
        assert!(told("xtrinode exporter --config c -o json").contains("--once"));
        assert!(
            told("xtrinode exporter --config c --once --check-config").contains("cannot be used")
        );
        assert!(told("xtrinode exportr").contains("exporter"));
        let webhooks = |flags: &str| told(&format!("xtrinode manifests webhooks {flags}"));
        assert!(webhooks("--url http://a").contains("https://"));
        assert!(webhooks("--url https://a --service b").contains("cannot be used"));
        assert!(webhooks("--inject-ca-from a").contains("NAMESPACE/NAME"));
        assert!(webhooks("--mode loud").contains("audit, enforce"));
        assert!(webhooks("--name BAD!").contains("name of a Service"));
        assert!(webhooks("--service A_B").contains("name of a Service"));
        assert!(webhooks("--namespace X").contains("give a Kubernetes namespace"));
    }

    #[test]
    fn whoever_names_no_pod_hears_how_to() {
        let told = |line: &str| parse(&format!("xtrinode {line}")).unwrap_err();
        assert!(told("explain evict foo").contains("NAMESPACE/POD"));
        assert!(told("explain scale trino/worker --to 3").contains("NAMESPACE/deployment/NAME"));
        assert!(told("guard status --guard-service A").contains("name of a Service"));
        let release = |flags: &str| told(&format!("guard release {flags}"));
        let both = "NAMESPACE/POD or NAMESPACE/deployment/NAME";
        assert!(release("foo --reason 0123456789 --for 1h").contains(both));
        assert!(release("a/b --reason short --for 1h").contains("10 characters"));
        assert!(release("a/b --reason 0123456789 --for 25h").contains("at most 24h"));
    }

    #[test]
    fn completions_are_scripts() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            completions(shell, &mut script).unwrap();
            assert!(
                String::from_utf8(script).unwrap().contains("check-config"),
                "{shell}"
            );
        }
    }
}
