//! The guard's configuration: YAML text becomes typed settings, or the list of everything
//! that is wrong with it. `parse` is pure; only `files` and `own_pod` look around.

mod bounds;
mod clusters;
mod files;
mod installation;
mod options;
mod own_pod;
mod peers;
mod policy;
mod rules;
mod sections;
mod serving;
mod settings;
mod summary;
mod times;
mod trust;

pub use files::{load, path_segment};
pub use options::{Origin, collector_options, target};
pub use own_pod::OwnPod;
pub use settings::{
    Certificate, Clients, Cluster, Drain, Exporter, Installation, Labels, Lease, Overrides,
    SelfManaged, Serving, Settings, Trino,
};
pub use summary::summary;

use crate::config::reader::{Lines, Reader};
pub use crate::config::{LoadError, Notice, Problem, Problems};
use crate::config::{whole, yaml};

/// What to tell somebody whose file holds nothing.
const NEEDED: &str = "tls: {selfManaged: {}} or tls: {files: {certFile: ..., keyFile: ...}}";

/// What came of a configuration that has no problem.
#[derive(Debug)]
pub struct Parsed {
    /// The settings; defaults filled in, flags applied.
    pub settings: Settings,
    /// What is allowed but deserves a look. For the log.
    pub notices: Vec<Notice>,
    /// Where each key stood, to name the line of a problem found later.
    lines: Lines,
}

/// Reads a configuration file's text; `overrides` (flags) beat what it says, `own` stands in
/// where it says nothing. Reports every problem at once. Pure: files that the configuration
/// names are looked at by [`load`].
pub fn parse(text: &str, overrides: &Overrides, own: &OwnPod) -> Result<Parsed, Problems> {
    whole(read(text, overrides, own))
}

/// What could be read, with defaults in place of what could not, and everything that is wrong.
fn read(text: &str, overrides: &Overrides, own: &OwnPod) -> (Option<Parsed>, Vec<Problem>) {
    let mut reader = Reader::default();
    let document = yaml::parse(text, NEEDED, &mut reader.problems);
    let Some(root) = &document else {
        return (None, reader.problems);
    };
    let mut settings = sections::settings(root, own, &mut reader);
    settings.apply(overrides);
    let notices = rules::check(&settings, &mut reader);
    let parsed = Parsed {
        settings,
        notices,
        lines: reader.lines,
    };
    (Some(parsed), reader.problems)
}

#[cfg(test)]
mod tests;
