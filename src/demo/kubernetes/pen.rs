//! The guard's pen over the store: writes by compare-and-swap, evictions through the API like anybody's, Events that are
//! only logged. Decides nothing.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::api::{Answer, Api, User};
use super::store::Swapped;
use crate::core::guard::edit::Edit;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Workload;
use crate::guard::pen::{Note, Pen, Written};

/// Writes to the store.
#[derive(Clone, Debug)]
pub struct StorePen(pub Api);

impl StorePen {
    async fn push_out(&self, pod: &Pod) -> Written {
        match self.0.evict(User::Guard, pod).await {
            Answer::Done => Written::Done,
            Answer::Gone => Written::Gone,
            Answer::Refused(why) => Written::NotNow(why),
        }
    }
}

impl Pen for StorePen {
    fn edit<'a>(&'a self, pod: &'a Pod, edit: Edit) -> BoxFuture<'a, Written> {
        let swapped = self.0.store().swap(&pod.uid, &pod.resource_version, &edit);
        let written = match swapped {
            Swapped::Done => Written::Done,
            Swapped::Conflict => Written::LostRace,
            Swapped::Gone => Written::Gone,
        };
        std::future::ready(written).boxed()
    }

    fn evict<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Written> {
        self.push_out(pod).boxed()
    }

    fn mark<'a>(
        &'a self,
        workload: &'a Workload,
        key: &'static str,
        _value: String,
    ) -> BoxFuture<'a, Written> {
        // Only the clamp marks workloads, and the demo leaves it off, as the chart does.
        let why = format!("{} of {} can't be written in the demo", key, workload.name);
        std::future::ready(Written::Failed(why)).boxed()
    }

    fn note_pod(&self, pod: &Pod, note: Note) {
        tracing::info!(pod = %pod.name, reason = note.reason, note = note.text, "Event");
    }

    fn note_workload(&self, workload: &Workload, note: Note) {
        tracing::info!(workload = %workload.name, reason = note.reason, note = note.text, "Event");
    }
}
