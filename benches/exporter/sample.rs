//! What the kernel says about a process, and its peaks while something else happens.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;

/// Pause between two looks. A peak that lasts less can be missed; `VmHWM` can't miss it.
const PAUSE: Duration = Duration::from_millis(2);

/// Clock ticks per second in `/proc`, the same on every Linux that Rust supports.
const TICKS: f64 = 100.0;

/// Peaks of a process, in KiB where not a count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peaks {
    /// Largest `RssAnon` that was seen.
    pub anon: u64,
    /// Largest `RssFile` that was seen.
    pub file: u64,
    /// `VmHWM`: the kernel's own peak of all resident memory.
    pub whole: u64,
    /// Largest number of threads that was seen.
    pub threads: u64,
}

impl Peaks {
    /// Peak of anonymous memory: what was seen, or what the kernel's peak leaves beside files,
    /// whichever is more, so that a short peak between two looks counts.
    pub fn anonymous(&self) -> u64 {
        self.anon.max(self.whole.saturating_sub(self.file))
    }

    fn look(&mut self, status: &str) {
        let value = |name| field(status, name).unwrap_or(0);
        self.anon = self.anon.max(value("RssAnon:"));
        self.file = self.file.max(value("RssFile:"));
        self.whole = self.whole.max(value("VmHWM:"));
        self.threads = self.threads.max(value("Threads:"));
    }
}

/// Looks at a process until it is asked.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    work: JoinHandle<Peaks>,
}

impl Sampler {
    pub fn start(process: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let work = thread::spawn(move || {
            let path = format!("/proc/{process}/status");
            let mut peaks = Peaks::default();
            while !told.load(Ordering::Relaxed) {
                if let Ok(status) = fs::read_to_string(&path) {
                    peaks.look(&status);
                }
                thread::sleep(PAUSE);
            }
            peaks
        });
        Self { stop, work }
    }

    /// The peaks until now.
    pub fn stop(self) -> anyhow::Result<Peaks> {
        self.stop.store(true, Ordering::Relaxed);
        let peaks = self.work.join().ok();
        peaks.context("the sampling thread panicked")
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// CPU seconds, user and system, that a process has used so far; all its threads together.
pub fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name stands in brackets and may hold spaces; the rest are numbers.
    let (_, numbers) = stat.rsplit_once(')').context("a stat without a name")?;
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<f64> {
        Ok(numbers.get(index).context("a short stat")?.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}
