//! Where the real programs are. Asks `tests/parts/install.sh`, which installs what is missing and
//! shows its progress on standard error; knows nothing about how a part is made.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

/// What the script said before: every start of a program asks, and all scenarios wait while it runs.
static KNOWN: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// The folder of an installed part; installs it first when it is not there.
pub fn folder(part: &str) -> Result<PathBuf> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(folder) = known.get(part) {
        return Ok(folder.clone());
    }
    let folder = found_or_installed(part)?;
    known.insert(part.to_owned(), folder.clone());
    Ok(folder)
}

fn found_or_installed(part: &str) -> Result<PathBuf> {
    if let Some(found) = where_is(part)? {
        return Ok(found);
    }
    let installed = install_script().arg(part).stdin(Stdio::null()).status()?;
    ensure!(
        installed.success(),
        "the part {part} could not be installed"
    );
    where_is(part)?
        .with_context(|| format!("the part {part} is still missing after its installation"))
}

/// A command of an installed part.
pub fn command(part: &str, name: &str) -> Result<PathBuf> {
    Ok(folder(part)?.join(name))
}

/// A folder beside the parts for what tests may reuse between runs.
pub fn shared_cache(name: &str) -> Result<PathBuf> {
    let parts = folder("jdk")?;
    let cache = parts
        .ancestors()
        .nth(2)
        .context("a part's folder lies two levels below the cache")?;
    let shared = cache.join(name);
    std::fs::create_dir_all(&shared)?;
    Ok(shared)
}

fn where_is(part: &str) -> Result<Option<PathBuf>> {
    let answer = install_script().args(["--where", part]).output()?;
    let path = String::from_utf8(answer.stdout)?;
    Ok(answer
        .status
        .success()
        .then(|| PathBuf::from(path.trim_end())))
}

fn install_script() -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts/install.sh");
    let mut command = Command::new("bash");
    command.arg(script);
    command
}
