//! Runs the command-line tools among the real parts to their end: Helm, promtool, kubevalidate.
//! Gives what they said; judges nothing.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::parts;

/// What a tool said.
#[derive(Debug)]
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Standard output, when the tool was content.
    pub fn ok(self) -> Result<String> {
        ensure!(
            self.success,
            "the tool failed:\n{}{}",
            self.stdout,
            self.stderr
        );
        Ok(self.stdout)
    }
}

/// Helm, cut off from the user's settings, repositories and clusters.
pub fn helm<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Said> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(parts::command("helm", "helm")?);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("KUBECONFIG", home.path().join("none"));
    for folder in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(folder, home.path());
    }
    run(command, "")
}

/// `promtool` with these arguments and this standard input.
pub fn promtool<S: AsRef<OsStr>>(arguments: &[S], input: &str) -> Result<Said> {
    let mut command = Command::new(parts::command("prometheus", "promtool")?);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    run(command, input)
}

/// `promtool check metrics` on one scrape's text.
pub fn check_metrics(text: &str) -> Result<()> {
    promtool(&["check", "metrics"], text)?.ok().map(drop)
}

/// `promtool check rules`.
pub fn check_rules(file: &Path) -> Result<()> {
    promtool(
        &[OsStr::new("check"), OsStr::new("rules"), file.as_os_str()],
        "",
    )?
    .ok()
    .map(drop)
}

/// `promtool test rules`.
pub fn test_rules(file: &Path) -> Result<()> {
    promtool(
        &[OsStr::new("test"), OsStr::new("rules"), file.as_os_str()],
        "",
    )?
    .ok()
    .map(drop)
}

/// What an API server would say to these manifests; `--restricted` is among the options.
pub fn kubevalidate(options: &[&str], manifests: &str) -> Result<Said> {
    let mut command = Command::new(parts::command("kubevalidate", "kubevalidate")?);
    command.args(options);
    run(command, manifests)
}

/// Runs a command to its end with this standard input.
pub fn run(mut command: Command, input: &str) -> Result<Said> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", command.get_program().display()))?;
    let mut stdin = child.stdin.take().context("standard input is a pipe")?;
    let input = input.to_owned();
    // In a thread: a tool may answer before it has read everything, or not read at all.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    // A tool that ends without reading closes the pipe; its own words say more than that.
    drop(writer.join());
    Ok(Said {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
