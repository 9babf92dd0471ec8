//! The guard's settings as the program uses them: typed, complete, without secrets (those
//! stay in files, which are read again when they change). Plain data.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::{ClientTls, Coordinator, ForwardedProto, Identity, TrinoAuth};
use crate::core::guard::facts::place::Mode;
use crate::core::guard::policy::Policy;
use crate::process::logs::{LogFormat, LogLevel};

/// Everything the guard needs to know to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What `xtrinode.io/guard: enabled` means. Default audit.
    pub mode: Mode,
    /// Where and how reviews are answered.
    pub serving: Serving,
    /// Which installation this is, and which of its replicas.
    pub installation: Installation,
    /// The namespaces that may be guarded, where Roles stand for the ClusterRole; empty = all.
    pub namespaces: Vec<String>,
    /// Whether clusters are found by their labels. Default true.
    pub discovery: bool,
    /// Clusters beside those, ordered by name; their namespace and release differ.
    pub clusters: Vec<Cluster>,
    /// The exporter's snapshot stream; `None` leaves the guard's own collector alone.
    pub exporter: Option<Exporter>,
    /// How coordinators are read.
    pub trino: Trino,
    /// How workers are drained.
    pub drain: Drain,
    /// Bounds, floor and switches: everything that decisions depend on.
    pub policy: Policy,
    /// The least important event that is logged.
    pub log_level: LogLevel,
    /// The shape of log lines.
    pub log_format: LogFormat,
    /// How long reviews are still answered after SIGTERM. Default 15 s: the API server keeps its connections.
    pub lame_duck: Duration,
    /// The longest an orderly stop may take after that. Default 10 s.
    pub shutdown_grace: Duration,
}

/// Where and how reviews are answered.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Where to listen. Default 127.0.0.1.
    pub bind_address: IpAddr,
    /// The port of the webhooks, HTTPS; 0 takes any free one. Default 8443.
    pub webhook_port: u16,
    /// The port of metrics, probes, `explain` and `status`; 0 takes any free one. Default 9090.
    pub admin_port: u16,
    /// The server certificate.
    pub certificate: Certificate,
    /// Who may call, by client certificate; `None` asks for none.
    pub clients: Option<Clients>,
    /// Holds the secret segment of the webhooks' paths; `None` has none.
    pub path_secret_file: Option<PathBuf>,
    /// Where the API server reaches the webhooks when not through the Service.
    pub webhook_url: Option<Url>,
    /// When the API server gives a review up, in whole seconds. Default 5 s.
    pub webhook_timeout: Duration,
    /// When the guard answers at the latest; below `webhook_timeout`. Default 4 s.
    pub deadline: Duration,
}

/// Where the server certificate comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// Files that somebody else renews: cert-manager, or whoever owns the Secret.
    Files(Identity),
    /// Issued by the guard's own authority.
    SelfManaged(SelfManaged),
}

/// An authority and certificate that the guard makes and renews itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SelfManaged {
    /// The Secret that holds both. Default `RELEASE-tls`.
    pub secret_name: String,
    /// The Service whose name the certificate carries. Default the release.
    pub service_name: String,
    /// How long a certificate is valid. Default 365 days.
    pub certificate_validity: Duration,
    /// How long an authority is valid; not shorter. Default 3650 days.
    pub authority_validity: Duration,
}

/// Who may call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Clients {
    /// The authorities of client certificates.
    pub ca_file: PathBuf,
    /// The names that are trusted; empty = every certificate of these authorities.
    pub names: Vec<String>,
}

/// Which installation this is, and which of its replicas.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Installation {
    /// The Helm release. Default `xtrinode-guard`.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// What the names of its webhook configurations begin with. Default the release.
    pub webhook_prefix: String,
    /// This replica among its equals; the pod's name.
    pub replica: String,
    /// How one of them is made leader.
    pub lease: Lease,
}

/// The leader's Lease.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Its name. Default the release.
    pub name: String,
    /// How long it holds without renewal, in whole seconds. Default 15 s.
    pub duration: Duration,
    /// How often it is renewed. Default 5 s.
    pub renew_interval: Duration,
}

/// A cluster that the file names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cluster {
    /// Its coordinator; the namespace is always set.
    pub coordinator: Coordinator,
    /// Labels of its workers.
    pub workers: Labels,
    /// Labels of its coordinator's pod.
    pub coordinators: Labels,
}

/// A pod is meant when it has all of these labels; never empty.
pub type Labels = BTreeMap<String, String>;

/// The exporter's snapshot stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exporter {
    /// The exporter's base address.
    pub url: Url,
    /// Holds the token that it demands.
    pub token_file: Option<PathBuf>,
    /// PEM certificates to trust in place of the built-in ones.
    pub ca_file: Option<PathBuf>,
}

/// How coordinators are read.
#[derive(Clone, Debug)]
pub struct Trino {
    /// Who we are. The same for every coordinator.
    pub auth: TrinoAuth,
    /// TLS towards them.
    pub tls: ClientTls,
    /// `X-Forwarded-Proto`; `None` sends none.
    pub forwarded_proto: Option<ForwardedProto>,
    /// The port workers listen on where nothing else says. Default 8080.
    pub worker_http_port: u16,
    /// From the end of one cycle to the start of the next. Default 5 s, so that a snapshot is fresh for two cycles.
    pub poll_interval: Duration,
    /// For one whole request, to the last byte of its answer. Default 60 s.
    pub request_timeout: Duration,
}

/// How workers are asked and told about their state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drain {
    /// `X-Trino-User`, and the user of the password. Default `xtrinode-guard`.
    pub user: String,
    /// Holds the password; only with verified TLS.
    pub password_file: Option<PathBuf>,
    /// Whether workers are spoken to over TLS. Default not.
    pub https: bool,
    /// The name that workers' certificates carry; `None` expects their address.
    pub server_name: Option<String>,
    /// TLS towards workers.
    pub tls: ClientTls,
}

/// What the command line said; each value beats the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--log-level`
    pub log_level: Option<LogLevel>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// `--bind-address`
    pub bind_address: Option<IpAddr>,
    /// `--webhook-port`
    pub webhook_port: Option<u16>,
    /// `--admin-port`
    pub admin_port: Option<u16>,
}

impl Settings {
    /// Lets the command line beat the file. Taken apart in full, so that a new flag can't
    /// be forgotten here.
    pub(super) fn apply(&mut self, overrides: &Overrides) {
        let Overrides {
            log_level,
            log_format,
            bind_address,
            webhook_port,
            admin_port,
        } = overrides;
        let serving = &mut self.serving;
        self.log_level = log_level.unwrap_or(self.log_level);
        self.log_format = log_format.unwrap_or(self.log_format);
        serving.bind_address = bind_address.unwrap_or(serving.bind_address);
        serving.webhook_port = webhook_port.unwrap_or(serving.webhook_port);
        serving.admin_port = admin_port.unwrap_or(serving.admin_port);
    }
}
