//! The disk side of the configuration: reads the file, and looks whether the files that
//! it names are there and hold something. Keeps no content.

use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::Parsed;
use super::problem::{Problem, Problems};
use super::settings::{Basic, ClientTls, Identity, Overrides, PrometheusAuth, Settings, TrinoAuth};
use crate::web::tls::Tls;

/// A configuration has some hundred lines; what is larger is another file.
const MAX_BYTES: u64 = 1 << 20;

/// Why there is no configuration to run with. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file itself can't be read.
    #[error("cannot read the configuration file {}: {error}", path.display())]
    Unreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It can be read, and these things are wrong with it.
    #[error("{}", problems.in_file(&path.display().to_string()))]
    Invalid {
        /// As it was given.
        path: PathBuf,
        /// Everything that is wrong.
        problems: Problems,
    },
}

/// Reads and checks a configuration file and the files that it names. Relative paths
/// count from the working directory.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Parsed, LoadError> {
    let text = read(path).map_err(|error| LoadError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let invalid = |problems| LoadError::Invalid {
        path: path.to_owned(),
        problems,
    };
    let (parsed, mut problems) = super::read(&text, overrides);
    problems.extend(parsed.as_ref().map(check).unwrap_or_default());
    match parsed {
        Some(parsed) if problems.is_empty() => Ok(parsed),
        _ => Err(invalid(Problems::new(problems))),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

/// What is wrong with the files that the settings name.
fn check(parsed: &Parsed) -> Vec<Problem> {
    let mut checks = Checks {
        parsed,
        problems: Vec::new(),
    };
    let Settings {
        prometheus,
        trino_auth,
        tls,
        server_tls,
        snapshot_token_file,
        ..
    } = &parsed.settings;
    match trino_auth {
        TrinoAuth::Header { .. } => {}
        TrinoAuth::Basic(basic) => checks.basic("trinoAuth", basic),
        TrinoAuth::Bearer { token_file } => checks.needed("trinoAuth.tokenFile", token_file),
    }
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
    checks.server_tls(server_tls.as_ref());
    if let Some(token) = snapshot_token_file {
        checks.needed("snapshot.tokenFile", token);
    }
    checks.problems
}

struct Checks<'a> {
    parsed: &'a Parsed,
    problems: Vec<Problem>,
}

impl Checks<'_> {
    /// No path stands where the file said something wrong, which is told already.
    fn needed(&mut self, key: &str, path: &Path) {
        if path.as_os_str().is_empty() {
            return;
        }
        if let Err(reason) = look(path) {
            self.problem(key, path, &reason.to_string());
        }
    }

    fn basic(&mut self, key: &str, basic: &Basic) {
        self.needed(&format!("{key}.passwordFile"), &basic.password_file);
        let Some(file) = &basic.user.file else {
            return;
        };
        match look(file) {
            Ok(()) => {}
            Err(Reason::Io(error))
                if error.kind() == ErrorKind::NotFound && basic.user.otherwise.is_some() => {}
            Err(reason) => self.problem(&format!("{key}.usernameFile"), file, &reason.to_string()),
        }
    }

    fn client_tls(&mut self, key: &str, tls: &ClientTls) {
        if let Some(file) = &tls.ca_file {
            self.authorities(&format!("{key}.caFile"), file);
        }
        self.identity(key, tls.identity.as_ref());
    }

    fn authorities(&mut self, key: &str, file: &Path) {
        let before = self.problems.len();
        self.needed(key, file);
        let pem = std::fs::read(file).unwrap_or_default();
        let found = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if self.problems.len() == before && found.is_empty() {
            self.problem(key, file, "it holds no certificate in PEM form");
        }
    }

    fn identity(&mut self, key: &str, identity: Option<&Identity>) {
        if let Some(Identity {
            cert_file,
            key_file,
        }) = identity
        {
            self.needed(&format!("{key}.certFile"), cert_file);
            self.needed(&format!("{key}.keyFile"), key_file);
        }
    }

    /// Ours to serve, so what they hold matters at start; what a client uses, its maker checks.
    fn server_tls(&mut self, identity: Option<&Identity>) {
        let before = self.problems.len();
        self.identity("serverTls", identity);
        let Some(Identity {
            cert_file,
            key_file,
        }) = identity.filter(|_| self.problems.len() == before)
        else {
            return;
        };
        if let Err(error) = Tls::load(cert_file, key_file) {
            let line = self.parsed.lines.get("serverTls").copied();
            self.problems.push(Problem {
                line,
                key: "serverTls".to_owned(),
                message: error.to_string(),
            });
        }
    }

    fn problem(&mut self, key: &str, path: &Path, reason: &str) {
        let line = self.parsed.lines.get(key).copied();
        let message = format!("cannot use the file {}: {reason}", path.display());
        self.problems.push(Problem {
            line,
            key: key.to_owned(),
            message,
        });
    }
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is empty")]
    Empty,
}

/// Whether a file can be read and holds more than white space.
fn look(path: &Path) -> Result<(), Reason> {
    let mut content = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_BYTES)
        .read_to_end(&mut content)?;
    if content.iter().all(u8::is_ascii_whitespace) {
        Err(Reason::Empty)
    } else {
        Ok(())
    }
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
