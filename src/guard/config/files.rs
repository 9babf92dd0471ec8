//! Reads the guard's configuration from a disk, with the files that it names. Decides which
//! of them are looked at, and what a secret path segment may be; keeps no content.

use std::path::Path;

use super::own_pod::OwnPod;
use super::settings::{Certificate, Overrides, Settings};
use super::{LoadError, Parsed, Problem};
use crate::config::files::{self, Checks};

/// Fewer characters could be guessed.
const SHORTEST_SECRET: usize = 16;

/// The longest segment that the API server takes.
const LONGEST_SECRET: usize = 253;

/// Reads and checks a configuration file and the files that it names. Relative paths
/// count from the working directory.
pub fn load(path: &Path, overrides: &Overrides, own: &OwnPod) -> Result<Parsed, LoadError> {
    files::load(path, |text| {
        let (parsed, mut problems) = super::read(text, overrides, own);
        problems.extend(parsed.as_ref().map(check).unwrap_or_default());
        (parsed, problems)
    })
}

/// What is wrong with the files that the settings name.
fn check(parsed: &Parsed) -> Vec<Problem> {
    let mut checks = Checks::new(&parsed.lines);
    serving(&parsed.settings, &mut checks);
    peers(&parsed.settings, &mut checks);
    checks.problems
}

fn serving(settings: &Settings, checks: &mut Checks<'_>) {
    let serving = &settings.serving;
    if let Certificate::Files(files) = &serving.certificate
        && !files.cert_file.as_os_str().is_empty()
    {
        checks.server_tls("tls.files", Some(files));
    }
    if let Some(clients) = &serving.clients {
        checks.authorities("tls.clientCaFile", &clients.ca_file);
    }
    if let Some(file) = &serving.path_secret_file {
        checks.content("tls.pathSecretFile", file, path_segment);
    }
}

fn peers(settings: &Settings, checks: &mut Checks<'_>) {
    checks.trino_auth("trino.auth", &settings.trino.auth);
    checks.client_tls("trino.tls", &settings.trino.tls);
    if let Some(file) = &settings.drain.password_file {
        checks.needed("drain.passwordFile", file);
    }
    checks.client_tls("drain.tls", &settings.drain.tls);
    if let Some(exporter) = &settings.exporter {
        if let Some(file) = &exporter.token_file {
            checks.needed("exporter.tokenFile", file);
        }
        if let Some(file) = &exporter.ca_file {
            checks.authorities("exporter.caFile", file);
        }
    }
}

/// Whether a text may be the secret segment of the webhooks' paths. The API server takes names of objects only as
/// segments of a path behind a Service.
///
/// # Errors
/// What is allowed, to stand after "is not allowed;". Never the text.
pub fn path_segment(text: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = !text.starts_with('-') && !text.ends_with('-');
    let length = SHORTEST_SECRET..=LONGEST_SECRET;
    if length.contains(&text.len()) && edges && text.chars().all(inner) {
        return Ok(());
    }
    Err(format!(
        "give {SHORTEST_SECRET} to {LONGEST_SECRET} of a-z, 0-9 and -, beginning and ending with a letter or digit"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SELF_MANAGED: &str = "namespace: a\nreplicaId: b\ntls: {selfManaged: {}";

    /// What is wrong with this text, where `DIR/` is a folder with an `empty` and a `full` file.
    fn told(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().display().to_string();
        fs::write(folder.path().join("empty"), " \n").unwrap();
        fs::write(folder.path().join("full"), "hunter2\n").unwrap();
        let file = folder.path().join("c.yaml");
        fs::write(&file, text.replace("DIR/", &format!("{dir}/"))).unwrap();
        let loaded = load(&file, &Overrides::default(), &OwnPod::default());
        let told = loaded.map_or_else(|error| error.to_string(), |_| String::new());
        told.replace(&dir, "DIR")
    }

    #[test]
    fn every_file_it_names_must_hold_something() {
        let text = format!(
            "{SELF_MANAGED}, clientCaFile: DIR/gone, pathSecretFile: DIR/empty}}
exporter: {{url: https://e, tokenFile: DIR/gone, caFile: DIR/full}}
trino:
  auth: {{type: bearer, tokenFile: DIR/empty}}
  tls: {{caFile: DIR/empty}}
drain:
  scheme: https
  passwordFile: DIR/gone
  tls: {{certFile: DIR/full, keyFile: DIR/gone}}
"
        );
        let gone = "cannot use the file DIR/gone: No such file or directory (os error 2)";
        let empty = "cannot use the file DIR/empty: it is empty";
        let expected = [
            format!("3: tls.clientCaFile: {gone}"),
            format!("3: tls.pathSecretFile: {empty}"),
            format!("4: exporter.tokenFile: {gone}"),
            "4: exporter.caFile: cannot use the file DIR/full: it holds no certificate in PEM form"
                .to_owned(),
            format!("6: trino.auth.tokenFile: {empty}"),
            format!("7: trino.tls.caFile: {empty}"),
            format!("10: drain.passwordFile: {gone}"),
            format!("11: drain.tls.keyFile: {gone}"),
        ];
        let expected = expected.map(|line| format!("DIR/c.yaml:{line}"));
        assert_eq!(told(&text), expected.join("\n"));
    }

    #[test]
    fn a_certificate_to_serve_must_be_one() {
        let text =
            "namespace: a\nreplicaId: b\ntls: {files: {certFile: DIR/full, keyFile: DIR/full}}";
        let told = told(text);
        let said = ["c.yaml:3: tls.files: ", "full holds no usable certificate"];
        assert!(said.iter().all(|said| told.contains(said)), "{told}");
    }

    #[test]
    fn a_secret_path_segment_is_long_plain_and_never_told() {
        let short = told(&format!("{SELF_MANAGED}, pathSecretFile: DIR/full}}"));
        assert_eq!(
            short,
            "DIR/c.yaml:3: tls.pathSecretFile: cannot use the file DIR/full: its content (not shown) is not allowed; give 16 to 253 of a-z, 0-9 and -, beginning and ending with a letter or digit"
        );
        for fine in ["0123456789abcdef", "a-bcdefghijklmnop"] {
            assert_eq!(path_segment(fine), Ok(()));
        }
        let long = "a".repeat(254);
        for wrong in [
            "0123456789abcde",
            "0123456789abcde/",
            "0123456789abcdé0",
            "0123456789ABCDEF",
            "0123456789abcde_",
            "0123456789abcde-",
            &long,
        ] {
            assert!(path_segment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wrong_values_do_not_hide_missing_files() {
        assert_eq!(told(&format!("{SELF_MANAGED}}}")), "");
        let told = told(&format!(
            "{SELF_MANAGED}, pathSecretFile: DIR/gone}}\nmode: x\n"
        ));
        assert!(
            told.contains("tls.pathSecretFile") && told.contains("mode"),
            "{told}"
        );
    }
}
