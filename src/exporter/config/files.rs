//! Reads the exporter's configuration from a disk, with the files that it names. Decides
//! which of them are looked at; keeps no content.

use std::path::Path;

use super::settings::{Overrides, PrometheusAuth, Settings};
use super::{LoadError, Parsed, Problem};
use crate::config::files::{self, Checks};

/// Reads and checks a configuration file and the files that it names. Relative paths
/// count from the working directory.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Parsed, LoadError> {
    files::load(path, |text| {
        let (parsed, mut problems) = super::read(text, overrides);
        problems.extend(parsed.as_ref().map(check).unwrap_or_default());
        (parsed, problems)
    })
}

/// What is wrong with the files that the settings name.
fn check(parsed: &Parsed) -> Vec<Problem> {
    let mut checks = Checks::new(&parsed.lines);
    let Settings {
        prometheus,
        trino_auth,
        tls,
        server_tls,
        snapshot_token_file,
        ..
    } = &parsed.settings;
    checks.trino_auth("trinoAuth", trino_auth);
    checks.client_tls("tls", tls);
    if let Some(prometheus) = prometheus {
        match &prometheus.auth {
            PrometheusAuth::None => {}
            PrometheusAuth::Basic(basic) => checks.basic("prometheus.auth", basic),
            PrometheusAuth::Bearer { token_file } => {
                checks.needed("prometheus.auth.tokenFile", token_file);
            }
        }
        checks.client_tls("prometheus.tls", &prometheus.tls);
    }
    checks.server_tls("serverTls", server_tls.as_ref());
    if let Some(token) = snapshot_token_file {
        checks.needed("snapshot.tokenFile", token);
    }
    checks.problems
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MINIMAL: &str = "coordinators: {blue: {url: http://trino:8080, release: trino}}\n";

    #[test]
    fn the_files_it_names_must_hold_something() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("empty"), " \n").unwrap();
        fs::write(path("full"), "secret\n").unwrap();
        let text = format!(
            "{MINIMAL}trinoAuth: {{type: basic, usernameFile: {gone}, passwordFile: {gone}}}\nsnapshot: {{tokenFile: {empty}}}\n",
            gone = path("gone"),
            empty = path("empty"),
        );
        fs::write(path("c.yaml"), text).unwrap();
        let file = folder.path().join("c.yaml");
        let error = load(&file, &Overrides::default()).unwrap_err().to_string();
        let error = error.replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(
            error,
            "DIR/c.yaml:2: trinoAuth.passwordFile: cannot use the file DIR/gone: No such file or directory (os error 2)
DIR/c.yaml:2: trinoAuth.usernameFile: cannot use the file DIR/gone: No such file or directory (os error 2)
DIR/c.yaml:3: snapshot.tokenFile: cannot use the file DIR/empty: it is empty"
        );
        let text = format!(
            "{MINIMAL}trinoAuth: {{type: basic, username: me, usernameFile: {gone}, passwordFile: {full}}}\n",
            gone = path("gone"),
            full = path("full"),
        );
        fs::write(path("c.yaml"), text).unwrap();
        load(&file, &Overrides::default()).unwrap();
    }

    #[test]
    fn a_certificate_to_serve_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["crt", "key"] {
            fs::write(folder.path().join(name), "nonsense").unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (cert, key) = (path("crt"), path("key"));
        let text = format!("{MINIMAL}serverTls: {{certFile: {cert}, keyFile: {key}}}\n");
        let file = folder.path().join("c.yaml");
        fs::write(&file, text).unwrap();
        let error = load(&file, &Overrides::default()).unwrap_err().to_string();
        let said = ["c.yaml:2: serverTls: ", "crt holds no usable certificate"];
        assert!(said.iter().all(|said| error.contains(said)), "{error}");
    }

    #[test]
    fn a_file_that_can_not_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let gone = load(&folder.path().join("gone.yaml"), &Overrides::default())
            .unwrap_err()
            .to_string();
        assert!(
            gone.starts_with("cannot read the configuration file ")
                && gone.contains("gone.yaml: No such file"),
            "{gone}"
        );
        let huge = folder.path().join("huge.yaml");
        fs::write(&huge, "#".repeat((1 << 20) + 1)).unwrap();
        let huge = load(&huge, &Overrides::default()).unwrap_err().to_string();
        assert!(huge.ends_with("larger than 1 MiB"), "{huge}");
        let latin = folder.path().join("latin.yaml");
        fs::write(&latin, b"\xff").unwrap();
        assert!(load(&latin, &Overrides::default()).is_err());
    }

    #[test]
    fn wrong_values_do_not_hide_missing_files() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yaml");
        let gone = folder.path().join("gone").display().to_string();
        let text = format!("{MINIMAL}metricsPort: 70000\nsnapshot: {{tokenFile: {gone}}}\n");
        fs::write(&config, text).unwrap();
        let told = load(&config, &Overrides::default())
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("metricsPort") && told.contains("snapshot.tokenFile"),
            "{told}"
        );
    }

    #[test]
    fn an_authority_is_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yaml");
        let file = folder.path().join("ca.crt");
        fs::write(&file, "content").unwrap();
        fs::write(
            &config,
            format!("{MINIMAL}tls: {{caFile: {}}}\n", file.display()),
        )
        .unwrap();
        let told = load(&config, &Overrides::default())
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("tls.caFile") && told.contains("PEM"),
            "{told}"
        );
    }
}
