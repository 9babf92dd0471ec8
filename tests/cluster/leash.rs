//! A child process on a leash: its output goes to a file, and it dies with the value that holds
//! it, even when the test itself is killed. Decides nothing about what runs.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Becomes the command, after starting a watcher that kills it once the pipe on standard input
/// closes. The watcher checks its parent first: a pid that ended may be somebody else's by then. Signals to the whole group are
/// not for it: an API server takes a minute to end by itself.
const LEASH: &str = r#"
exec 3<&0 </dev/null
{ trap "" HUP INT TERM; read -r _; read -r _ _ _ parent _ </proc/self/stat; [ "$parent" = "$$" ] && kill -KILL "$$"; } <&3 &
exec 3<&-
exec "$@"
"#;

/// A running child. Dropping it kills it.
pub struct Leashed {
    child: Child,
    log: PathBuf,
}

impl Leashed {
    /// Starts `program` in `directory` with both outputs going to the file `log`.
    pub fn start<I, S>(program: &Path, arguments: I, directory: &Path, log: &Path) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        Self::start_with(program, arguments, &[], directory, log)
    }

    /// The same with these variables beside those of the test's own environment.
    pub fn start_with<I, S>(
        program: &Path,
        arguments: I,
        variables: &[(String, String)],
        directory: &Path,
        log: &Path,
    ) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let child = Command::new("bash")
            .args(["-c", LEASH, "leash"])
            .arg(program)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Fails with the end of the log when the child has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            anyhow::bail!("ended with {status}; its last lines:\n{}", self.tail(40));
        }
        Ok(())
    }

    /// How the child ended, when it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        self.kill_and_reap().map(drop)
    }

    /// The same, and says how it ended.
    pub fn kill_and_reap(&mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Sends a signal by its name. By the shell, since the standard library can only kill.
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("bash")
            .args(["-c", "kill -s \"$1\" \"$2\"", "kill", name, &pid])
            .status()?;
        ensure!(sent.success(), "kill -s {name} {pid} failed");
        Ok(())
    }

    /// SIGTERM, and waits for the end at most `patience`, then kills.
    pub async fn terminate(&mut self, patience: Duration) -> Result<ExitStatus> {
        self.signal("TERM")?;
        let polls = patience.as_millis() / 100;
        for _ in 0..polls {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// The last lines of the child's output.
    pub fn tail(&self, lines: usize) -> String {
        tail(&self.log, lines)
    }

    /// The process id, for measuring.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // Both fail only when the child has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a file; nothing of one that is not there.
pub fn tail(file: &Path, lines: usize) -> String {
    let content = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
