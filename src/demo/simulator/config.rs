//! What a simulated cluster is asked to be: wire shape, timing, permissions, addresses.
//! Plain values with defaults taken from real Trino; it starts nothing.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The wire shape to speak, named by the Trino version that was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// Nested `outputStage` with stages inside stages (Trino up to 476).
    V476,
    /// Flat `stages` that name each other by id (Trino 477 and later).
    V482,
}

impl Version {
    /// The number that Trino would put into `nodeVersion`.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::V476 => "476",
            Self::V482 => "482",
        }
    }
}

/// How long Trino takes for things. Defaults are Trino's own, except where said.
#[derive(Clone, Debug)]
pub struct Timing {
    /// `shutdown.grace-period`: 2 minutes in Trino, 5 s here so that a drain can be watched.
    pub grace: Duration,
    /// How often the coordinator asks workers for their state (about 5 s).
    pub node_poll: Duration,
    /// `task.info-update-interval`: how stale the coordinator's copy of a task may be (3 s).
    pub task_info_interval: Duration,
    /// How long a worker may be silent before its queries fail (1 minute).
    pub loss_timeout: Duration,
    /// How long a query waits for a first worker (5 minutes).
    pub no_workers_timeout: Duration,
    /// `query.client.timeout`: an abandoned query is failed after it (5 minutes).
    pub client_timeout: Duration,
    /// `query.min-expire-age`: how long ended queries stay in the list (15 minutes).
    pub history: Duration,
    /// `query.max-history`: how many ended queries stay whatever their age.
    pub max_history: usize,
    /// Time spent PLANNING (0.3 s in the captures' order of magnitude).
    pub planning: Duration,
    /// Time spent STARTING.
    pub starting: Duration,
    /// How long a consumer takes to acknowledge the end of a buffer.
    pub acknowledge: Duration,
    /// How long a statement request waits for data before it answers an empty page (1 s).
    pub max_wait: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            grace: seconds(5),
            node_poll: seconds(5),
            task_info_interval: seconds(3),
            loss_timeout: seconds(60),
            no_workers_timeout: seconds(300),
            client_timeout: seconds(300),
            history: seconds(900),
            max_history: 100,
            planning: Duration::from_millis(300),
            starting: Duration::from_millis(300),
            acknowledge: Duration::from_millis(300),
            max_wait: seconds(1),
        }
    }
}

/// A set of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Users {
    /// Everybody who sends a name.
    Everyone,
    /// Only these.
    Only(BTreeSet<String>),
}

impl Users {
    /// Only the named users; `Users::only([])` is nobody.
    pub fn only<const N: usize>(names: [&str; N]) -> Self {
        Self::Only(names.into_iter().map(str::to_owned).collect())
    }

    /// Whether `user` belongs to the set.
    #[must_use]
    pub fn contains(&self, user: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(names) => names.contains(user),
        }
    }
}

/// How requests prove who they are.
#[derive(Clone)]
pub enum Authentication {
    /// No authentication configured: `X-Trino-User`, or Basic with an empty password.
    Insecure,
    /// User name and password, only over what counts as TLS.
    Password {
        /// The one user.
        user: String,
        /// His password.
        password: String,
    },
    /// A bearer token of one user, only over what counts as TLS.
    Token {
        /// Whose token it is.
        user: String,
        /// The token.
        token: String,
    },
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Insecure => "Insecure",
            Self::Password { .. } => "Password([redacted])",
            Self::Token { .. } => "Token([redacted])",
        })
    }
}

/// Who may do what. The default is Trino without access control.
#[derive(Clone, Debug)]
pub struct Access {
    /// How users are known.
    pub authentication: Authentication,
    /// `http-server.process-forwarded`; without it forwarded headers are answered 406.
    pub process_forwarded: bool,
    /// Who may see queries of other users; everybody sees their own.
    pub view_queries: Users,
    /// Who may read system information (`/metrics`).
    pub read_system: Users,
    /// Who may write it (`PUT /v1/info/state`); nobody without access control.
    pub write_system: Users,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            authentication: Authentication::Insecure,
            process_forwarded: false,
            view_queries: Users::Everyone,
            read_system: Users::Everyone,
            write_system: Users::only([]),
        }
    }
}

/// Where nodes listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Each worker on an address of its own, `127.0.SUBNET.n`, as pods have; all with one port
    /// where it is free. Linux only, since other systems have 127.0.0.1 alone.
    Addresses {
        /// The third number of the addresses.
        subnet: u8,
    },
    /// All on 127.0.0.1, each with a port of its own.
    Ports,
}

impl Default for Bind {
    fn default() -> Self {
        if cfg!(target_os = "linux") {
            Self::Addresses { subnet: 1 }
        } else {
            Self::Ports
        }
    }
}

/// Whose time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The model follows the machine's monotonic clock.
    Real,
    /// The model stands still until `Simulator::advance`.
    Manual,
}

/// A whole cluster.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Wire shape and version.
    pub version: Version,
    /// Decides names, ids and sizes.
    pub seed: u64,
    /// Workers at the start.
    pub workers: usize,
    /// Addresses of the workers that nobody gave one.
    pub bind: Bind,
    /// Address of the coordinator.
    pub coordinator_host: Ipv4Addr,
    /// Port of the coordinator; 0 takes a free one.
    pub coordinator_port: u16,
    /// Who moves time.
    pub clock: Clock,
    /// Durations.
    pub timing: Timing,
    /// Permissions.
    pub access: Access,
    /// What a query's document is filled up to with finished tasks, in bytes; 0 leaves it as it is.
    pub document_bytes: u64,
    /// Wall time of the model's start, milliseconds since 1970; dates every document.
    pub epoch_millis: i64,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            version: Version::V482,
            seed: 1,
            workers: 3,
            bind: Bind::default(),
            coordinator_host: Ipv4Addr::LOCALHOST,
            coordinator_port: 0,
            clock: Clock::Real,
            timing: Timing::default(),
            access: Access::default(),
            document_bytes: 0,
            epoch_millis: 1_795_312_800_000,
        }
    }
}
