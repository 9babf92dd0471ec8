//! The programs of a control plane and their flags: etcd, API server, controller manager, scheduler. Starts each, and
//! again after a test has ended it; knows nothing about what is stored.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::certs::{Certs, FRONT_PROXY};
use crate::leash::Leashed;
use crate::{net, parts};

/// Cloud and address controllers have nothing to do here.
const CONTROLLERS: &str = "--controllers=*,-node-ipam-controller,-cloud-node-lifecycle,-service-lb-controller,-node-route-controller";

/// Garbage is collected at four times the live memory; at twice, as usual, a busy API server spends an eighth of its processor
/// time on it.
const GARBAGE: &str = "300";

/// One program with everything that it takes to start it.
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    name: &'static str,
    process: Option<Leashed>,
}

/// Where the programs meet.
pub struct Ports {
    pub etcd: u16,
    peer: u16,
    pub api: u16,
}

impl Ports {
    /// Ports that are free at this moment.
    pub fn free() -> Result<Self> {
        let free = || Ok::<_, anyhow::Error>(net::free_loopback()?.port());
        Ok(Self {
            etcd: free()?,
            peer: free()?,
            api: free()?,
        })
    }
}

impl Program {
    /// The store. Nothing here outlives a test, so it does not wait for the disk.
    pub fn etcd(folder: &Path, ports: &Ports) -> Result<Self> {
        let client = format!("http://127.0.0.1:{}", ports.etcd);
        let peer = format!("http://127.0.0.1:{}", ports.peer);
        let arguments = vec![
            format!("--data-dir={}", folder.join("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--unsafe-no-fsync".to_owned(),
        ];
        Self::new("etcd", "etcd", folder, arguments)
    }

    /// The API server: tokens and service accounts, RBAC, aggregation, webhooks by URL.
    pub fn apiserver(folder: &Path, ports: &Ports, certs: &Certs) -> Result<Self> {
        let file = |flag: &str, name: &str| format!("--{flag}={}", certs.path(name));
        let mut arguments = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
            format!("--secure-port={}", ports.api),
            format!(
                "--token-auth-file={}",
                folder.join(super::access::TOKENS).display()
            ),
            file("tls-cert-file", "apiserver.crt"),
            file("tls-private-key-file", "apiserver.key"),
            file("client-ca-file", "ca.crt"),
            file("service-account-key-file", "sa.pub"),
            file("service-account-signing-key-file", "sa.key"),
            file("requestheader-client-ca-file", "front-proxy-ca.crt"),
            file("proxy-client-cert-file", "front-proxy.crt"),
            file("proxy-client-key-file", "front-proxy.key"),
            format!("--requestheader-allowed-names={FRONT_PROXY}"),
        ];
        arguments.extend(
            [
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--authorization-mode=Node,RBAC",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--endpoint-reconciler-type=none",
                "--allow-privileged",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            ]
            .map(str::to_owned),
        );
        Self::new("kube", "kube-apiserver", folder, arguments)
    }

    /// The controllers, each under its own service account as in production. A node counts as lost only after a time
    /// that no test takes: the machine may be busy.
    pub fn controllers(folder: &Path, certs: &Certs, kubeconfig: &Path) -> Result<Self> {
        let mut arguments = vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            format!(
                "--service-account-private-key-file={}",
                certs.path("sa.key")
            ),
            format!("--root-ca-file={}", certs.path("ca.crt")),
        ];
        arguments.extend(
            [
                "--use-service-account-credentials",
                "--leader-elect=false",
                "--secure-port=0",
                "--horizontal-pod-autoscaler-sync-period=2s",
                "--node-monitor-grace-period=10m",
                CONTROLLERS,
            ]
            .map(str::to_owned),
        );
        Self::new("kube", "kube-controller-manager", folder, arguments)
    }

    /// The scheduler.
    pub fn scheduler(folder: &Path, kubeconfig: &Path) -> Result<Self> {
        let arguments = vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ];
        Self::new("kube", "kube-scheduler", folder, arguments)
    }

    fn new(part: &str, name: &'static str, folder: &Path, arguments: Vec<String>) -> Result<Self> {
        Ok(Self {
            path: parts::command(part, name)?,
            arguments,
            folder: folder.to_owned(),
            name,
            process: None,
        })
    }

    /// Starts it, or starts it again.
    pub fn start(&mut self) -> Result<()> {
        let log = self.folder.join(format!("{}.log", self.name));
        let variables = [("GOGC".to_owned(), GARBAGE.to_owned())];
        let (path, folder) = (&self.path, &self.folder);
        let process = Leashed::start_with(path, &self.arguments, &variables, folder, &log)?;
        self.process = Some(process);
        Ok(())
    }

    /// SIGKILL, when it runs.
    pub fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Sends a signal by its name, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        match &self.process {
            Some(process) => process.signal(name),
            None => anyhow::bail!("{} does not run", self.name),
        }
    }

    /// Fails with its last lines when it has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        match &mut self.process {
            Some(process) => process.check_alive(),
            None => Ok(()),
        }
    }

    /// Its last lines.
    pub fn tail(&self, lines: usize) -> String {
        self.process
            .as_ref()
            .map(|process| process.tail(lines))
            .unwrap_or_default()
    }
}
