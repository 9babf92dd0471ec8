//! Processes and processors: servers are children of the bench on a processor of their own, stopped by their own id.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, Runtime};

use super::cpu::{Spent, spent};

/// Which of the processors that this process may use is the server's.
pub const SERVER: usize = 0;

/// And which the load's.
pub const LOAD: usize = 1;

/// Keeps this thread, and those that it starts from now on, on one processor, and makes a runtime there: as many threads as
/// the program itself would have on it.
pub fn pinned(index: usize) -> anyhow::Result<Runtime> {
    pin(index)?;
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// A runtime of one thread on one processor, for the load.
pub fn alone(index: usize) -> anyhow::Result<Runtime> {
    pin(index)?;
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn pin(index: usize) -> anyhow::Result<()> {
    let mine = usable()?;
    let processor = *mine.get(index).with_context(|| {
        format!(
            "the server and the load need a processor each, there is only {}",
            mine.len()
        )
    })?;
    let mut one = CpuSet::new();
    one.set(processor);
    Ok(sched_setaffinity(None, &one)?)
}

/// The processors that the bench was started on. A thread that was pinned asks its process' first thread, which never is.
fn usable() -> anyhow::Result<Vec<usize>> {
    let first = rustix::process::getpid();
    let set = sched_getaffinity(Some(first))?;
    let all = (0..CpuSet::MAX_CPU).filter(|processor| set.is_set(*processor));
    Ok(all.collect())
}

/// A running server; stopped when dropped.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Running {
    /// Starts this program as a server.
    pub fn start(kind: &str, folder: &Path, more: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", kind]).arg(folder).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        let read = BufReader::new(out).read_line(&mut line)?;
        ensure!(read > 0, "the server {kind} did not start");
        let address = line.trim().parse()?;
        Ok(Self { child, address })
    }

    /// What it has used of its processor so far.
    pub fn spent(&self) -> anyhow::Result<Spent> {
        spent(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
