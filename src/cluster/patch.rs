//! Writes of annotations. On pods by compare-and-swap, so that two replicas, or a replica and the world, never both
//! believe to have been first; on workloads by merge; of whole objects by server-side apply. Decides nothing: what
//! to write is its caller's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use json_patch::jsonptr::PointerBuf;
use json_patch::{
    AddOperation, Patch as Operations, PatchOperation, RemoveOperation, TestOperation,
};
use kube::api::{GetParams, Patch, PatchParams};
use kube::core::Request;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Kind;

use super::client::{Kubernetes, MANAGER};
use super::failure::{Failure, Permission};
use super::raw::Object as _;
use super::raw::pod::{RawPod, pod_as};
use super::resource::{PODS, Resource};

/// Compare-and-swaps in flight at a time, from one process.
const PARALLEL: usize = 10;

/// Annotations to write: `None` removes one.
pub type Edit = BTreeMap<&'static str, Option<String>>;

/// How a compare-and-swap ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written: the pod as it is now.
    Done(Box<Pod>),
    /// The pod is not what it was when the caller decided; nothing was written.
    LostRace,
    /// There is no such pod any more.
    Gone,
    /// A permission is missing; nothing was written.
    Forbidden(Failure),
    /// It is not known whether anything was written.
    Failed(Failure),
}

/// Writes annotations. Copies share their limit.
#[derive(Clone)]
pub struct Patcher {
    kubernetes: Kubernetes,
    permits: Arc<Semaphore>,
}

impl Patcher {
    /// A writer of its own limit.
    #[must_use]
    pub fn new(kubernetes: Kubernetes) -> Self {
        let permits = Arc::new(Semaphore::new(PARALLEL));
        Self {
            kubernetes,
            permits,
        }
    }

    /// Writes `edit` if the pod is still the one, and the version, that the caller judged. `limit` bounds everything,
    /// the wait for a turn included.
    pub async fn swap(&self, pod: &Pod, edit: &Edit, limit: Duration) -> Outcome {
        let turn = async {
            let _permit = self.permits.acquire().await;
            self.try_swap(pod, edit, limit).await
        };
        let late = || Outcome::Failed(Failure::Unavailable(format!("no answer within {limit:?}")));
        tokio::time::timeout(limit, turn)
            .await
            .unwrap_or_else(|_| late())
    }

    /// Annotations may be absent as a whole, which the trimmed pod does not show and 422 does not say. So a refusal
    /// is looked into: if the pod is still of the same version, its annotations are what was missing.
    async fn try_swap(&self, pod: &Pod, edit: &Edit, limit: Duration) -> Outcome {
        let first = self.send(pod, operations(pod, edit, false), limit).await;
        let Err(Failure::Invalid(reason)) = first else {
            return outcome(pod, first);
        };
        let now = match self.get(pod, limit).await {
            Ok(now) => now,
            Err(failure) => return outcome(pod, Err(failure)),
        };
        let meta = now.meta();
        if meta.uid != pod.uid || meta.resource_version != pod.resource_version {
            return Outcome::LostRace;
        }
        if meta.annotations.is_some() {
            return Outcome::Failed(Failure::Invalid(reason));
        }
        outcome(
            pod,
            self.send(pod, operations(pod, edit, true), limit).await,
        )
    }

    async fn send(
        &self,
        pod: &Pod,
        operations: Operations,
        limit: Duration,
    ) -> Result<RawPod, Failure> {
        let patch = Patch::Json::<()>(operations);
        self.patch(PODS, &pod.name, &parameters(), &patch, limit)
            .await
    }

    async fn get(&self, pod: &Pod, limit: Duration) -> Result<RawPod, Failure> {
        let namespace = Some(pod.name.namespace.as_str());
        let permission = Permission::new("get", PODS, namespace);
        let request = Request::new(PODS.path(namespace)).get(&pod.name.name, &GetParams::default());
        self.kubernetes.call(&permission, request, limit).await
    }

    /// Writes annotations of a workload, whatever its version.
    ///
    /// # Errors
    /// See [`Failure`]; a kind that we do not know is [`Failure::NotFound`].
    pub async fn annotate(
        &self,
        kind: Kind,
        name: &Name,
        edit: &Edit,
        limit: Duration,
    ) -> Result<(), Failure> {
        let unknown = || Failure::NotFound(format!("{name}: its kind is not known"));
        let resource = Resource::of(kind).ok_or_else(unknown)?;
        let patch = Patch::Merge(json!({"metadata": {"annotations": edit}}));
        let written: Result<IgnoredAny, Failure> = self
            .patch(resource, name, &parameters(), &patch, limit)
            .await;
        written.map(drop)
    }

    /// Makes an object what `body` says, as far as it says anything, and takes over the fields that it names. Of an
    /// object without a namespace, the name's namespace is empty.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn apply(
        &self,
        resource: Resource,
        name: &Name,
        body: &(impl Serialize + Sync),
        limit: Duration,
    ) -> Result<Value, Failure> {
        let parameters = PatchParams::apply(MANAGER).force();
        self.patch(resource, name, &parameters, &Patch::Apply(body), limit)
            .await
    }

    async fn patch<T: serde::de::DeserializeOwned>(
        &self,
        resource: Resource,
        name: &Name,
        parameters: &PatchParams,
        patch: &Patch<impl Serialize + Sync>,
        limit: Duration,
    ) -> Result<T, Failure> {
        let namespace = Some(name.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let permission = Permission::new("patch", resource, namespace);
        let request = Request::new(resource.path(namespace)).patch(&name.name, parameters, patch);
        self.kubernetes.call(&permission, request, limit).await
    }
}

fn parameters() -> PatchParams {
    PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

fn outcome(pod: &Pod, answer: Result<RawPod, Failure>) -> Outcome {
    match answer {
        Ok(raw) => Outcome::Done(Box::new(Pod {
            // Which of its ports is asked depends on more than the object.
            port: pod.port,
            ..pod_as(&raw, pod.role, pod.cluster.clone())
        })),
        Err(Failure::NotFound(_)) => Outcome::Gone,
        Err(Failure::Invalid(_) | Failure::Conflict(_)) => Outcome::LostRace,
        Err(failure @ Failure::Forbidden { .. }) => Outcome::Forbidden(failure),
        Err(failure) => Outcome::Failed(failure),
    }
}

/// The steps of a compare-and-swap; `bare` where the pod has no annotations at all.
fn operations(pod: &Pod, edit: &Edit, bare: bool) -> Operations {
    let metadata = |field| PointerBuf::from_tokens(["metadata", field]);
    let test = |field, value: &str| {
        let (path, value) = (metadata(field), Value::from(value));
        PatchOperation::Test(TestOperation { path, value })
    };
    let mut steps = vec![
        test("uid", &pod.uid),
        test("resourceVersion", &pod.resource_version),
    ];
    if bare {
        steps.push(add(metadata("annotations"), json!({})));
    }
    for (key, value) in edit {
        let path = PointerBuf::from_tokens(["metadata", "annotations", key]);
        match value {
            Some(value) => steps.push(add(path, Value::from(value.as_str()))),
            None => steps.extend(removal(path)),
        }
    }
    Operations(steps)
}

fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

/// Removing what is absent is an error, and whether it is absent is not known: what does not parse counts as absent
/// in the facts. Added first, it is there in any case.
fn removal(path: PointerBuf) -> [PatchOperation; 2] {
    let there = add(path.clone(), Value::from(""));
    [there, PatchOperation::Remove(RemoveOperation { path })]
}

#[cfg(test)]
mod tests;
