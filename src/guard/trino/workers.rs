//! Asks workers for their state and tells them another one. The only client that can PUT, and only `/v1/info/state`.
//! Decides nothing about when.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;

use crate::collect::failure::Failure;
use crate::collect::options::Auth;
use crate::config::access;
use crate::core::guard::evidence::Said;
use crate::guard::config::Drain;
use crate::trino::info::{NodeStatus, ServerInfo};
use crate::trino::words::NodeState;

use super::address::Address;

/// A worker that takes longer is silent. The leader's Lease must outlive this before it PUTs.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// No answer that we ask for is longer.
const LONGEST: usize = 64 << 10;

/// The header that says who asks, with or without a password.
const USER: &str = "x-trino-user";

/// What a look at a worker brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// For the evidence.
    pub said: Said,
    /// Trino's version, where it was asked for.
    pub version: Option<String>,
}

/// Why a worker does not have the state that it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// 401 or 403.
    #[error("the worker answers {0}: let this user write system information on every worker")]
    Forbidden(StatusCode),
    /// 401 or 403 to a request that went without the password, since nobody knows the pod's workload.
    #[error("the worker answers {0} to a request without the password: its workload is not known")]
    Withheld(StatusCode),
    /// Another status: it does not go from its present state to that one.
    #[error("the worker answers {0}")]
    Refused(StatusCode),
    /// No answer.
    #[error("{0}")]
    Failed(Failure),
}

/// Speaks with workers.
#[derive(Debug)]
pub struct Workers {
    drain: Drain,
    clients: Mutex<Clients>,
    /// Pods (by UID) of workloads that were known.
    owned: Mutex<HashSet<String>>,
}

/// Clients for the TLS files as they were.
#[derive(Debug, Default)]
struct Clients {
    files: Vec<Vec<u8>>,
    shared: Option<reqwest::Client>,
    /// Where workers' certificates carry one name for all: a client per address.
    named: HashMap<SocketAddr, reqwest::Client>,
}

impl Workers {
    /// Speaks with workers as configured.
    #[must_use]
    pub fn new(drain: Drain) -> Self {
        Self {
            drain,
            clients: Mutex::default(),
            owned: Mutex::default(),
        }
    }

    /// Asks a worker for its state. One that is not known to have `started` is asked for more.
    pub async fn look(&self, at: &Address, started: bool) -> Looked {
        if started {
            let state = self.get::<String>(at, "/v1/info/state").await;
            return looked(
                state.map(|state| (NodeState::from_word(&state), false)),
                None,
            );
        }
        match self.get::<ServerInfo>(at, "/v1/info").await {
            Ok(info) if info.starting => {
                let version = Some(info.node_version.version);
                looked(Ok((NodeState::Unknown, true)), version)
            }
            Ok(info) => {
                let state = self.get::<String>(at, "/v1/info/state").await;
                let state = state.map(|state| (NodeState::from_word(&state), false));
                looked(state, Some(info.node_version.version))
            }
            Err(failure) => looked(Err(failure), None),
        }
    }

    /// Asks a worker for its node's id, which its coordinator names in each of its tasks.
    ///
    /// # Errors
    /// When it does not answer, or with something else.
    pub async fn node_id(&self, at: &Address) -> Result<String, Failure> {
        let status = self.get::<NodeStatus>(at, "/v1/status").await?;
        Ok(status.node_id)
    }

    /// Tells a worker another state.
    ///
    /// # Errors
    /// When it does not answer 200.
    pub async fn put(&self, at: &Address, state: &str) -> Result<(), PutError> {
        let body = format!("\"{state}\"");
        let request = async {
            let client = self.client(at)?;
            let request = client.put(self.url(at, "/v1/info/state")).body(body);
            let request = request.header(header::CONTENT_TYPE, "application/json");
            self.send(at, request).await
        };
        let status = request.await.map_err(PutError::Failed)?.status();
        match status {
            StatusCode::OK => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.is_withheld(at) => {
                Err(PutError::Withheld(status))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(PutError::Forbidden(status)),
            _ => Err(PutError::Refused(status)),
        }
    }
}

impl Workers {
    async fn get<T: DeserializeOwned>(&self, at: &Address, path: &str) -> Result<T, Failure> {
        let request = self.client(at)?.get(self.url(at, path));
        let response = self.send(at, request).await?;
        if response.status() != StatusCode::OK {
            let status = format!("{path} answered {}", response.status());
            return Err(Failure::Unexpected(status));
        }
        let body = whole(response).await?;
        let strange = |_| Failure::Unexpected(format!("{path} is not what a Trino node answers"));
        serde_json::from_slice(&body).map_err(strange)
    }

