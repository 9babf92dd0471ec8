//! The API server: takes requests of users and controllers, asks the guard about those that remove workers, and does what
//! is let through. Without a guard everything is. Decides nothing itself; counts what was asked and answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::objects::{WORKERS, name};
use super::reviews::{self, Identity};
use super::store::Store;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::review::Path;
use crate::web::tls::ClientCertificate;

/// The name in the client certificate that this API server shows to webhooks.
pub const NAME: &str = "kube-apiserver";

/// `timeoutSeconds` of the webhook configurations.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No answer to a review is longer.
const LONGEST: usize = 1 << 20;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// A person with kubectl.
    Person,
    /// The ReplicaSet controller.
    ReplicaSets,
    /// The guard itself.
    Guard,
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// Not now, and why.
    Refused(String),
    /// There is no such object.
    Gone,
}

/// What was asked and answered so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests that were refused.
    pub refused: u64,
    /// Workers whose removal was let through.
    pub granted: u64,
}

/// The API server. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    webhook: OnceLock<Router>,
    reviews: AtomicU64,
    refused: AtomicU64,
    granted: AtomicU64,
    last_refusal: Mutex<Option<String>>,
}

impl Api {
    /// An API server over these objects, that asks nobody yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let shared = Arc::default();
        Self { store, shared }
    }

    /// Asks this webhook from now on. A second one is not heard.
    pub fn guarded_by(&self, webhook: Router) {
        // Only one guard is ever started, and it stays.
        let _ = self.shared.webhook.set(webhook);
    }

    /// The objects.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What was answered so far.
    #[must_use]
    pub fn count(&self) -> Count {
        Count {
            refused: self.shared.refused.load(Ordering::Relaxed),
            granted: self.shared.granted.load(Ordering::Relaxed),
        }
    }

    /// What the last refusal said.
    #[must_use]
    pub fn last_refusal(&self) -> Option<String> {
        let last = self.shared.last_refusal.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `POST pods/NAME/eviction`.
    pub async fn evict(&self, user: User, pod: &Pod) -> Answer {
        let review = reviews::eviction(&self.uid(), user.identity(), pod);
        self.remove(Path::Eviction, &review, pod).await
    }

    /// `DELETE pods/NAME`.
    pub async fn delete(&self, user: User, pod: &Pod) -> Answer {
        let annotations = self.store.annotations(&pod.uid);
        let review = reviews::deletion(&self.uid(), user.identity(), pod, &annotations);
        self.remove(Path::PodDelete, &review, pod).await
    }

    /// `PATCH deployments/trino-worker/scale`.
    pub async fn scale(&self, replicas: u32) -> Answer {
        let workers = name(WORKERS);
        let found = self
            .store
            .read(|world| world.workload(Kind::Deployment, &workers).cloned());
        let Some(workload) = found else {
            return Answer::Gone;
        };
        if replicas < workload.replicas {
            let by = User::Person.identity();
            let review = reviews::scale(&self.uid(), by, &workload, replicas);
            if let Some(why) = self.refusal(Path::Scale, &review).await {
                return Answer::Refused(why);
            }
        }
        self.store
            .set_replicas(Kind::Deployment, &workers, replicas);
        Answer::Done
    }

    /// `kubectl rollout restart`: another pod template. The webhook configurations' conditions let it pass unasked where
    /// no coordinator is meant; the pods are guarded one by one.
    pub fn restart(&self) {
        self.store.renew_template(&name(WORKERS));
    }

    /// `kubectl cordon` and `uncordon`.
    pub fn cordon(&self, node: &str, cordoned: bool) {
        self.store.write(|world| {
            let found = world.node(node).cloned();
            if let Some(mut changed) = found {
                changed.cordoned = cordoned;
                world.put_node(node.to_owned(), changed);
            }
        });
    }
}

impl Api {
    async fn remove(&self, path: Path, review: &Value, pod: &Pod) -> Answer {
        let found = self.store.read(|world| {
            let found = world.pod_by_uid(&pod.uid);
            found.map(|pod| pod.deleting.is_some())
        });
        match found {
            None => return Answer::Gone,
            // The conditions of the webhook configurations do not even ask.
            Some(true) => return Answer::Done,
            Some(false) => {}
        }
        if let Some(why) = self.refusal(path, review).await {
            return Answer::Refused(why);
        }
        let now = self.store.now();
        let mut fresh = false;
        self.store.change_pod(&pod.uid, |pod| {
            fresh = pod.deleting.is_none();
            pod.deleting.get_or_insert(now);
        });
        self.shared
            .granted
            .fetch_add(u64::from(fresh), Ordering::Relaxed);
        Answer::Done
    }

    /// Why a webhook refuses. One that does not answer refuses too, as with `failurePolicy: Fail`.
    async fn refusal(&self, path: Path, review: &Value) -> Option<String> {
        let webhook = self.shared.webhook.get()?.clone();
        let answered = timeout(TIMEOUT, ask(webhook, path, review)).await;
        let told = match answered {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => Some(format!("failed calling webhook: {error:#}")),
            Err(_) => Some("failed calling webhook: no answer in time".to_owned()),
        };
        if let Some(why) = &told {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            let last = self.shared.last_refusal.lock();
            *last.unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        }
        told
    }

    fn uid(&self) -> String {
        let number = self.shared.reviews.fetch_add(1, Ordering::Relaxed);
        format!("00000000-0000-4000-8000-{number:012x}")
    }
}

impl User {
    const fn identity(self) -> Identity {
        match self {
            Self::Person => Identity {
                name: "admin",
                groups: &["system:masters", "system:authenticated"],
            },
            Self::ReplicaSets => Identity {
                name: "system:serviceaccount:kube-system:replicaset-controller",
                groups: &[
                    "system:serviceaccounts",
                    "system:serviceaccounts:kube-system",
                    "system:authenticated",
                ],
            },
            Self::Guard => Identity {
                name: "system:serviceaccount:xtrinode-system:xtrinode-guard",
                groups: &["system:serviceaccounts", "system:authenticated"],
            },
        }
    }
}

/// Sends a review; answers why it is refused, if it is.
async fn ask(webhook: Router, path: Path, review: &Value) -> anyhow::Result<Option<String>> {
    let shown = ClientCertificate {
        common_name: Some(NAME.to_owned()),
        names: Vec::new(),
    };
    let request = Request::post(path.url())
        .header(CONTENT_TYPE, "application/json")
        .extension(Arc::new(shown))
        .body(Body::from(serde_json::to_vec(review)?))?;
    let response = webhook.oneshot(request).await?;
    let status = response.status();
    let body = to_bytes(response.into_body(), LONGEST).await?;
    anyhow::ensure!(status.is_success(), "the guard answers {status}");
    let answer: Value = serde_json::from_slice(&body)?;
    let response = &answer["response"];
    anyhow::ensure!(
        response["uid"] == review["request"]["uid"],
        "the guard answers another review"
    );
    if response["allowed"] == true {
        return Ok(None);
    }
    let why = response["status"]["message"].as_str();
    Ok(Some(why.unwrap_or("no reason").to_owned()))
}
