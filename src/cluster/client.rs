//! The connection to the API server: from a kubeconfig or a pod's service account, one request at a time, each with a
//! time limit and an error that says what to do. Never retries by itself: an eviction that is refused with 429 has been
//! answered, and a verdict has no time to wait.

use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use jiff::Timestamp;
use kube::api::{ListParams, PostParams, WatchParams};
use kube::client::Body;
use kube::core::{Request, WatchEvent};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use futures::{Stream, StreamExt as _};

use super::failure::{Failure, Permission};
use super::resource::Resource;

/// The field manager of everything that we write.
pub const MANAGER: &str = "xtrinode-guard";

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);

/// Until a write must have left this machine.
const WRITE: Duration = Duration::from_secs(10);

/// Objects in a page of a list: large clusters are read in pieces of a few megabytes.
pub const PAGE: u32 = 500;

/// A connection to the API server. Cheap to clone.
#[derive(Clone)]
pub struct Kubernetes {
    client: kube::Client,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    /// Its objects; Go writes none as `null`.
    items: Option<Vec<T>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMeta {
    resource_version: String,
    r#continue: Option<String>,
}

impl<T> Page<T> {
    /// The moment that the list is of; a watch goes on from here.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.metadata.resource_version
    }

    /// Where the next page begins; `None` for the last.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        self.metadata
            .r#continue
            .clone()
            .filter(|token| !token.is_empty())
    }

    /// Its objects.
    #[must_use]
    pub fn items(self) -> Vec<T> {
        self.items.unwrap_or_default()
    }
}

impl Kubernetes {
    /// Connects as the kubeconfig says (`KUBECONFIG`, then `~/.kube/config`), else as this pod's service account.
    ///
    /// # Errors
    /// When there is neither, or one that can't be used. The server itself is not asked yet.
    pub async fn connect() -> Result<Self, kube::Error> {
        let config = kube::Config::infer()
            .await
            .map_err(kube::Error::InferConfig)?;
        Self::with_config(config)
    }

    /// Connects as `config` says, with our time limits.
    ///
    /// # Errors
    /// When the configuration's certificates or credentials can't be used.
    pub fn with_config(mut config: kube::Config) -> Result<Self, kube::Error> {
        config.connect_timeout = Some(CONNECT);
        config.write_timeout = Some(WRITE);
        // A watch may be silent for longer than any answer may take: each request has its own limit.
        config.read_timeout = None;
        config.default_retry = false;
        let agent = concat!("xtrinode/", env!("CARGO_PKG_VERSION"));
        config
            .headers
            .push((USER_AGENT, HeaderValue::from_static(agent)));
        Ok(Self::new(kube::Client::try_from(config)?))
    }

    /// Uses a client that exists already.
    #[must_use]
    pub const fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// The kube client, for what kube does itself.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Sends one request and reads its answer within `limit`.
    ///
    /// # Errors
    /// See [`Failure`]; `permission` is what the request needs.
    pub async fn call<T: DeserializeOwned>(
        &self,
        permission: &Permission,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
        limit: Duration,
    ) -> Result<T, Failure> {
        let request = request.map_err(|error| Failure::Unavailable(error.to_string()))?;
        match tokio::time::timeout(limit, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| Failure::of(&error, permission)),
            Err(_) => Err(silent(limit)),
        }
    }

    /// What time it is as the API server says, to the second: whatever it answers, it dates its answer. `None` where it
    /// does not.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn time(&self, limit: Duration) -> Result<Option<Timestamp>, Failure> {
        let request = http::Request::get("/version").body(Body::empty());
        let request = request.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let answer = tokio::time::timeout(limit, self.client.send(request)).await;
        let answer = answer.map_err(|_| silent(limit))?;
        let answer = answer.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let date = answer.headers().get(http::header::DATE);
        Ok(date.and_then(|date| http_date(date.to_str().ok()?)))
    }

    /// Reads a page of a list, of the server's latest state.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn page<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        params: &ListParams,
        limit: Duration,
    ) -> Result<Page<T>, Failure> {
        let permission = Permission::new("list", resource, namespace);
        let request = Request::new(resource.path(namespace)).list(params);
        self.call(&permission, request, limit).await
    }

    /// Opens a watch from `version` on.
    ///
    /// # Errors
    /// See [`Failure`]; the stream's own errors are of the same kind, and end it.
    pub async fn watch<T: DeserializeOwned + Clone + Send + 'static>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        params: &WatchParams,
        version: &str,
        limit: Duration,
    ) -> Result<impl Stream<Item = Result<WatchEvent<T>, Failure>> + Send + use<T>, Failure> {
        let permission = Permission::new("watch", resource, namespace);
        let request = Request::new(resource.path(namespace)).watch(params, version);
        let request = request.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let opened = tokio::time::timeout(limit, self.client.request_events::<T>(request));
        let stream = opened.await.map_err(|_| silent(limit))?;
        let stream = stream.map_err(|error| Failure::of(&error, &permission))?;
        Ok(stream.map(move |event| event.map_err(|error| Failure::of(&error, &permission))))
    }
}

/// Asks the API server who we are: `system:serviceaccount:NAMESPACE:NAME`.
///
/// # Errors
/// See [`Failure`].
pub async fn whoami(kubernetes: &Kubernetes) -> Result<String, Failure> {
    const REVIEWS: Resource = Resource::new("authentication.k8s.io", "v1", "selfsubjectreviews");
    const LIMIT: Duration = Duration::from_secs(5);
    let permission = Permission::new("create", REVIEWS, None);
    let body =
        serde_json::json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let request = Request::new(REVIEWS.path(None))
        .create(&PostParams::default(), body.to_string().into_bytes());
    let answer: serde_json::Value = kubernetes.call(&permission, request, LIMIT).await?;
    let name = answer
        .pointer("/status/userInfo/username")
        .and_then(|name| name.as_str());
    name.map(str::to_owned)
        .ok_or_else(|| Failure::Unavailable("the answer names nobody".to_owned()))
}

/// An HTTP date is one of RFC 2822 with GMT.
fn http_date(text: &str) -> Option<Timestamp> {
    let moment = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(moment.timestamp())
}

fn silent(limit: Duration) -> Failure {
    Failure::Unavailable(format!("no answer within {limit:?}"))
}

#[cfg(test)]
mod tests {
    use super::super::stub::{Answer, LIMIT, Stub};
    use super::*;

    #[test]
    fn an_http_date_is_a_time_and_nothing_else_is() {
        let told = http_date("Sun, 22 Nov 2026 13:49:37 GMT");
        assert_eq!(told, "2026-11-22T13:49:37Z".parse().ok());
        assert_eq!(http_date("yesterday"), None);
    }

    #[tokio::test]
    async fn an_answer_without_a_date_tells_no_time() {
        let stub = Stub::new(|_| Answer::status(403, "forbidden"));
        assert_eq!(stub.kubernetes().time(LIMIT).await, Ok(None));
        assert_eq!(stub.asked()[0].path, "/version");
    }
}
