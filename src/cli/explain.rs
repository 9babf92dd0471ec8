//! `xtrinode explain`: what is asked, and how a running guard is reached.

use clap::{Args, Subcommand};
use url::Url;

use super::exporter::Output;
use super::names::{PodName, WorkloadName, namespace, pod, service, workload};
use super::values::web_url;

pub(super) const EXPLAIN: &str = "Ask a running guard what it would say to an eviction, deletion or scale now, and why. Nothing is \
changed; the answer is what a server dry-run would give. Goes through the API server's service proxy with your \
own kubeconfig.";

pub(super) const EXPLAIN_EXAMPLES: &str = "Examples:
  xtrinode explain evict trino/trino-worker-3
  xtrinode explain delete trino/trino-worker-3
  xtrinode explain scale trino/deployment/trino-worker --to 3

Exit codes: 0 it would be allowed, 1 it would not, or nobody could be asked, 2 the command line is wrong.";

/// Arguments of `xtrinode explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// What would be asked for.
    #[command(subcommand)]
    pub command: ExplainCommand,
}

/// What is to be explained.
#[derive(Clone, Debug, Subcommand)]
pub enum ExplainCommand {
    /// An eviction, as kubectl drain and autoscalers ask for
    Evict(ExplainPodArgs),
    /// A deletion
    Delete(ExplainPodArgs),
    /// A lower number of replicas
    Scale(ExplainScaleArgs),
}

/// A pod to explain.
#[derive(Args, Clone, Debug)]
pub struct ExplainPodArgs {
    /// NAMESPACE/POD
    #[arg(value_name = "POD", value_parser = pod)]
    pub pod: PodName,

    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub reach: ReachArgs,

    /// How to print; json is the document of /v1/explain
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Output,
}

/// A scale to explain.
#[derive(Args, Clone, Debug)]
pub struct ExplainScaleArgs {
    /// NAMESPACE/deployment/NAME (also statefulset, replicaset)
    #[arg(value_name = "WORKLOAD", value_parser = workload)]
    pub workload: WorkloadName,

    /// The number of replicas that would be asked for
    #[arg(long, value_name = "N")]
    pub to: u32,

    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub reach: ReachArgs,

    /// How to print; json is the document of /v1/explain
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Output,
}

/// How a running guard is reached.
#[derive(Args, Clone, Debug)]
pub struct ReachArgs {
    /// The guard's namespace
    #[arg(long, value_name = "NAMESPACE", default_value = "xtrinode-system", value_parser = namespace)]
    pub guard_namespace: String,

    /// The guard's Service
    #[arg(long, value_name = "NAME", default_value = "xtrinode-guard", value_parser = service)]
    pub guard_service: String,

    /// Ask here instead of through the API server, for example at the end of a port-forward
    #[arg(long, value_name = "URL", value_parser = web_url)]
    pub guard_url: Option<Url>,
}
