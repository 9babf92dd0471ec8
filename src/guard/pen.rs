//! What the guard writes to Kubernetes, as an interface: the API server behind it in production, an index in memory in the
//! demo and in tests.

use futures::future::BoxFuture;

use crate::core::guard::edit::Edit;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Workload;

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It stands.
    Done,
    /// Somebody wrote the object first.
    LostRace,
    /// The object is gone.
    Gone,
    /// It was refused for now: an eviction that a budget or a guard does not let through.
    NotNow(String),
    /// It failed: a missing permission, no answer.
    Failed(String),
}

impl Written {
    /// A bounded word for metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::LostRace => "lost-race",
            Self::Gone => "gone",
            Self::NotNow(_) => "not-now",
            Self::Failed(_) => "failed",
        }
    }
}

/// A Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its reason.
    pub reason: &'static str,
    /// Whether it warns.
    pub warning: bool,
    /// Its text.
    pub text: String,
}

/// Writes.
pub trait Pen: Send + Sync + std::fmt::Debug {
    /// Changes a pod's annotations if it still is as `pod` says (UID and resourceVersion).
    fn edit<'a>(&'a self, pod: &'a Pod, edit: Edit) -> BoxFuture<'a, Written>;

    /// Evicts a pod with this UID.
    fn evict<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Written>;

    /// Sets an annotation of a workload.
    fn mark<'a>(
        &'a self,
        workload: &'a Workload,
        key: &'static str,
        value: String,
    ) -> BoxFuture<'a, Written>;

    /// Writes an Event about a pod; never waits.
    fn note_pod(&self, pod: &Pod, note: Note);

    /// Writes an Event about a workload; never waits.
    fn note_workload(&self, workload: &Workload, note: Note);
}