    async fn send(&self, at: &Address, request: RequestBuilder) -> Result<Response, Failure> {
        let user = HeaderValue::from_str(&self.drain.user);
        let user = user.unwrap_or(HeaderValue::from_static("xtrinode-guard"));
        let mut request = request.header(USER, user);
        if let Some((name, value)) = self.auth(at).header()? {
            request = request.header(name, value);
        }
        let failed = |error| Failure::from_client(error, TIMEOUT);
        request.send().await.map_err(failed)
    }

    /// A password goes only over verified TLS, and only to pods of a known workload.
    fn auth(&self, at: &Address) -> Auth {
        let verified = self.drain.https && !self.drain.tls.insecure_skip_verify;
        match &self.drain.password_file {
            Some(file) if verified && self.is_owned(at) => Auth::Basic {
                user_file: None,
                user: self.drain.user.clone(),
                password_file: file.clone(),
            },
            _ => Auth::None,
        }
    }

    /// Whether a pod belongs to a workload that is known, or was while the pod lived: one that is being deleted leaves its
    /// workers to be drained.
    fn is_owned(&self, at: &Address) -> bool {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        if at.owned {
            owned.insert(at.uid.clone());
        }
        owned.contains(&at.uid)
    }

    /// Whether there is a password that this pod does not get.
    fn is_withheld(&self, at: &Address) -> bool {
        self.drain.password_file.is_some() && matches!(self.auth(at), Auth::None)
    }

    fn url(&self, at: &Address, path: &str) -> String {
        let scheme = if self.drain.https { "https" } else { "http" };
        match &self.drain.server_name {
            Some(name) if self.drain.https => {
                format!("{scheme}://{name}:{}{path}", at.socket.port())
            }
            _ => format!("{scheme}://{}{path}", at.socket),
        }
    }

    fn client(&self, at: &Address) -> Result<reqwest::Client, Failure> {
        let tls = access::tls_files(&self.drain.tls);
        let files = tls.contents()?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.files != files {
            *clients = Clients {
                files,
                ..Clients::default()
            };
        }
        let build = |name: Option<&str>| {
            // A connection that waits for the next look holds more than 20 KiB, and there are thousands of workers.
            let mut builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .http1_only()
                .timeout(TIMEOUT)
                .pool_max_idle_per_host(0);
            if let Some(name) = name {
                builder = builder.resolve(name, at.socket);
            }
            let failed = |error: reqwest::Error| Failure::TlsFiles(error.without_url().to_string());
            tls.apply(builder)?.build().map_err(failed)
        };
        if let Some(name) = self
            .drain
            .server_name
            .as_deref()
            .filter(|_| self.drain.https)
        {
            if let Some(client) = clients.named.get(&at.socket) {
                return Ok(client.clone());
            }
            let client = build(Some(name))?;
            clients.named.insert(at.socket, client.clone());
            return Ok(client);
        }
        if clients.shared.is_none() {
            clients.shared = Some(build(None)?);
        }
        clients
            .shared
            .clone()
            .ok_or(Failure::TlsFiles("no client".to_owned()))
    }

    /// Forgets pods that are gone, and clients of addresses that no worker has any more.
    pub fn keep_only(&self, lives: impl Fn(&str) -> bool, live: impl Fn(&SocketAddr) -> bool) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.retain(|uid| lives(uid));
        drop(owned);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.named.retain(|address, _| live(address));
    }
}

fn looked(answer: Result<(NodeState, bool), Failure>, version: Option<String>) -> Looked {
    let failed = |failure| match failure {
        Failure::Refused(_) => Said::Refused,
        _ => Said::Silent,
    };
    let said = answer.map_or_else(failed, |(state, starting)| Said::State { state, starting });
    Looked { said, version }
}

/// A short body.
async fn whole(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let failed = |error| Failure::from_client(error, TIMEOUT);
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(Failure::Unexpected(
                "an answer of unexpected length".to_owned(),
            ));
        }
    }
    Ok(body)
}
