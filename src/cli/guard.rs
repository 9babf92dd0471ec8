//! `xtrinode guard`: running it, and what people tell it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::explain::ReachArgs;
use super::exporter::{LogArgs, Output};
use super::names::{Target, target};
use super::values::{duration, override_reason, override_span};

pub(super) const GUARD: &str = "The guard: an admission webhook that refuses evictions, deletions and scale-downs that would lose \
the work of Trino workers, drains the workers instead, and lets go as soon as it is safe.";

const GUARD_RUN_EXAMPLES: &str = "Examples:
  xtrinode guard run --config guard.yaml
  xtrinode guard run --config guard.yaml --check-config     is the file right?

Exit codes:
  0  stopped as asked
  1  failed while running
  2  the command line or the configuration is wrong";

const GUARD_STATUS_EXAMPLES: &str = "Examples:
  xtrinode guard status
  xtrinode guard status -o json | jq .clusters
  kubectl -n xtrinode-system port-forward svc/xtrinode-guard 9090 &
  xtrinode guard status --guard-url http://127.0.0.1:9090

Exit codes: 0 it answered, 1 nobody could be asked, 2 the command line is wrong.";

const GUARD_RELEASE_EXAMPLES: &str = "Examples:
  xtrinode guard release trino/trino-worker-3 --reason \"node is on fire\" --for 1h
  xtrinode guard release trino/deployment/trino-worker --reason \"incident 4711\" --for 30m

Exit codes: 0 written, 1 it could not be written, 2 the command line is wrong.";

/// Arguments of `xtrinode guard`.
#[derive(Args, Clone, Debug)]
pub struct GuardArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GuardCommand,
}

/// The subcommands of `xtrinode guard`.
#[derive(Clone, Debug, Subcommand)]
pub enum GuardCommand {
    /// Run the guard
    #[command(after_long_help = GUARD_RUN_EXAMPLES)]
    Run(GuardRunArgs),
    /// Show clusters and their protection, who is blocked and until when, drains, grants
    #[command(after_help = GUARD_STATUS_EXAMPLES)]
    Status(GuardStatusArgs),
    /// Let a pod, or all pods of a workload, go: break-glass
    #[command(after_help = GUARD_RELEASE_EXAMPLES)]
    Release(GuardReleaseArgs),
    /// Leave nothing behind: remove the webhook configurations, then grants, costs and hints, then end every drain
    Cleanup(GuardCleanupArgs),
}

/// Flags of `xtrinode guard run`. What is given here beats the configuration file.
#[derive(Args, Clone, Debug)]
pub struct GuardRunArgs {
    /// The configuration file, in YAML; the chart's parameters have the same names
    #[arg(long, value_name = "FILE", env = "XTRINODE_CONFIG")]
    pub config: PathBuf,

    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub logs: LogArgs,

    /// Say whether the configuration is right, show what it comes to, and leave
    #[arg(long)]
    pub check_config: bool,

    /// The IP address to serve on [default: the file's bindAddress, else 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub bind_address: Option<IpAddr>,

    /// The port of the webhooks; 0 takes any free one [default: the file's webhookPort, else 8443]
    #[arg(long, value_name = "PORT")]
    pub webhook_port: Option<u16>,

    /// The port of metrics, probes, explain and status; 0 takes any free one [default: the file's adminPort, else 9090]
    #[arg(long, value_name = "PORT")]
    pub admin_port: Option<u16>,
}

/// Flags of `xtrinode guard status`.
#[derive(Args, Clone, Debug)]
pub struct GuardStatusArgs {
    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub reach: ReachArgs,

    /// How to print; json is the document of /v1/status
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Output,
}

/// Flags of `xtrinode guard release`.
#[derive(Args, Clone, Debug)]
pub struct GuardReleaseArgs {
    /// NAMESPACE/POD or NAMESPACE/deployment/NAME (also statefulset)
    #[arg(value_name = "WHAT", value_parser = target)]
    pub what: Target,

    /// Why, at least 10 characters; everybody can read it
    #[arg(long, value_name = "TEXT", value_parser = override_reason)]
    pub reason: String,

    /// For how long, at most 24h
    #[arg(long = "for", value_name = "TIME", value_parser = override_span)]
    pub span: Duration,
}

/// Flags of `xtrinode guard cleanup`.
#[derive(Args, Clone, Debug)]
pub struct GuardCleanupArgs {
    /// The guard's configuration file
    #[arg(long, value_name = "FILE", env = "XTRINODE_CONFIG")]
    pub config: PathBuf,

    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub logs: LogArgs,

    /// Give up after this long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "90s")]
    pub timeout: Duration,
}
