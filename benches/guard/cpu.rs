//! What the kernel says about a process' time on processors, to the nanosecond.

use std::fs;
use std::ops::Sub;

use anyhow::Context;

/// Time of all threads of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Seconds on a processor.
    pub running: f64,
    /// Seconds in which it could have run and others did: what other work on this machine took from it.
    pub waiting: f64,
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            running: self.running - earlier.running,
            waiting: self.waiting - earlier.waiting,
        }
    }
}

/// What a process has used so far.
pub fn spent(process: u32) -> anyhow::Result<Spent> {
    let mut sum = Spent::default();
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let path = task?.path().join("schedstat");
        // A thread may end while its siblings are counted.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let mut words = text.split_whitespace().map(str::parse::<u64>);
        let mut next = || -> anyhow::Result<f64> {
            let nanoseconds = words.next().context("a short schedstat")??;
            Ok(nanoseconds as f64 / 1e9)
        };
        sum.running += next()?;
        sum.waiting += next()?;
    }
    Ok(sum)
}
