//! The HTTP client towards Trino and Prometheus. It can only GET, and it follows no redirect.
//! What speaks TLS is rebuilt when the files of its settings change.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use reqwest::{Certificate, ClientBuilder, Identity, Response};
use url::Url;

use super::failure::{Failure, innermost};
use super::options::{Access, Peer, TlsFiles};
use super::plain::{Plain, Times};

/// A host that does not answer a connection attempt in this time will not answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle connections are closed before the usual 60 s of proxies and of Trino's own server.
const IDLE: Duration = Duration::from_secs(50);

const USER_AGENT: &str = concat!("xtrinode/", env!("CARGO_PKG_VERSION"));

/// Sends GET requests with one set of credentials.
#[derive(Debug)]
pub struct Client {
    access: Access,
    plain: Plain,
    built: Mutex<Option<Built>>,
}

#[derive(Debug)]
struct Built {
    files: Vec<Vec<u8>>,
    client: reqwest::Client,
}

/// What an answer must be to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// `application/json`.
    Json,
    /// Any text.
    Text,
}

impl Client {
    /// A client; connects to nothing yet.
    #[must_use]
    pub fn new(access: Access) -> Self {
        let plain = Plain::new(Times {
            connect: CONNECT_TIMEOUT.min(access.timeout),
            idle: IDLE,
            request: access.timeout,
        });
        Self {
            access,
            plain,
            built: Mutex::new(None),
        }
    }

    /// The time limit of a whole request.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.access.timeout
    }

    /// Sends a GET and returns the answer if its status is 200 and its type as expected.
    ///
    /// # Errors
    /// Everything else, sorted. A missing thing (404, 410) is a [`Failure::Status`] too.
    pub async fn get(&self, url: Url, expect: Expect) -> Result<Response, Failure> {
        let mut headers = self.headers(expect);
        if let Some((name, value)) = self.access.auth.header()? {
            headers.insert(name, value);
        }
        let response = if url.scheme() == "http" {
            self.plain.get(&url, headers).await?
        } else {
            self.encrypted(url, headers).await?
        };
        check(response, expect, self.access.peer)
    }

    async fn encrypted(&self, url: Url, headers: HeaderMap) -> Result<Response, Failure> {
        let request = self.current()?.get(url).headers(headers);
        let failed = |error| Failure::from_client(error, self.access.timeout);
        request.send().await.map_err(failed)
    }

    /// The client for the TLS files as they are now.
    fn current(&self) -> Result<reqwest::Client, Failure> {
        let files = self.access.tls.contents()?;
        let mut built = self
            .built
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(built) = built.as_ref().filter(|built| built.files == files) {
            return Ok(built.client.clone());
        }
        let client = self.build()?;
        *built = Some(Built {
            files,
            client: client.clone(),
        });
        Ok(client)
    }

    fn build(&self) -> Result<reqwest::Client, Failure> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT.min(self.access.timeout))
            .timeout(self.access.timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2);
        let builder = self.access.tls.apply(builder)?;
        let failed = |error: reqwest::Error| {
            Failure::TlsFiles(format!("cannot set up TLS: {}", innermost(&error)))
        };
        builder.build().map_err(failed)
    }

    fn headers(&self, expect: Expect) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let encoding = if self.access.gzip { "gzip" } else { "identity" };
        let accept = match expect {
            Expect::Json => "application/json",
            Expect::Text => "text/plain, application/openmetrics-text;q=0.5, */*;q=0.1",
        };
        let user_agent = header::HeaderValue::from_static(USER_AGENT);
        headers.insert(header::USER_AGENT, user_agent);
        headers.insert(
            header::ACCEPT_ENCODING,
            header::HeaderValue::from_static(encoding),
        );
        headers.insert(header::ACCEPT, header::HeaderValue::from_static(accept));
        let proto = self.access.forwarded_proto.as_deref();
        if let Some(proto) = proto.and_then(|p| header::HeaderValue::from_str(p).ok()) {
            headers.insert("x-forwarded-proto", proto);
        }
        headers
    }
}

impl TlsFiles {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let identity = self.identity.iter();
        let identity = identity.flat_map(|(cert, key)| [cert.as_path(), key.as_path()]);
        self.ca.iter().map(AsRef::as_ref).chain(identity)
    }

    /// What the files hold now.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn contents(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let read = |path: &Path| {
            fs::read(path).map_err(|error| {
                Failure::TlsFiles(format!("cannot read {}: {}", path.display(), error.kind()))
            })
        };
        self.paths().map(read).collect()
    }

    /// Sets a client up with the files.
    ///
    /// # Errors
    /// When one can't be read or used.
    pub fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        let contents = self.contents()?;
        let bad = |what: &str, path: &Path| {
            Failure::TlsFiles(format!("{} holds no {what} in PEM form", path.display()))
        };
        let mut contents = contents.into_iter();
        if let (Some(path), Some(pem)) = (&self.ca, self.ca.as_ref().and_then(|_| contents.next()))
        {
            let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if found.is_empty() {
                return Err(bad("certificate", path));
            }
            builder = builder.tls_certs_only(found);
        }
        if let Some((cert, _)) = &self.identity {
            let pem = contents.collect::<Vec<_>>().join(&b'\n');
            let identity = Identity::from_pem(&pem);
            builder = builder.identity(identity.map_err(|_| bad("certificate and key", cert))?);
        }
        Ok(builder.tls_danger_accept_invalid_certs(self.insecure))
    }
}

fn check(response: Response, expect: Expect, peer: Peer) -> Result<Response, Failure> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(Failure::from_status(status, response.headers(), peer));
    }
    let content_type = content_type(response.headers());
    if expect == Expect::Json && !content_type.contains("json") {
        return Err(Failure::NotJson {
            status,
            content_type,
        });
    }
    Ok(response)
}

/// The media type alone, cut to a length that is safe to print.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|v| v.to_str().ok()).unwrap_or("");
    let media = value.split(';').next().unwrap_or("").trim();
    if media.is_empty() {
        return "no content type".to_owned();
    }
    media.chars().take(100).collect()
}
