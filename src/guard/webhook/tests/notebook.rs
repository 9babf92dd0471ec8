//! A pen that writes nothing and remembers what it was told to write.

use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{self, BoxFuture};

use crate::core::guard::edit::Edit;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::Workload;
use crate::guard::pen::{Note, Pen, Written};

/// Remembers, in order.
#[derive(Debug, Default)]
pub struct Notebook(Mutex<Vec<String>>);

impl Notebook {
    /// `OBJECT: WHAT` for each annotation and each Event.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.0.lock();
        lines.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, object: &str, what: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(format!("{object}: {what}"));
    }
}

impl Pen for Notebook {
    fn edit<'a>(&'a self, pod: &'a Pod, edit: Edit) -> BoxFuture<'a, Written> {
        let set = edit.set.iter().map(|(key, _)| *key);
        for key in set.chain(edit.remove) {
            self.write(&pod.name.name, key);
        }
        future::ready(Written::Done).boxed()
    }

    fn evict<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Written> {
        self.write(&pod.name.name, "eviction");
        future::ready(Written::Done).boxed()
    }

    fn mark<'a>(
        &'a self,
        workload: &'a Workload,
        key: &'static str,
        _: String,
    ) -> BoxFuture<'a, Written> {
        self.write(&workload.name.name, key);
        future::ready(Written::Done).boxed()
    }

    fn note_pod(&self, pod: &Pod, note: Note) {
        self.write(&pod.name.name, note.reason);
    }

    fn note_workload(&self, workload: &Workload, note: Note) {
        self.write(&workload.name.name, note.reason);
    }
}
