//! AdmissionReview: foreign bytes become a question, an answer becomes bytes. Reads leniently what servers of different
//! versions send, and says 400 to what is no review. Decides nothing.

mod answer;
mod caller;
mod wire;

pub use answer::{Answer, Patch};
pub use caller::Identities;

use serde_json::value::RawValue;

use super::ask::{Ask, Request};
use super::facts::Name;
use super::facts::workload::Kind;
use wire::{Envelope, Object, Wire};

/// Where a review was sent: one path for each entry of the webhook configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// `/validate/eviction`
    Eviction,
    /// `/validate/pod-delete`
    PodDelete,
    /// `/validate/scale`
    Scale,
    /// `/validate/workload`
    Workload,
    /// `/validate/namespace`
    Namespace,
    /// `/mutate/scale`
    MutateScale,
}

impl Path {
    /// Every path.
    pub const ALL: [Self; 6] = [
        Self::Eviction,
        Self::PodDelete,
        Self::Scale,
        Self::Workload,
        Self::Namespace,
        Self::MutateScale,
    ];

    /// The URL's path.
    #[must_use]
    pub const fn url(self) -> &'static str {
        match self {
            Self::Eviction => "/validate/eviction",
            Self::PodDelete => "/validate/pod-delete",
            Self::Scale => "/validate/scale",
            Self::Workload => "/validate/workload",
            Self::Namespace => "/validate/namespace",
            Self::MutateScale => "/mutate/scale",
        }
    }

    /// The metric label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Eviction => "eviction",
            Self::PodDelete => "pod-delete",
            Self::Scale => "scale",
            Self::Workload => "workload",
            Self::Namespace => "namespace",
            Self::MutateScale => "mutate-scale",
        }
    }
}

/// A review that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// To be echoed.
    pub uid: String,
    /// What is asked; `None` for what our rules don't send: it is allowed and counted, since rules are ours to narrow.
    pub ask: Option<Ask>,
}

/// Reads a review.
///
/// # Errors
/// A sentence for the caller when the bytes are no review of version v1, or lack what the operation must have.
pub fn read(path: Path, body: &[u8], identities: &Identities) -> Result<Review, String> {
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|error| format!("the body is not an AdmissionReview: {error}"))?;
    envelope.check()?;
    let Some(wire) = envelope.request else {
        return Err("the AdmissionReview has no request".to_owned());
    };
    if wire.uid.is_empty() {
        return Err("the request has no uid".to_owned());
    }
    let request = request(path, &wire)?;
    let uid = wire.uid.to_string();
    let dry_run = wire.is_dry_run();
    let caller = identities.caller(&wire.user_info.username, &wire.user_info.groups);
    let user = wire.user_info.username.into_owned();
    let ask = request.map(|request| Ask {
        request,
        caller,
        user,
        dry_run,
    });
    Ok(Review { uid, ask })
}

fn request(path: Path, wire: &Wire) -> Result<Option<Request>, String> {
    let sub = wire.sub_resource.as_deref().unwrap_or("");
    let what = (path, &*wire.operation, &*wire.resource.resource, sub);
    match what {
        (Path::Eviction, "CREATE", "pods", "eviction") => Ok(Some(Request::Evict {
            pod: wire.full_name()?,
            precondition: wire.precondition(),
        })),
        (Path::PodDelete, "DELETE", "pods", "") => pod_delete(wire).map(Some),
        (Path::Scale | Path::MutateScale, "UPDATE", resource, "scale") => {
            kind(resource).map(|kind| scale(wire, kind)).transpose()
        }
        (Path::Workload, "UPDATE", resource, "") => match kind(resource) {
            Some(kind) => update(wire, kind),
            None => Ok(None),
        },
        (Path::Workload, "DELETE", resource, "") => {
            let Some(kind) = kind(resource) else {
                return Ok(None);
            };
            Ok(Some(Request::DeleteWorkload {
                kind,
                workload: wire.full_name()?,
                orphan: wire.is_orphaning(),
            }))
        }
        (Path::Namespace, "DELETE", "namespaces", "") => Ok(Some(Request::DeleteNamespace {
            name: wire.any_name()?,
        })),
        _ => Ok(None),
    }
}

fn kind(resource: &str) -> Option<Kind> {
    match resource {
        "deployments" => Some(Kind::Deployment),
        "replicasets" => Some(Kind::ReplicaSet),
        "statefulsets" => Some(Kind::StatefulSet),
        _ => None,
    }
}

fn pod_delete(wire: &Wire) -> Result<Request, String> {
    let pod = wire.full_name()?;
    let old = wire.before()?;
    Ok(Request::Delete {
        pod,
        uid: old.metadata.uid.to_string(),
        deleting: old.metadata.deletion_timestamp.is_some(),
        grace: wire.options.as_ref().and_then(|options| options.grace),
    })
}

/// `scale`: the server leaves 0 out.
fn scale(wire: &Wire, kind: Kind) -> Result<Request, String> {
    let replicas = |object: &Object| object.replicas().unwrap_or(0);
    Ok(Request::Scale {
        kind,
        workload: wire.full_name()?,
        old: replicas(wire.before()?),
        new: replicas(wire.after()?),
        whole: false,
    })
}

/// The object itself: the server fills in 1.
fn update(wire: &Wire, kind: Kind) -> Result<Option<Request>, String> {
    let replicas = |object: &Object| object.replicas().unwrap_or(1);
    let (before, after) = (wire.before()?, wire.after()?);
    let (old, new) = (replicas(before), replicas(after));
    let workload: Name = wire.full_name()?;
    if new < old {
        return Ok(Some(Request::Scale {
            kind,
            workload,
            old,
            new,
            whole: true,
        }));
    }
    let same = before.template().map(RawValue::get) == after.template().map(RawValue::get);
    Ok((!same).then_some(Request::Template {
        kind,
        workload,
        surge: after.strategy() != Some("Recreate"),
    }))
}

#[cfg(test)]
mod tests;
