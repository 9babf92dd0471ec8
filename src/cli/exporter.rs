//! `xtrinode exporter`: its flags, and those about logs and output that other subcommands have too.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::process::logs::{LogFormat, LogLevel};

pub(super) const EXPORTER: &str = "Watch Trino coordinators and publish what each worker holds.

Serves /metrics for Prometheus, /v1/snapshot for programs, and /livez, /readyz and /version. \
SIGTERM or Ctrl-C stops it in good order, a second one at once.";

pub(super) const EXIT_CODES: &str = "Exit codes: 0 stopped as asked, 1 failed while running, 2 the command line \
or the configuration is wrong.";

pub(super) const EXPORTER_EXAMPLES: &str = "Examples:
  xtrinode exporter --config config.yaml
  xtrinode exporter --config config.yaml --check-config     is the file right?
  xtrinode exporter --config config.yaml --once             what do workers hold now?
  xtrinode exporter --config config.yaml --once -o json | jq .

Exit codes:
  0  stopped as asked; with --once, everything is known
  1  failed while running; with --once, something is unknown
  2  the command line or the configuration is wrong";

/// Flags of `xtrinode exporter`. What is given here beats the configuration file.
#[derive(Args, Clone, Debug)]
pub struct ExporterArgs {
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
    #[arg(long, conflicts_with = "once")]
    pub check_config: bool,

    /// Collect once, print what each worker holds, and leave; exit code 1 if anything is unknown
    #[arg(long)]
    pub once: bool,

    /// How --once prints; json is the document of /v1/snapshot
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        requires = "once"
    )]
    pub output: Output,

    /// Parse the parts of Trino's answers that are skipped otherwise, and refuse malformed ones
    #[arg(long)]
    pub strict: bool,

    // No variable: for a Service `xtrinode-metrics` Kubernetes itself sets XTRINODE_METRICS_PORT,
    // and to a URL.
    /// The port to serve on; 0 takes any free one [default: the file's metricsPort, else 8000]
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,

    /// The IP address to serve on [default: the file's bindAddress, else 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub bind_address: Option<IpAddr>,
}

/// Flags about logs; they go to standard error.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// DEBUG, INFO, WARNING or ERROR, in any case [default: INFO, or logging.level of the configuration]
    #[arg(long, value_name = "LEVEL", env = "XTRINODE_LOG_LEVEL")]
    pub log_level: Option<LogLevel>,

    /// auto, json or text; auto is text on a terminal and JSON elsewhere [default: auto, or logging.format of the configuration]
    #[arg(long, value_name = "FORMAT", env = "XTRINODE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}
