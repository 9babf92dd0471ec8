//! A real Trino cluster as processes: one coordinator and some workers, each on a loopback address
//! of its own. Starts, stops, kills and restarts nodes; asserts nothing about Trino.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::client::Client;
use crate::leash::Leashed;
use crate::net::Block;
use crate::trino_config::{self, ADMIN};
use crate::trino_runtime::{Run, Runtime};
use crate::{http, wait};

/// Seconds that a node may take to start; 18 were measured with three nodes on two cores.
const START_SECONDS: u32 = 240;

/// The Trino versions that are tested, one for each wire shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 476: stages are nested (`outputStage`).
    Nested,
    /// 482: stages are a flat list (`stages`).
    Flat,
}

impl Version {
    pub const ALL: [Self; 2] = [Self::Nested, Self::Flat];

    /// Trino's version number.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Nested => "476",
            Self::Flat => "482",
        }
    }

    /// The name of its installed part, and of its folder of captures.
    pub fn part(self) -> String {
        format!("trino-{}", self.number())
    }
}

/// How a cluster is made.
pub struct Options {
    pub version: Version,
    pub workers: u8,
    /// Heap of each node in MB.
    pub heap_mb: u32,
    /// More lines of every node's `config.properties`.
    pub properties: Vec<(String, String)>,
}

impl Options {
    /// Two workers, small heaps.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            workers: 2,
            heap_mb: 700,
            properties: Vec::new(),
        }
    }
}

/// One node, running or not.
pub struct Node {
    /// `coordinator`, `worker-0`, …; the node id.
    pub name: String,
    pub version: Version,
    pub address: Ipv4Addr,
    pub port: u16,
    directory: PathBuf,
    is_coordinator: bool,
    process: Option<Leashed>,
}

impl Node {
    /// `http://address:port`
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.address, self.port)
    }

    /// `address:port`, as Prometheus writes `instance`.
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }

    /// Sends a signal by its name, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process
            .as_ref()
            .context("the node does not run")?
            .signal(name)
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Leashed::pid)
    }

    /// SIGKILL: the node is gone without a word.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the node does not run")?.kill()
    }

    fn runs(&mut self) -> bool {
        let process = self.process.as_mut();
        process.is_some_and(|process| process.check_alive().is_ok())
    }

    async fn is_up(&mut self) -> Result<bool> {
        let process = self.process.as_mut().context("the node does not run")?;
        process.check_alive().with_context(|| self.name.clone())?;
        let Ok(answer) = http::get(&format!("{}/v1/info", self.url()), &[]).await else {
            return Ok(false);
        };
        Ok(answer.status == 200 && answer.json()?["starting"] == false)
    }
}

/// A running cluster. Dropping it kills all nodes.
pub struct Cluster {
    pub version: Version,
    pub coordinator: Node,
    pub workers: Vec<Node>,
    heap_mb: u32,
    runtime: Runtime,
    directory: TempDir,
    _block: Block,
}

impl Cluster {
    /// Starts all nodes at once and waits until the coordinator counts every worker as active.
    pub async fn start(options: &Options) -> Result<Self> {
        let mut cluster = Self::prepare(options)?;
        let count = cluster.workers.len();
        cluster.launch_coordinator()?;
        for index in 0..count {
            cluster.launch_worker(index)?;
        }
        cluster.wait_active().await?;
        Ok(cluster)
    }

    /// The coordinator's URL.
    pub fn url(&self) -> String {
        self.coordinator.url()
    }

    /// A client of the coordinator that works in `tpch.tiny` as this user.
    pub fn client(&self, user: &str) -> Client {
        Client::new(&self.url(), user)
    }

    /// Ends the coordinator at once and starts another one in its place.
    pub async fn restart_coordinator(&mut self) -> Result<()> {
        self.coordinator.kill()?;
        self.launch_coordinator()?;
        self.wait_active().await
    }

    /// Starts a worker again that was killed, and waits until it is active.
    pub async fn start_worker(&mut self, index: usize) -> Result<()> {
        self.launch_worker(index)?;
        self.wait_active().await
    }

    /// Makes the cluster whole for the next scenario: no unfinished query, every node running.
    pub async fn restore(&mut self) -> Result<()> {
        if !self.coordinator.runs() {
            self.launch_coordinator()?;
        }
        for index in 0..self.workers.len() {
            if !self.workers[index].runs() {
                self.launch_worker(index)?;
            }
        }
        self.wait_active().await?;
        self.cancel_all().await
    }

