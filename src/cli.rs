//! The command line: which subcommands and flags there are and how they are explained.
//! Decides nothing about what they do; components turn these plain values into settings.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use url::Url;

use crate::process::build::LONG_VERSION;
use crate::process::logs::{LogFormat, LogLevel};

/// `xtrinode`
#[derive(Clone, Debug, Parser)]
#[command(
    name = "xtrinode",
    version = LONG_VERSION,
    about = "Keeps Trino queries alive while workers come and go on Kubernetes",
    long_about = "Keeps Trino queries alive while workers come and go on Kubernetes.\n\n\
        A Trino worker holds output that other workers have not fetched yet. Stop it, and the \
        query fails. The exporter makes visible what each worker holds, so that an autoscaler \
        can leave the right ones alone.",
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

const EXPORTER: &str = "Watch Trino coordinators and publish what each worker holds.

Serves /metrics for Prometheus, /v1/snapshot for programs, and /livez, /readyz and /version. \
SIGTERM or Ctrl-C stops it in good order, a second one at once.";

const EXIT_CODES: &str = "Exit codes: 0 stopped as asked, 1 failed while running, 2 the command line \
or the configuration is wrong.";

const EXPORTER_EXAMPLES: &str = "Examples:
  xtrinode exporter --config config.yaml
  xtrinode exporter --config config.yaml --check-config     is the file right?
  xtrinode exporter --config config.yaml --once             what do workers hold now?
  xtrinode exporter --config config.yaml --once -o json | jq .

Exit codes:
  0  stopped as asked; with --once, everything is known
  1  failed while running; with --once, something is unknown
  2  the command line or the configuration is wrong";

const DEMO: &str = "Show it working: a simulated Trino cluster with the real exporter.

Needs nothing but this program and listens on 127.0.0.1 only. In a terminal a table of workers \
changes as queries run; elsewhere it prints plain lines. Ctrl-C ends it.";

const DEMO_EXAMPLES: &str = "Examples:
  xtrinode demo
  xtrinode demo --for 30s
  xtrinode demo --workers 20 --queries 50 --size large";

const WEBHOOKS: &str = "Print the webhook configurations that put the guard in front of removals.
One for each mode: the label xtrinode.io/guard of a namespace says which serves it. The chart renders the same; this \
is for whoever installs without Helm. Nothing is applied.";

const WEBHOOKS_EXAMPLES: &str = "Examples:
  xtrinode manifests webhooks > webhooks.yaml
  xtrinode manifests webhooks --config guard.yaml --path-secret-file secret.txt | kubectl apply -f -
  xtrinode manifests webhooks --inject-ca-from xtrinode-system/xtrinode-guard
  xtrinode manifests webhooks --url https://10.0.0.5:8443 --ca-file ca.crt";

const GUARD: &str = "The guard: an admission webhook that refuses evictions, deletions and scale-downs that would lose \
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
  xtrinode guard status --guard-url http://127.0.0.1:9090";

const GUARD_RELEASE_EXAMPLES: &str = "Examples:
  xtrinode guard release trino/trino-worker-3 --reason \"node is on fire\" --for 1h
  xtrinode guard release trino/deployment/trino-worker --reason \"incident 4711\" --for 30m";

const EXPLAIN: &str = "Ask a running guard what it would say to an eviction, deletion or scale now, and why. Nothing is \
changed; the answer is what a server dry-run would give. Goes through the API server's service proxy with your \
own kubeconfig.";

const EXPLAIN_EXAMPLES: &str = "Examples:
  xtrinode explain evict trino/trino-worker-3
  xtrinode explain delete trino/trino-worker-3
  xtrinode explain scale trino/deployment/trino-worker --to 3

Exit codes: 0 it would be allowed, 1 it would not, or nobody could be asked, 2 the command line is wrong.";

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

    /// How --once prints
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

/// How `--once` prints.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs: the document of /v1/snapshot
    Json,
}

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
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// What the Service is called and names of configurations begin with [default: the file's, else xtrinode-guard]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// What the label's value `enabled` means [default: the file's, else audit]
    #[arg(long, value_enum, value_name = "MODE")]
    pub mode: Option<GuardMode>,

    /// The Service through which the API server reaches the guard [default: the file's, else NAME]
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
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

/// How a running guard is reached.
#[derive(Args, Clone, Debug)]
pub struct ReachArgs {
    /// The guard's namespace
    #[arg(long, value_name = "NAMESPACE", default_value = "xtrinode-system")]
    pub guard_namespace: String,

    /// The guard's Service
    #[arg(long, value_name = "NAME", default_value = "xtrinode-guard")]
    pub guard_service: String,

    /// Ask here instead of through the API server, for example at the end of a port-forward
    #[arg(long, value_name = "URL", value_parser = web_url)]
    pub guard_url: Option<Url>,
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

    /// How to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Output,
}

/// Flags of `xtrinode guard release`.
#[derive(Args, Clone, Debug)]
pub struct GuardReleaseArgs {
    /// NAMESPACE/POD or NAMESPACE/deployment/NAME (also statefulset)
    #[arg(value_name = "WHAT")]
    pub what: String,

    /// Why, at least 10 characters; everybody can read it
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// For how long, at most 24h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
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
    #[arg(value_name = "POD")]
    pub pod: String,

    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub reach: ReachArgs,

    /// How to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Output,
}

/// A scale to explain.
#[derive(Args, Clone, Debug)]
pub struct ExplainScaleArgs {
    /// NAMESPACE/deployment/NAME (also statefulset, replicaset)
    #[arg(value_name = "WORKLOAD")]
    pub workload: String,

    /// The number of replicas that would be asked for
    #[arg(long, value_name = "N")]
    pub to: u32,

    #[command(flatten)]
    #[allow(
        missing_docs,
        reason = "a doc comment would replace the subcommand's own help"
    )]
    pub reach: ReachArgs,

    /// How to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Output,
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

/// An http or https URL.
fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err("give a URL that begins with http:// or https://".to_owned())
    }
}

/// An https URL: the API server calls nothing else.
fn https_url(text: &str) -> Result<Url, String> {
    let url = web_url(text)?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if url.scheme() == "https" && plain {
        Ok(url)
    } else {
        Err("give a URL that begins with https://, without user, query and fragment".to_owned())
    }
}

/// `NAMESPACE/NAME`
fn certificate(text: &str) -> Result<String, String> {
    let parts = text.split_once('/');
    let whole = |(namespace, name): (&str, &str)| {
        !namespace.is_empty() && !name.is_empty() && !name.contains('/')
    };
    if parts.is_some_and(whole) {
        Ok(text.to_owned())
    } else {
        Err("give the namespace and the name of a Certificate: NAMESPACE/NAME".to_owned())
    }
}

/// `90`, `30s`, `5m` or `1h`, above zero.
fn duration(text: &str) -> Result<Duration, String> {
    let allowed = || "give a time above zero, for example 30s, 5m or 1h".to_owned();
    let units = [("s", 1_u64), ("m", 60), ("h", 3600)];
    let unit = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1));
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    let seconds = seconds.filter(|seconds| *seconds > 0).ok_or_else(allowed)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    #[test]
    fn times_have_units() {
        let seconds = ["90", "30s", "5m", "1h"].map(|text| duration(text).unwrap().as_secs());
        assert_eq!(seconds, [90, 30, 300, 3600]);
        for wrong in ["", "s", "-1s", "0", "1d", "99999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
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
