//! The exporter's configuration: YAML text becomes typed settings, or the list of
//! everything that is wrong with it. `parse` is pure; only `files` touches a disk.

mod coordinators;
mod files;
mod prometheus;
mod rules;
mod sections;
mod settings;
mod summary;

pub use crate::config::{
    Basic, ClientTls, Coordinator, ForwardedProto, Identity, LoadError, Notice, Problem, Problems,
    TrinoAuth, UserName,
};
pub use files::load;
pub use settings::{
    Compression, Kubernetes, Overrides, Prometheus, PrometheusAuth, ServerTls, Settings,
    WorkerMapping,
};
pub use summary::summary;

use crate::config::reader::{Lines, Reader};
use crate::config::{whole, yaml};

/// What to tell somebody whose file holds nothing.
const NEEDED: &str = "coordinators: {NAME: {url: ..., release: ...}}";

/// What came of a configuration that has no problem.
#[derive(Debug)]
pub struct Parsed {
    /// The settings; defaults filled in, flags applied.
    pub settings: Settings,
    /// What is allowed but deserves a look, in the order of the file. For the log.
    pub notices: Vec<Notice>,
    /// Where each key stood, to name the line of a problem found later.
    lines: Lines,
}

/// Reads a configuration file's text; `overrides` (flags) beat what it says. Reports every
/// problem at once. Pure: files that the configuration names are looked at by [`load`].
pub fn parse(text: &str, overrides: &Overrides) -> Result<Parsed, Problems> {
    whole(read(text, overrides))
}

/// What could be read, with defaults in place of what could not, and everything that is wrong.
fn read(text: &str, overrides: &Overrides) -> (Option<Parsed>, Vec<Problem>) {
    let mut reader = Reader::default();
    let document = yaml::parse(text, NEEDED, &mut reader.problems);
    let Some(root) = &document else {
        return (None, reader.problems);
    };
    let mut settings = sections::settings(root, &mut reader);
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
