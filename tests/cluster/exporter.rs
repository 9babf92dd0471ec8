//! The built exporter as a child process, pointed at a real cluster.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use xtrinode::core::buffers::wire::{WireCoordinator, WireSnapshot, WireWorker};

use crate::leash::Leashed;
use crate::trino::{Cluster, Node};
use crate::worker_truth::AtRisk;
use crate::{http, net, wait};

/// Seconds that a state may take to show.
const PATIENCE: u32 = 60;

/// A running exporter of one coordinator, `c`, release `blue`. Dropping it kills it.
pub struct Exporter {
    address: SocketAddr,
    process: Leashed,
    _directory: TempDir,
}

impl Exporter {
    /// Watches a cluster as `user`, once a second, with further lines of configuration.
    pub async fn start(cluster: &Cluster, user: &str, more: &str) -> Result<Self> {
        Self::start_at(net::free_loopback()?, cluster, user, more).await
    }

    /// The same at an address that somebody was told before.
    pub async fn start_at(
        address: SocketAddr,
        cluster: &Cluster,
        user: &str,
        more: &str,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let config = format!(
            "coordinators:\n  c: {{url: {}, release: blue, namespace: trino}}\n\
             trinoAuth: {{type: header, headerName: X-Trino-User, headerValue: {user}}}\n\
             bindAddress: {}\nmetricsPort: {}\npollIntervalSeconds: 1\n{more}\n",
            cluster.url(),
            address.ip(),
            address.port(),
        );
        let path = directory.path().join("config.yaml");
        std::fs::write(&path, config)?;
        let log = directory.path().join("exporter.log");
        let program = Path::new(env!("CARGO_BIN_EXE_xtrinode"));
        let config = path.to_str().context("a UTF-8 path")?;
        let arguments = ["exporter", "--config", config];
        let process = Leashed::start(program, arguments, directory.path(), &log)?;
        let mut exporter = Self {
            address,
            process,
            _directory: directory,
        };
        exporter.wait_ready().await?;
        Ok(exporter)
    }

    /// `http://address:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        self.process.tail(30)
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let url = format!("{}/readyz", self.url());
        wait::until("the exporter to be ready", PATIENCE, async || {
            self.process.check_alive()?;
            let ready = http::get(&url, &[]).await;
            Ok(ready.is_ok_and(|answer| answer.status == 200).then_some(()))
        })
        .await
    }

    /// A page of metrics.
    pub async fn metrics(&self) -> Result<String> {
        Ok(http::get(&format!("{}/metrics", self.url()), &[])
            .await?
            .body)
    }

    /// What it knows after a cycle that began now.
    pub async fn fresh(&self) -> Result<WireSnapshot> {
        let url = format!("{}/v1/snapshot?maxAge=0s", self.url());
        let answer = http::get(&url, &[]).await?;
        ensure!(answer.status == 200, "{}", answer.body);
        Ok(serde_json::from_str(&answer.body)?)
    }

    /// Waits for a snapshot that satisfies `wanted`.
    pub async fn until(
        &self,
        what: &str,
        seconds: u32,
        wanted: impl Fn(&WireSnapshot) -> bool,
    ) -> Result<WireSnapshot> {
        let mut last = None;
        let found = wait::until(what, seconds, async || {
            let snapshot = self.fresh().await?;
            let met = wanted(&snapshot);
            last = Some(snapshot.clone());
            Ok(met.then_some(snapshot))
        })
        .await;
        found.with_context(|| format!("last: {last:#?}\n{}", self.log()))
    }
}

/// The coordinator of a snapshot.
pub fn coordinator(snapshot: &WireSnapshot) -> Result<&WireCoordinator> {
    snapshot.coordinators.get("c").context("coordinator c")
}

/// Everything is known.
pub fn is_whole(snapshot: &WireSnapshot) -> bool {
    coordinator(snapshot).is_ok_and(|c| c.state == "complete" && c.visibility == "visible")
}

/// What the exporter says about a node, under its node id.
pub fn worker<'a>(snapshot: &'a WireSnapshot, node: &Node) -> Option<&'a WireWorker> {
    snapshot
        .workers
        .iter()
        .find(|worker| worker.node_ids.contains(&node.name))
}

/// The exporter's figures in the form of the worker's own.
pub fn figures(worker: &WireWorker) -> AtRisk {
    AtRisk {
        active: at_risk(worker),
        bytes: worker.held.buffered_bytes,
        pages: worker.held.buffered_pages,
    }
}

/// Tasks at risk of all grades and retry policies.
pub fn at_risk(worker: &WireWorker) -> u64 {
    let of = &worker.held.tasks_at_risk;
    let sum = |g: &xtrinode::core::buffers::wire::WireGrades| g.holding + g.flushing + g.empty;
    sum(&of.none) + sum(&of.query)
}

/// Tasks at risk on all workers.
pub fn all_at_risk(snapshot: &WireSnapshot) -> u64 {
    snapshot.workers.iter().map(at_risk).sum()
}
