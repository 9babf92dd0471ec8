//! The exporter's settings as the program uses them: typed, complete, without secrets
//! (those stay in files, which the collector reads again when they change). Plain data.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::{Basic, ClientTls, Coordinator, ForwardedProto, Identity, TrinoAuth};
use crate::process::logs::{LogFormat, LogLevel};

/// Everything the exporter needs to know to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to watch, ordered by name; never empty, releases unique.
    pub coordinators: Vec<Coordinator>,
    /// The server that maps addresses to pods; `None` when `prometheus.url` is empty.
    pub prometheus: Option<Prometheus>,
    /// How to say who we are to Trino. The same for every coordinator.
    pub trino_auth: TrinoAuth,
    /// TLS towards Trino.
    pub tls: ClientTls,
    /// How a worker is matched with its pod.
    pub worker_mapping: WorkerMapping,
    /// The Kubernetes API as a source of pods; `None` when not enabled.
    pub kubernetes: Option<Kubernetes>,
    /// The port workers listen on; prefers one among several series of an address. Default 8080.
    pub worker_http_port: u16,
    /// The Prometheus metric whose series carry `instance` and pod labels.
    pub ip_to_pod_metric: String,
    /// From the end of one cycle to the start of the next. Default 15 s.
    pub poll_interval: Duration,
    /// For one whole request, to the last byte of its answer. Default 60 s.
    pub request_timeout: Duration,
    /// Without a complete cycle for this long, a coordinator's series disappear. Default 300 s.
    pub stale_after: Duration,
    /// Trino's `task.info-update-interval`: how old its own knowledge of tasks can be. Default 3 s.
    pub source_lag: Duration,
    /// The longest answer that is read, in bytes after decompression. Default 4 GiB.
    pub max_response_bytes: u64,
    /// What we ask Trino for with `Accept-Encoding`.
    pub compression: Compression,
    /// `X-Forwarded-Proto` sent to Trino; `None` sends none.
    pub forwarded_proto: Option<ForwardedProto>,
    /// Whether the values that we skip are parsed too. Slower. Default false.
    pub strict: bool,
    /// Where to listen. Default 127.0.0.1.
    pub bind_address: IpAddr,
    /// The port of `/metrics` and the rest; 0 takes any free one. Default 8000.
    pub metrics_port: u16,
    /// Serve HTTPS instead of HTTP.
    pub server_tls: Option<ServerTls>,
    /// The token that `/v1/snapshot` demands; `None` demands none.
    pub snapshot_token_file: Option<PathBuf>,
    /// The least important event that is logged.
    pub log_level: LogLevel,
    /// The shape of log lines.
    pub log_format: LogFormat,
    /// The longest an orderly stop may take. Default 10 s.
    pub shutdown_grace: Duration,
}

/// A Prometheus server to ask.
#[derive(Clone, Debug)]
pub struct Prometheus {
    /// Its base address.
    pub url: Url,
    /// How to say who we are.
    pub auth: PrometheusAuth,
    /// TLS towards it.
    pub tls: ClientTls,
}

/// How to say who we are to Prometheus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PrometheusAuth {
    /// Not at all.
    None,
    /// HTTP basic authentication.
    Basic(Basic),
    /// A bearer token from a file.
    Bearer {
        /// Holds the token.
        token_file: PathBuf,
    },
}

/// TLS as a server.
pub type ServerTls = Identity;

/// How a worker is matched with its pod.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WorkerMapping {
    /// By whatever source is configured; the node id where none is. The default.
    #[default]
    Auto,
    /// The node id is the pod's name.
    NodeId,
    /// The Kubernetes API says.
    Kubernetes,
    /// Prometheus says.
    Prometheus,
}

/// Which pods to watch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kubernetes {
    /// Empty means all.
    pub namespaces: Vec<String>,
    /// A label selector, as `kubectl get -l` takes it.
    pub pod_selector: String,
}

/// What we accept from Trino.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Compression {
    /// Plain bytes: cheapest for the coordinator and for us. The default.
    #[default]
    Identity,
    /// Compressed, for links that are slow or paid by the byte.
    Gzip,
}

/// What the command line said; each value beats the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--log-level`
    pub log_level: Option<LogLevel>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// `--strict`
    pub strict: bool,
    /// `--metrics-port`
    pub metrics_port: Option<u16>,
    /// `--bind-address`
    pub bind_address: Option<IpAddr>,
}

impl Settings {
    /// Lets the command line beat the file. Taken apart in full, so that a new flag can't
    /// be forgotten here.
    pub(super) fn apply(&mut self, overrides: &Overrides) {
        let Overrides {
            log_level,
            log_format,
            strict,
            metrics_port,
            bind_address,
        } = overrides;
        self.log_level = log_level.unwrap_or(self.log_level);
        self.log_format = log_format.unwrap_or(self.log_format);
        self.strict |= strict;
        self.metrics_port = metrics_port.unwrap_or(self.metrics_port);
        self.bind_address = bind_address.unwrap_or(self.bind_address);
    }
}
