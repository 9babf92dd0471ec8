//! A pod's volumes as folders: Secrets, ConfigMaps, projected tokens and fields, empty directories. Keeps them up to
//! date as a kubelet does, by swapping the link `..data`. Paths of the container become paths below the pod's root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{Pod, Volume};
use kube::ResourceExt as _;

use super::sources::{Files, Sources};
use super::{pod, sources};

/// A kubelet takes up to a minute; tests are impatient.
const SYNC: Duration = Duration::from_secs(2);

/// The mounted volumes of one pod.
pub struct Mounts {
    root: PathBuf,
    address: String,
    all: Vec<Mount>,
}

struct Mount {
    /// As the container sees it.
    path: String,
    directory: PathBuf,
    volume: Volume,
    last: Files,
}

impl Mounts {
    /// What the first container of a pod mounts, below `root`.
    pub fn of(pod: &Pod, root: &Path, address: &str) -> Self {
        let volumes = pod
            .spec
            .iter()
            .flat_map(|spec| spec.volumes.iter().flatten());
        let volumes: BTreeMap<&str, &Volume> = volumes
            .map(|volume| (volume.name.as_str(), volume))
            .collect();
        let wanted = pod::container(pod).and_then(|container| container.volume_mounts.as_ref());
        let mut mounts: Vec<Mount> = wanted
            .into_iter()
            .flatten()
            .filter_map(|mount| {
                let volume = volumes.get(mount.name.as_str())?;
                Some(Mount {
                    path: mount.mount_path.trim_end_matches('/').to_owned(),
                    directory: root.join(mount.mount_path.trim_start_matches('/')),
                    volume: (*volume).clone(),
                    last: Files::new(),
                })
            })
            .collect();
        // The longest first, so that a folder inside another one is recognised.
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
        Self {
            root: root.to_owned(),
            address: address.to_owned(),
            all: mounts,
        }
    }

    /// The folder of a path of the container, when something is mounted there.
    pub fn folder(&self, path: &str) -> Option<&Path> {
        let found = self.all.iter().find(|mount| mount.path == path);
        found.map(|mount| mount.directory.as_path())
    }

    /// A text as it must read outside a container: mounted paths lie below the root, and all addresses are the pod's
    /// own.
    pub fn translate(&self, text: &str) -> String {
        let mut rest = text.replace("0.0.0.0", &self.address);
        let mut translated = String::new();
        while let Some((at, length)) = self.next_path(&rest) {
            translated.push_str(&rest[..at]);
            translated.push_str(&self.root.display().to_string());
            translated.push_str(&rest[at..at + length]);
            rest.drain(..at + length);
        }
        translated + &rest
    }

    /// Writes what has changed; fails while something is missing.
    pub async fn sync(&mut self, sources: &mut Sources, pod: &Pod) -> Result<()> {
        for index in 0..self.all.len() {
            let mount = &self.all[index];
            let files = sources
                .read(&mount.volume, pod)
                .await
                .with_context(|| format!("volume {}", mount.volume.name))?;
            let files: Files = files
                .into_iter()
                .map(|(name, content)| (name, self.translate_content(content)))
                .collect();
            let mount = &mut self.all[index];
            if files != mount.last || !mount.directory.exists() {
                swap(&mount.directory, &files)?;
                mount.last = files;
            }
        }
        Ok(())
    }

    /// Syncs for ever.
    pub async fn keep_up(mut self, mut sources: Sources, pod: Pod) {
        loop {
            tokio::time::sleep(SYNC).await;
            if let Err(error) = self.sync(&mut sources, &pod).await {
                // The object may be gone or the API server away: the old files stay, as on a node.
                println!("node agent: {}: {error:#}", pod.name_any());
                tokio::time::sleep(sources::PATIENCE).await;
            }
        }
    }

    fn translate_content(&self, content: Vec<u8>) -> Vec<u8> {
        match String::from_utf8(content) {
            Ok(text) => self.translate(&text).into_bytes(),
            Err(binary) => binary.into_bytes(),
        }
    }

    /// The first mounted path in a text: the longest one that begins there.
    fn next_path(&self, text: &str) -> Option<(usize, usize)> {
        let found = self
            .all
            .iter()
            .filter_map(|mount| Some((text.find(&mount.path)?, mount.path.len())));
        found.min_by_key(|(at, length)| (*at, std::cmp::Reverse(*length)))
    }
}

/// New files appear all at once: they lie in a folder of their own, and one rename changes the link to it.
fn swap(directory: &Path, files: &Files) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    let data = directory.join("..data");
    let old = std::fs::read_link(&data).ok();
    let fresh = format!("..{}", jiff::Timestamp::now().as_nanosecond());
    std::fs::create_dir(directory.join(&fresh))?;
    for (name, content) in files {
        std::fs::write(directory.join(&fresh).join(name), content)?;
        let link = directory.join(name);
        if !link.is_symlink() {
            std::os::unix::fs::symlink(Path::new("..data").join(name), link)?;
        }
    }
    let next = directory.join("..data_tmp");
    std::os::unix::fs::symlink(&fresh, &next)?;
    std::fs::rename(&next, &data)?;
    if let Some(old) = old {
        std::fs::remove_dir_all(directory.join(old))?;
    }
    Ok(())
}
