//! Class-data archives: a node that has one starts three times as fast. Made by the first run's
//! clean end, kept beside the installed parts, one for each version, role and JDK.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::leash::Leashed;
use crate::parts;

/// Writing an archive of 20 000 classes takes seconds; this ends a node that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The archives of one Trino version on one JDK.
pub struct Archive {
    folder: PathBuf,
    key: String,
}

impl Archive {
    /// An archive fits exactly one class path and one JDK, so both are in its name.
    pub fn new(trino: &Path, java_home: &Path) -> Result<Self> {
        let part = trino.file_name().context("a part's folder has a name")?;
        let jdk = std::fs::canonicalize(java_home)?;
        let jdk = jdk.file_name().context("a JDK's folder has a name")?;
        Ok(Self {
            folder: parts::shared_cache("class-data")?,
            key: format!("{}-{}", part.to_string_lossy(), jdk.to_string_lossy()),
        })
    }

    /// The options that use the role's archive, or make it when there is none and this node may.
    pub fn options(&self, is_coordinator: bool, directory: &Path, may_write: bool) -> Vec<String> {
        let archive = self.path(is_coordinator);
        if archive.exists() {
            vec![
                format!("-XX:SharedArchiveFile={}", archive.display()),
                "-Xlog:cds=off".into(),
            ]
        } else if may_write {
            vec![
                format!("-XX:ArchiveClassesAtExit={}", scratch(directory).display()),
                "-Xlog:cds=off".into(),
            ]
        } else {
            Vec::new()
        }
    }

    /// Ends a node; cleanly when it is to leave an archive, which then becomes the role's.
    pub async fn finish(
        &self,
        process: &mut Leashed,
        is_coordinator: bool,
        directory: &Path,
    ) -> Result<()> {
        if self.path(is_coordinator).exists() {
            return process.kill();
        }
        process.terminate(PATIENCE).await?;
        let made = scratch(directory);
        if made.exists() {
            // Copied beside its place first: a rename is atomic only within one file system.
            let staged = self
                .path(is_coordinator)
                .with_extension(std::process::id().to_string());
            std::fs::copy(&made, &staged)?;
            std::fs::rename(&staged, self.path(is_coordinator))?;
        }
        Ok(())
    }

    fn path(&self, is_coordinator: bool) -> PathBuf {
        let role = if is_coordinator {
            "coordinator"
        } else {
            "worker"
        };
        self.folder.join(format!("{}-{role}.jsa", self.key))
    }
}

fn scratch(directory: &Path) -> PathBuf {
    directory.join("classes.jsa")
}
