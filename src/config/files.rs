//! The disk side of a configuration: reads the file, and looks whether the files that
//! it names are there and hold something. Keeps no content.

use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::client::{Basic, ClientTls, Identity, TrinoAuth};
use super::problem::{Problem, Problems};
use super::reader::Lines;
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

/// Reads a configuration file. `parse` makes of its text what could be read and everything
/// that is wrong. Relative paths count from the working directory.
pub(crate) fn load<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> (Option<T>, Vec<Problem>),
) -> Result<T, LoadError> {
    let text = read(path).map_err(|error| LoadError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    super::whole(parse(&text)).map_err(|problems| LoadError::Invalid {
        path: path.to_owned(),
        problems,
    })
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

/// Looks at the files that a configuration names, and gathers what is wrong with them.
pub(crate) struct Checks<'a> {
    lines: &'a Lines,
    /// What was found so far.
    pub problems: Vec<Problem>,
}

impl<'a> Checks<'a> {
    /// `lines` tells where each key stands.
    pub fn new(lines: &'a Lines) -> Self {
        Self {
            lines,
            problems: Vec::new(),
        }
    }

    /// The file must be readable and hold something. No path stands where the configuration
    /// said something wrong, which is told already.
    pub fn needed(&mut self, key: &str, path: &Path) {
        if path.as_os_str().is_empty() {
            return;
        }
        if let Err(reason) = look(path) {
            self.problem(key, path, &reason.to_string());
        }
    }

    /// Like [`Checks::needed`]; besides, `read` must take the text, without outer white space. Its
    /// error says what is allowed. The text itself is never told.
    pub fn content(&mut self, key: &str, path: &Path, read: fn(&str) -> Result<(), String>) {
        let before = self.problems.len();
        self.needed(key, path);
        if self.problems.len() > before {
            return;
        }
        let content = std::fs::read_to_string(path).unwrap_or_default();
        if let Err(allowed) = read(content.trim()) {
            let reason = format!("its content (not shown) is not allowed; {allowed}");
            self.problem(key, path, &reason);
        }
    }

    /// The files that Trino's credentials are in.
    pub fn trino_auth(&mut self, key: &str, auth: &TrinoAuth) {
        match auth {
            TrinoAuth::Header { .. } => {}
            TrinoAuth::Basic(basic) => self.basic(key, basic),
            TrinoAuth::Bearer { token_file } => {
                self.needed(&format!("{key}.tokenFile"), token_file);
            }
        }
    }

    /// The password and, unless there is another name, the user name.
    pub fn basic(&mut self, key: &str, basic: &Basic) {
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

    /// Authorities must be certificates; the identity must be there.
    pub fn client_tls(&mut self, key: &str, tls: &ClientTls) {
        if let Some(file) = &tls.ca_file {
            self.authorities(&format!("{key}.caFile"), file);
        }
        self.identity(key, tls.identity.as_ref());
    }

    /// A bundle of authorities in PEM form.
    pub fn authorities(&mut self, key: &str, file: &Path) {
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
    pub fn server_tls(&mut self, key: &str, identity: Option<&Identity>) {
        let before = self.problems.len();
        self.identity(key, identity);
        let Some(Identity {
            cert_file,
            key_file,
        }) = identity.filter(|_| self.problems.len() == before)
        else {
            return;
        };
        if let Err(error) = Tls::load(cert_file, key_file) {
            let line = self.lines.get(key).copied();
            self.problems.push(Problem {
                line,
                key: key.to_owned(),
                message: error.to_string(),
            });
        }
    }

    fn problem(&mut self, key: &str, path: &Path, reason: &str) {
        let line = self.lines.get(key).copied();
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
