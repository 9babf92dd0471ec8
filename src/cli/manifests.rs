//! `xtrinode manifests`: its flags.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use url::Url;

use super::names::{certificate, namespace, service};
use super::values::https_url;

const WEBHOOKS: &str = "Print the webhook configurations that put the guard in front of removals.
One for each mode: the label xtrinode.io/guard of a namespace says which serves it. The chart renders the same; this \
is for whoever installs without Helm. Nothing is applied.";

const WEBHOOKS_EXAMPLES: &str = "Examples:
  xtrinode manifests webhooks > webhooks.yaml
  xtrinode manifests webhooks --config guard.yaml --path-secret-file secret.txt | kubectl apply -f -
  xtrinode manifests webhooks --inject-ca-from xtrinode-system/xtrinode-guard
  xtrinode manifests webhooks --url https://10.0.0.5:8443 --ca-file ca.crt";

/// Arguments of `xtrinode manifests`.
#[derive(Args, Clone, Debug)]
pub struct ManifestsArgs {
    /// Which objects.
    #[command(subcommand)]
    pub command: ManifestsCommand,
}

/// The subcommands of `xtrinode manifests`.
#[derive(Clone, Debug, Subcommand)]
pub enum ManifestsCommand {
    /// Print the webhook configurations that put the guard in front of removals
    #[command(long_about = WEBHOOKS, after_long_help = WEBHOOKS_EXAMPLES)]
    Webhooks(WebhooksArgs),
}

/// Flags of `xtrinode manifests webhooks`. What is given here beats the configuration file.
#[derive(Args, Clone, Debug, Default)]
pub struct WebhooksArgs {
    /// The guard's configuration; without it its defaults count, and the guard's own certificates
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The guard's namespace [default: the file's, else xtrinode-system]
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// What the Service is called and names of configurations begin with [default: the file's, else xtrinode-guard]
    #[arg(long, value_name = "NAME", value_parser = service)]
    pub name: Option<String>,

    /// What the label's value `enabled` means [default: the file's, else audit]
    #[arg(long, value_enum, value_name = "MODE")]
    pub mode: Option<GuardMode>,

    /// The Service through which the API server reaches the guard [default: the file's, else NAME]
    #[arg(long, value_name = "NAME", value_parser = service, conflicts_with = "url")]
    pub service: Option<String>,

    /// The https address at which the API server reaches the guard, in place of the Service
    #[arg(long, value_name = "URL", value_parser = https_url)]
    pub url: Option<Url>,

    /// Holds the secret first segment of the paths, the same that the guard's tls.pathSecretFile holds
    #[arg(long, value_name = "FILE")]
    pub path_secret_file: Option<PathBuf>,

    /// The Certificate whose authority cert-manager makes the API server trust
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = certificate)]
    pub inject_ca_from: Option<String>,

    /// The authorities that the API server trusts, in PEM form
    #[arg(long, value_name = "FILE", conflicts_with = "inject_ca_from")]
    pub ca_file: Option<PathBuf>,
}

/// What a namespace with the label's value `enabled` gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum GuardMode {
    /// Warnings; nothing is refused
    Audit,
    /// Refusals
    Enforce,
}
