//! The pen that writes to the API server. Turns outcomes into the few that callers tell apart.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::cluster::client::Kubernetes;
use crate::cluster::events::{About, Herald, News};
use crate::cluster::evict::{Evicted, evict};
use crate::cluster::patch::{self, Outcome, Patcher};
use crate::core::guard::edit::Edit;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Workload;

use super::pen::{Note, Pen, Written};

/// A write that takes longer has failed, as far as we know.
const LIMIT: Duration = Duration::from_secs(2);

/// An eviction waits for our own webhook's answer.
const EVICTION: Duration = Duration::from_secs(10);

/// Writes to the API server.
#[derive(Clone)]
pub struct KubePen {
    kubernetes: Kubernetes,
    patcher: Patcher,
    herald: Herald,
}

impl KubePen {
    /// A pen with these connections.
    #[must_use]
    pub fn new(kubernetes: Kubernetes, herald: Herald) -> Self {
        Self {
            patcher: Patcher::new(kubernetes.clone()),
            kubernetes,
            herald,
        }
    }

    async fn swap(&self, pod: &Pod, edit: Edit) -> Written {
        match self.patcher.swap(pod, &changes(edit), LIMIT).await {
            Outcome::Done(_) => Written::Done,
            Outcome::LostRace => Written::LostRace,
            Outcome::Gone => Written::Gone,
            Outcome::Forbidden(failure) | Outcome::Failed(failure) => {
                Written::Failed(failure.to_string())
            }
        }
    }

    async fn push_out(&self, pod: &Pod) -> Written {
        match evict(&self.kubernetes, pod, false, EVICTION).await {
            Evicted::Done => Written::Done,
            Evicted::Gone => Written::Gone,
            Evicted::Refused(why) => Written::NotNow(why),
            Evicted::Failed(failure) => Written::Failed(failure.to_string()),
        }
    }
}

impl std::fmt::Debug for KubePen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubePen").finish_non_exhaustive()
    }
}

impl Pen for KubePen {
    fn edit<'a>(&'a self, pod: &'a Pod, edit: Edit) -> BoxFuture<'a, Written> {
        self.swap(pod, edit).boxed()
    }

    fn evict<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Written> {
        self.push_out(pod).boxed()
    }

    fn mark<'a>(
        &'a self,
        workload: &'a Workload,
        key: &'static str,
        value: String,
    ) -> BoxFuture<'a, Written> {
        let edit = patch::Edit::from([(key, Some(value))]);
        async move {
            let written = self
                .patcher
                .annotate(workload.kind, &workload.name, &edit, LIMIT)
                .await;
            match written {
                Ok(()) => Written::Done,
                Err(failure) => Written::Failed(failure.to_string()),
            }
        }
        .boxed()
    }

    fn note_pod(&self, pod: &Pod, note: Note) {
        self.herald.tell(news(About::pod(pod), note));
    }

    fn note_workload(&self, workload: &Workload, note: Note) {
        self.herald.tell(news(About::workload(workload), note));
    }
}

fn changes(edit: Edit) -> patch::Edit {
    let set = edit.set.into_iter().map(|(key, value)| (key, Some(value)));
    let removed = edit.remove.into_iter().map(|key| (key, None));
    removed.chain(set).collect()
}

fn news(about: About, note: Note) -> News {
    News {
        about,
        reason: note.reason,
        action: "Guard",
        warning: note.warning,
        note: note.text,
    }
}
