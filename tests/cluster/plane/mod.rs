//! A real Kubernetes control plane on loopback: etcd, API server, controllers, scheduler. Starts in seconds, dies with
//! the value that holds it. There are no kubelets: `node_agent` is what runs pods.

mod access;
pub mod certs;
pub mod external_metrics;
pub mod https;
pub mod keda;
mod kubectl;
mod programs;
pub mod webhook;

use anyhow::Result;
use kube::Client;
use tempfile::TempDir;

pub use access::Access;
use certs::Certs;
use programs::{Ports, Program};

use crate::wait;

/// Seconds that the API server may take; 2.5 were measured on two cores.
const START_SECONDS: u32 = 120;

/// A running control plane.
pub struct Plane {
    /// How to reach it.
    pub access: Access,
    /// Its administrator.
    pub client: Client,
    /// The same, each request asked once.
    pub once: Client,
    /// Its keys; webhooks of tests may be certified by the same authority.
    pub certs: Certs,
    pub etcd: Program,
    pub apiserver: Program,
    pub controllers: Program,
    pub scheduler: Program,
    folder: TempDir,
}

impl Plane {
    /// Starts everything and waits until the API server is ready.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("xtrinode-plane-")
            .tempdir()?;
        let path = folder.path();
        let ports = Ports::free()?;
        let certs = Certs::write(&path.join("certs"))?;
        let access = Access::write(path, ports.api, &certs)?;
        // The reqwest client of the tests installs the provider of cryptography that kube needs too.
        crate::http::client();
        let mut plane = Self {
            client: access.admin().await?,
            once: access.asking_once().await?,
            etcd: Program::etcd(path, &ports)?,
            apiserver: Program::apiserver(path, &ports, &certs)?,
            controllers: Program::controllers(path, &certs, &access.kubeconfig)?,
            scheduler: Program::scheduler(path, &access.kubeconfig)?,
            access,
            certs,
            folder,
        };
        plane.etcd.start()?;
        plane.apiserver.start()?;
        plane.wait_ready().await?;
        plane.controllers.start()?;
        plane.scheduler.start()?;
        Ok(plane)
    }

    /// Waits until the API server says that it is ready.
    pub async fn wait_ready(&mut self) -> Result<()> {
        wait::until("the API server to be ready", START_SECONDS, async || {
            self.etcd.check_alive()?;
            self.apiserver.check_alive()?;
            let request = ::http::Request::get("/readyz").body(Vec::new())?;
            let ready = self.client.request_text(request).await;
            Ok(ready.is_ok_and(|text| text == "ok").then_some(()))
        })
        .await
    }

    /// A folder of the plane's own for files of tests.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The last lines of each program, cut short, for a failure's report.
    pub fn logs(&self) -> String {
        let programs = [&self.apiserver, &self.controllers, &self.scheduler];
        let tails = programs.map(|program| program.tail(5));
        let lines = tails.iter().flat_map(|tail| tail.lines());
        lines.map(|line| format!("    {line:.200}\n")).collect()
    }
}
