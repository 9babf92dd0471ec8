//! A pen that writes nothing and remembers for whom it was told to write what.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use xtrinode::core::guard::edit::Edit;
use xtrinode::core::guard::facts::pod::Pod;
use xtrinode::core::guard::facts::workload::Workload;
use xtrinode::guard::pen::{Note, Pen, Written};

/// Pod or workload, and annotation or Event.
#[derive(Debug, Default)]
pub struct Notebook(Mutex<Vec<(String, &'static str)>>);

type Writing<'a> = Pin<Box<dyn Future<Output = Written> + Send + 'a>>;

impl Notebook {
    /// What was written since this was last asked.
    pub fn take(&self) -> Vec<(String, &'static str)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, object: &str, what: &'static str) -> Writing<'static> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.push((object.to_owned(), what));
        Box::pin(std::future::ready(Written::Done))
    }
}

impl Pen for Notebook {
    fn edit<'a>(&'a self, pod: &'a Pod, edit: Edit) -> Writing<'a> {
        for key in edit.set.iter().map(|(key, _)| *key).chain(edit.remove) {
            drop(self.write(&pod.name.name, key));
        }
        Box::pin(std::future::ready(Written::Done))
    }

    fn evict<'a>(&'a self, pod: &'a Pod) -> Writing<'a> {
        self.write(&pod.name.name, "eviction")
    }

    fn mark<'a>(&'a self, workload: &'a Workload, key: &'static str, _: String) -> Writing<'a> {
        self.write(&workload.name.name, key)
    }

    fn note_pod(&self, pod: &Pod, note: Note) {
        drop(self.write(&pod.name.name, note.reason));
    }

    fn note_workload(&self, workload: &Workload, note: Note) {
        drop(self.write(&workload.name.name, note.reason));
    }
}
