//! Says where and when the figures come from.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Context;

use super::program;

/// Processors that the exporter may use.
pub fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Prints machine, program, date and command.
pub fn print(bench: &str) -> anyhow::Result<()> {
    let processor = field("/proc/cpuinfo", "model name")?;
    let memory = field("/proc/meminfo", "MemTotal")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    println!("machine: {} x {processor}, {memory}", cores());
    println!("kernel:  Linux {}, load {}", kernel.trim(), load.trim());
    println!("program: {}", version()?);
    println!("date:    {}", jiff::Timestamp::now().strftime("%F %T UTC"));
    println!("command: cargo bench --bench {bench}");
    Ok(())
}

fn version() -> anyhow::Result<String> {
    let output = Command::new(program::PATH).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(text.replace('\n', ", "))
}

/// The first value of `name` in a file of `name: value` lines.
fn field(path: &str, name: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = pairs
        .find(|(key, _)| key.trim() == name)
        .with_context(|| format!("{path} has no {name}"))?;
    Ok(value.trim().to_owned())
}