    /// Waits until every node answers and the coordinator counts all workers as active.
    pub async fn wait_active(&mut self) -> Result<()> {
        let name = self.version.part();
        for node in std::iter::once(&mut self.coordinator).chain(&mut self.workers) {
            let what = format!("{} of {name} to start", node.name);
            wait::until(&what, START_SECONDS, async || {
                Ok(node.is_up().await?.then_some(()))
            })
            .await?;
        }
        let client = self.client(ADMIN);
        let wanted = self.workers.len();
        wait::until("all workers to be active", START_SECONDS, async || {
            let sql = "SELECT count(*) FROM system.runtime.nodes WHERE state = 'active' AND NOT coordinator";
            let rows = client.run(sql).await?;
            Ok((rows.first().and_then(|row| row[0].as_u64()) == Some(wanted as u64)).then_some(()))
        })
        .await
    }

    /// The coordinator's list of queries, as a user who may see all of them.
    pub async fn queries(&self) -> Result<Vec<serde_json::Value>> {
        let url = format!("{}/v1/query", self.url());
        let list = http::get(&url, &[("X-Trino-User", ADMIN)]).await?.json()?;
        Ok(list.as_array().context("a list of queries")?.clone())
    }

    /// One query's document.
    pub async fn query(&self, id: &str) -> Result<http::Answer> {
        let url = format!("{}/v1/query/{id}", self.url());
        http::get(&url, &[("X-Trino-User", ADMIN)]).await
    }

    /// The last lines of each node's log, for a failure's report.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for node in std::iter::once(&self.coordinator).chain(&self.workers) {
            if let Some(process) = &node.process {
                let _ = writeln!(text, "--- {}\n{}", node.name, process.tail(25));
            }
        }
        text
    }

    /// Stops all nodes. The first run leaves the class-data archives that make later starts short.
    pub async fn stop(mut self) -> Result<()> {
        let Self {
            runtime,
            coordinator,
            workers,
            ..
        } = &mut self;
        for node in std::iter::once(coordinator).chain(workers.first_mut()) {
            if let Some(mut process) = node.process.take() {
                runtime
                    .archive
                    .finish(&mut process, node.is_coordinator, &node.directory)
                    .await?;
            }
        }
        Ok(())
    }

    fn prepare(options: &Options) -> Result<Self> {
        ensure!(options.workers < 100, "at most 99 workers");
        let runtime = Runtime::find(options.version)?;
        let block = Block::reserve(options.workers + 1)?;
        let directory = tempfile::Builder::new()
            .prefix("xtrinode-trino-")
            .tempdir()?;
        let exchange = directory.path().join("exchange");
        std::fs::create_dir(&exchange)?;
        let shared = trino_config::Shared {
            coordinator: block.host(1),
            port: block.port,
            heap_mb: options.heap_mb,
            exchange: Some(&exchange),
            may_drain: true,
            extra: &options.properties,
        };
        let node = |name: String, host: u8| -> Result<Node> {
            let path = directory.path().join(&name);
            trino_config::write(&path, host == 1, &shared)?;
            let (address, port) = (block.host(host), block.port);
            Ok(Node {
                name,
                version: options.version,
                address,
                port,
                directory: path,
                is_coordinator: host == 1,
                process: None,
            })
        };
        Ok(Self {
            version: options.version,
            coordinator: node("coordinator".into(), 1)?,
            workers: (0..options.workers)
                .map(|index| node(format!("worker-{index}"), index + 2))
                .collect::<Result<_>>()?,
            heap_mb: options.heap_mb,
            runtime,
            directory,
            _block: block,
        })
    }

    fn launch_coordinator(&mut self) -> Result<()> {
        self.coordinator.process = Some(self.launch(&self.coordinator, true)?);
        Ok(())
    }

    fn launch_worker(&mut self, index: usize) -> Result<()> {
        // One node writes a role's archive; two would write over each other.
        let process = self.launch(&self.workers[index], index == 0)?;
        self.workers[index].process = Some(process);
        Ok(())
    }

    fn launch(&self, node: &Node, may_write_archive: bool) -> Result<Leashed> {
        self.runtime.launch(&Run {
            node_id: &node.name,
            address: node.address,
            is_coordinator: node.is_coordinator,
            heap_mb: self.heap_mb,
            directory: &node.directory,
            log: &self.directory.path().join(format!("{}.log", node.name)),
            may_write_archive,
        })
    }

    async fn cancel_all(&self) -> Result<()> {
        let client = self.client(ADMIN);
        wait::until("all queries to end", 120, async || {
            let mut unfinished = 0;
            for query in self.queries().await? {
                let state = query["state"].as_str().unwrap_or_default();
                if !matches!(state, "FINISHED" | "FAILED") {
                    unfinished += 1;
                    client
                        .kill(query["queryId"].as_str().unwrap_or_default())
                        .await?;
                }
            }
            Ok((unfinished == 0).then_some(()))
        })
        .await
    }
}
