//! The exporter's configuration: YAML text becomes typed settings, or the list of
//! everything that is wrong with it. `parse` is pure; only `files` touches a disk.

mod auth;
mod coordinators;
mod files;
mod problem;
mod reader;
mod rules;
mod sections;
mod settings;
mod summary;
mod values;
mod yaml;

pub use files::{LoadError, load};
pub use problem::{Notice, Problem, Problems};
pub use settings::{
    Basic, ClientTls, Compression, Coordinator, ForwardedProto, Identity, Kubernetes, Overrides,
    Prometheus, PrometheusAuth, ServerTls, Settings, TrinoAuth, UserName, WorkerMapping,
};
pub use summary::summary;

/// What came of a configuration that has no problem.
#[derive(Debug)]
pub struct Parsed {
    /// The settings; defaults filled in, flags applied.
    pub settings: Settings,
    /// What is allowed but deserves a look, in the order of the file. For the log.
    pub notices: Vec<Notice>,
    /// Where each key stood, to name the line of a problem found later.
    lines: reader::Lines,
}

/// Reads a configuration file's text; `overrides` (flags) beat what it says. Reports every
/// problem at once. Pure: files that the configuration names are looked at by [`load`].
pub fn parse(text: &str, overrides: &Overrides) -> Result<Parsed, Problems> {
    let mut reader = reader::Reader::default();
    let document = yaml::parse(text, &mut reader.problems);
    if let Some(root) = &document {
        let mut settings = sections::settings(root, &mut reader);
        settings.apply(overrides);
        let notices = rules::check(&settings, &mut reader);
        if reader.problems.is_empty() {
            return Ok(Parsed {
                settings,
                notices,
                lines: reader.lines,
            });
        }
    }
    Err(Problems::new(reader.problems))
}

#[cfg(test)]
mod tests;
