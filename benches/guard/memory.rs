//! The memory of `xtrinode guard run` itself, from outside: 10 000 pods are listed in pages, then nothing happens but looks at
//! workers, reads of query lists and plans of the leader.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{net::SocketAddr, thread};

use anyhow::{Context, bail};

use super::address::SECRET;
use super::goals::Goals;
use super::pki::Authority;
use super::process::Running;
use super::program::PATH;
use super::sample::{Sampler, cpu_seconds};

/// Until it has listed everything and is ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long it then runs before it is weighed: several looks at every worker, several watches.
const SETTLE: Duration = Duration::from_secs(75);

/// And how long it is weighed.
const WEIGH: Duration = Duration::from_secs(15);

const MEBIBYTE: f64 = 1024.0;

/// The guard; killed when dropped.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// After the first list, and at its most.
pub fn steady(goals: &mut Goals) -> anyhow::Result<()> {
    println!(
        "\nguard run: 10 000 pods in pages of 500, 200 workloads, 2000 nodes that answer, 8000 that refuse"
    );
    let folder = tempfile::tempdir()?;
    let api = Running::start("api", folder.path(), &[])?;
    let ports = [free_port()?, free_port()?];
    let config = configure(folder.path(), ports)?;
    let kubeconfig = kubeconfig(folder.path(), api.address)?;
    let mut command = Command::new(PATH);
    command.args(["guard", "run", "--config"]).arg(config);
    command
        .args(["--log-level", "WARN"])
        .env("KUBECONFIG", kubeconfig);
    let guard = Guard(command.stdin(Stdio::null()).spawn()?);
    let whole = Sampler::start(guard.0.id());
    wait_until_ready(ports[1])?;
    thread::sleep(SETTLE);
    let steady = Sampler::start(guard.0.id());
    let before = cpu_seconds(guard.0.id())?;
    thread::sleep(WEIGH);
    let used = cpu_seconds(guard.0.id())? - before;
    let (steady, whole) = (steady.stop()?, whole.stop()?);
    let mebibytes = |kibibytes: u64| kibibytes as f64 / MEBIBYTE;
    println!(
        "  RssAnon steady {:.1} MiB, peak {:.1} MiB; VmHWM {:.1} MiB; threads {}",
        mebibytes(steady.anon),
        mebibytes(whole.anonymous()),
        mebibytes(whole.whole),
        whole.threads
    );
    println!(
        "  CPU steady {:.1} % of a processor; {} workers serve",
        used * 100.0 / WEIGH.as_secs_f64(),
        serving(ports[1])?
    );
    goals.at_most(
        "RssAnon of guard run, steady, MiB".to_owned(),
        mebibytes(steady.anon),
        64.0,
    );
    Ok(())
}

fn configure(folder: &Path, [webhook, admin]: [u16; 2]) -> anyhow::Result<PathBuf> {
    Authority::write(folder)?;
    let pair = Authority::load(folder)?.server()?;
    let file = |name: &str, text: &str| -> anyhow::Result<String> {
        let path = folder.join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let (cert, key) = (file("tls.crt", &pair.cert)?, file("tls.key", &pair.key)?);
    let secret = file("path-secret", SECRET)?;
    let mut text = format!("mode: enforce\nwebhookPort: {webhook}\nadminPort: {admin}\n");
    write!(
        text,
        "namespace: xtrinode-system\nreplicaId: guard-0\n\
         tls: {{files: {{certFile: \"{cert}\", keyFile: \"{key}\"}}, pathSecretFile: \"{secret}\"}}\n"
    )?;
    Ok(file("guard.yaml", &text)?.into())
}

fn kubeconfig(folder: &Path, server: SocketAddr) -> anyhow::Result<PathBuf> {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: bench\n\
         clusters: [{{name: bench, cluster: {{server: \"http://{server}\"}}}}]\n\
         users: [{{name: bench, user: {{token: bench}}}}]\n\
         contexts: [{{name: bench, context: {{cluster: bench, user: bench}}}}]\n"
    );
    let path = folder.join("kubeconfig");
    fs::write(&path, text)?;
    Ok(path)
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

fn wait_until_ready(port: u16) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if get(port, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!(
        "it was not ready in {PATIENCE:?}: {}",
        get(port, "/readyz")?
    )
}

/// How many workers it knows to serve: an empty guard must not be weighed by mistake.
fn serving(port: u16) -> anyhow::Result<f64> {
    let page = get(port, "/metrics")?;
    let lines = page.lines();
    let lines = lines.filter_map(|line| line.strip_prefix("xtrinode_guard_serving_workers{"));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    Ok(values.sum())
}

fn get(port: u16, path: &str) -> anyhow::Result<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: guard\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("no answer")?;
    Ok(answer)
}
