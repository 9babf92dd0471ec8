//! What the exporter gets to see, and the command line that tells it to the serving process.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::mixes::{KINDS, Kind};

/// Coordinators that all answer the same.
#[derive(Clone, Debug)]
pub struct Scene {
    pub kind: Kind,
    /// Bytes of each query's document.
    pub bytes: u64,
    /// Running queries of each coordinator.
    pub queries: usize,
    pub coordinators: usize,
    /// Serve over TLS.
    pub tls: bool,
    /// Where the server puts its certificate authority (`ca.pem`).
    pub folder: PathBuf,
}

impl Scene {
    /// One coordinator with one query, over plain HTTP.
    pub fn one(kind: Kind, bytes: u64, folder: &Path) -> Self {
        Self {
            kind,
            bytes,
            queries: 1,
            coordinators: 1,
            tls: false,
            folder: folder.to_owned(),
        }
    }

    /// The certificate authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// As arguments.
    pub fn words(&self) -> anyhow::Result<Vec<String>> {
        let folder = self.folder.to_str().context("the folder is not text")?;
        Ok(vec![
            self.kind.name.to_owned(),
            self.bytes.to_string(),
            self.queries.to_string(),
            self.coordinators.to_string(),
            self.tls.to_string(),
            folder.to_owned(),
        ])
    }

    /// From arguments.
    pub fn from_words(words: &[&str]) -> anyhow::Result<Self> {
        let [kind, bytes, queries, coordinators, tls, folder] = *words else {
            bail!("serve MIX BYTES QUERIES COORDINATORS TLS FOLDER");
        };
        let mut kinds = KINDS.into_iter();
        Ok(Self {
            kind: kinds
                .find(|known| known.name == kind)
                .context("no such mix")?,
            bytes: bytes.parse()?,
            queries: queries.parse()?,
            coordinators: coordinators.parse()?,
            tls: tls.parse()?,
            folder: folder.into(),
        })
    }
}
