//! Files that a test's configuration names, in a folder that goes with the test.

use std::fs;
use std::path::PathBuf;

pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `KEY: 'PATH'` for a file.
    pub fn key(&self, key: &str, name: &str) -> String {
        format!("{key}: '{}'", self.path(name).display())
    }

    /// `{KEY: 'PATH', …}`.
    pub fn map(&self, keys: &[(&str, &str)]) -> String {
        let pairs: Vec<String> = keys.iter().map(|(key, name)| self.key(key, name)).collect();
        format!("{{{}}}", pairs.join(", "))
    }
}
