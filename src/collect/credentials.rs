//! Credentials of a request, read from their files each time they are needed: a rotated Secret takes effect
//! with the next request, and no copy of a password outlives it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};

use super::options::Auth;

/// Why there are no credentials. Names files, never what they hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A file could not be read.
    #[error("cannot read {}: {kind}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// A file is empty.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// The text can't stand in a header.
    #[error("{} holds characters that a header can't carry", .0.display())]
    NotAHeader(PathBuf),
    /// Basic authentication without a user.
    #[error("basic authentication has no user name")]
    NoUser,
}

impl Auth {
    /// The header to send; `None` where there is nothing to send.
    ///
    /// # Errors
    /// When a file can't be read or is empty, or its text can't stand in a header.
    pub fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, CredentialsError> {
        match self {
            Self::None => Ok(None),
            Self::Header { name, value } => Ok(Some((name.clone(), value.clone()))),
            Self::Basic {
                user_file,
                user,
                password_file,
            } => {
                let user = user_name(user_file.as_deref(), user)?;
                let password = read(password_file)?;
                let encoded = STANDARD.encode(format!("{user}:{password}"));
                Ok(Some(authorization(
                    &format!("Basic {encoded}"),
                    password_file,
                )?))
            }
            Self::Bearer { token_file } => {
                let token = read(token_file)?;
                Ok(Some(authorization(&format!("Bearer {token}"), token_file)?))
            }
        }
    }
}

fn user_name(file: Option<&Path>, fallback: &str) -> Result<String, CredentialsError> {
    let from_file = file.and_then(|path| read(path).ok());
    let user = from_file.unwrap_or_else(|| fallback.to_owned());
    if user.is_empty() {
        return Err(CredentialsError::NoUser);
    }
    Ok(user)
}

/// The text of a file without the line end that editors and `kubectl` leave.
fn read(path: &Path) -> Result<String, CredentialsError> {
    let text = fs::read_to_string(path).map_err(|error| CredentialsError::Unreadable {
        path: path.to_owned(),
        kind: error.kind(),
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(CredentialsError::Empty(path.to_owned()));
    }
    Ok(text.to_owned())
}

fn authorization(value: &str, file: &Path) -> Result<(HeaderName, HeaderValue), CredentialsError> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| CredentialsError::NotAHeader(file.to_owned()))?;
    value.set_sensitive(true);
    Ok((header::AUTHORIZATION, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(dir: &Path, user: &str) -> Auth {
        Auth::Basic {
            user_file: Some(dir.join("username")),
            user: user.into(),
            password_file: dir.join("password"),
        }
    }

    fn sent(auth: &Auth) -> String {
        let header = auth.header().expect("credentials").expect("a header");
        header.1.to_str().expect("text").to_owned()
    }

    #[test]
    fn a_rotated_password_is_used_at_once() {
        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join("password"), "one\n").expect("write");
        let auth = basic(dir.path(), "monitor");
        assert_eq!(
            sent(&auth),
            format!("Basic {}", STANDARD.encode("monitor:one"))
        );
        fs::write(dir.path().join("password"), "two").expect("write");
        assert_eq!(
            sent(&auth),
            format!("Basic {}", STANDARD.encode("monitor:two"))
        );
    }

    #[test]
    fn the_secrets_own_user_name_comes_first() {
        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join("password"), "p").expect("write");
        fs::write(dir.path().join("username"), "secret-user").expect("write");
        let expected = format!("Basic {}", STANDARD.encode("secret-user:p"));
        assert_eq!(sent(&basic(dir.path(), "configured")), expected);
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_else() {
        let dir = tempfile::tempdir().expect("dir");
        let error = basic(dir.path(), "u").header().expect_err("no password");
        assert!(error.to_string().contains("password"), "{error}");
        fs::write(dir.path().join("password"), "\n").expect("write");
        let empty = basic(dir.path(), "u").header();
        assert_eq!(
            empty,
            Err(CredentialsError::Empty(dir.path().join("password")))
        );
        fs::write(dir.path().join("password"), "p").expect("write");
        assert_eq!(
            basic(dir.path(), "").header(),
            Err(CredentialsError::NoUser)
        );
        fs::write(dir.path().join("password"), "a\nb").expect("write");
        let token = Auth::Bearer {
            token_file: dir.path().join("password"),
        };
        let file = dir.path().join("password");
        assert_eq!(token.header(), Err(CredentialsError::NotAHeader(file)));
    }
}
