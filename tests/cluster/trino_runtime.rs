//! An installed Trino version and how one node of it is launched: the virtual machine, its flags, its class-data
//! archive. Starts processes; writes no configuration.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::archive::Archive;
use crate::leash::Leashed;
use crate::trino::Version;
use crate::{parts, trino_config};

/// One version on one JDK.
pub struct Runtime {
    version: Version,
    folder: PathBuf,
    java: PathBuf,
    /// Makes its nodes start three times as fast.
    pub archive: Archive,
}

/// One node to launch.
pub struct Run<'a> {
    pub node_id: &'a str,
    pub address: Ipv4Addr,
    pub is_coordinator: bool,
    /// Heap in MB.
    pub heap_mb: u32,
    /// Holds `etc/`; the working directory.
    pub directory: &'a Path,
    pub log: &'a Path,
    /// Whether it may leave a class-data archive when there is none.
    pub may_write_archive: bool,
}

impl Runtime {
    /// Where the parts are; installs what is missing.
    pub fn find(version: Version) -> Result<Self> {
        let folder = parts::folder(&version.part())?;
        let java_home = parts::command("jdk", "home")?;
        Ok(Self {
            version,
            archive: Archive::new(&folder, &java_home)?,
            java: java_home.join("bin/java"),
            folder,
        })
    }

    /// Starts a node.
    pub fn launch(&self, run: &Run<'_>) -> Result<Leashed> {
        Leashed::start(&self.java, self.options(run), run.directory, run.log)
    }

    fn options(&self, run: &Run<'_>) -> Vec<String> {
        let mut options = trino_config::java_options(run.heap_mb);
        let archive =
            self.archive
                .options(run.is_coordinator, run.directory, run.may_write_archive);
        options.extend(archive);
        options.extend([
            format!("-Dnode.id={}", run.node_id),
            format!("-Dnode.data-dir={}", run.directory.join("data").display()),
            format!("-Dplugin.dir={}", self.folder.join("plugin").display()),
            format!("-Dnode.internal-address={}", run.address),
            format!("-Dnode.bind-ip={}", run.address),
            "-cp".to_owned(),
            format!("{}/lib/*", self.folder.display()),
        ]);
        options.extend(self.main().iter().map(|word| (*word).to_owned()));
        options
    }

    /// Main class and its arguments.
    const fn main(&self) -> &'static [&'static str] {
        match self.version {
            Version::Nested => &["io.trino.server.TrinoServer"],
            Version::Flat => &["Main", "482"],
        }
    }
}
