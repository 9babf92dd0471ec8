//! The Python readers that we compare with, and what they need: a virtual environment with ijson
//! and requests, made once in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

const CHECK: &str = "import ijson, requests, sys; \
    sys.exit(0 if ijson.backend_name == 'yajl2_c' else 'ijson lacks its yajl2_c backend')";

/// The path of a peer's program.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/peer")
        .join(name)
}

/// The Python that has ijson with its C backend.
pub fn install(cache: &Path) -> anyhow::Result<PathBuf> {
    let home = cache.join("ijson");
    let python = home.join("bin/python");
    if !python.exists() {
        println!("installing ijson and requests into {}", home.display());
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        let packages = ["ijson==3.*", "requests==2.*"];
        succeed(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet"])
                .args(packages),
        )?;
    }
    succeed(Command::new(&python).args(["-c", CHECK]))?;
    Ok(python)
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
