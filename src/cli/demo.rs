//! `xtrinode demo`: its flags.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::exporter::LogArgs;
use super::values::duration;

pub(super) const DEMO: &str =
    "Show it working: a simulated Trino cluster with the real exporter and the real guard.

Nodes are drained, workers scaled down, restarted and deleted while queries run; the guard keeps \
them alive. Needs nothing but this program, no Kubernetes either, and listens on 127.0.0.0/8 only. \
In a terminal a table of workers changes; elsewhere it prints plain lines. Ctrl-C ends it.";

pub(super) const DEMO_EXAMPLES: &str = "Examples:
  xtrinode demo
  xtrinode demo --for 30s
  xtrinode demo --for 30s --without-guard       the same disruptions, unguarded
  xtrinode demo --workers 20 --queries 50 --size large

Exit codes:
  0  ended as asked, and no query was killed
  1  a query was killed, or the demo could not run
  2  the command line is wrong";

/// Flags of `xtrinode demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Leave after this long, for example 30s, 5m or 1h [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub run_for: Option<Duration>,

    /// How many workers the cluster has
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=250))]
    pub workers: u16,

    /// How many queries run at a time
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub queries: u16,

    /// Do the same without the guard, and see what it costs
    #[arg(long)]
    pub without_guard: bool,

    /// Decides the order of disruptions and the names of pods
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// How long the documents are that the exporter has to read
    #[arg(long, value_enum, value_name = "SIZE", default_value_t)]
    pub size: DemoSize,

    /// The exporter's port; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub port: u16,

    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub logs: LogArgs,
}

/// How long the documents of the demo's queries are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum DemoSize {
    /// As long as the queries make them, about 100 kB
    #[default]
    Small,
    /// About 10 MB each
    Medium,
    /// About 200 MB each; build with --release for this
    Large,
}
