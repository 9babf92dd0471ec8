//! A pen that writes to the index in memory as the API server and the watch behind it would: compare-and-swap by resource
//! version. Knows no other object than pods.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures::future::BoxFuture;
use xtrinode::core::guard::edit::Edit;
use xtrinode::core::guard::facts::pod::Pod;
use xtrinode::core::guard::facts::workload::Workload;
use xtrinode::core::guard::notes::Notes;
use xtrinode::core::guard::world::World;
use xtrinode::guard::pen::{Note, Pen, Written};

/// Writes to a world.
#[derive(Debug)]
pub struct MemoryPen {
    world: Arc<RwLock<World>>,
    annotations: Mutex<HashMap<String, BTreeMap<String, String>>>,
}

impl MemoryPen {
    /// Writes to this world.
    pub fn new(world: Arc<RwLock<World>>) -> Self {
        let annotations = Mutex::default();
        Self { world, annotations }
    }

    fn write(&self, seen: &Pod, edit: Edit) -> Written {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let Some(mut pod) = world.pod_by_uid(&seen.uid).cloned() else {
            return Written::Gone;
        };
        if pod.resource_version != seen.resource_version {
            return Written::LostRace;
        }
        pod.resource_version.push('1');
        pod.notes = Notes {
            // The record of the drain is part of the scene and never was an annotation.
            drain: pod.notes.drain.take(),
            ..self.annotate(&pod.uid, edit)
        };
        world.put_pod(pod);
        Written::Done
    }

    fn annotate(&self, uid: &str, edit: Edit) -> Notes {
        let mut all = self
            .annotations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(uid.to_owned()).or_default();
        for key in edit.remove {
            own.remove(key);
        }
        let set = edit.set.into_iter();
        own.extend(set.map(|(key, value)| (key.to_owned(), value)));
        Notes::read(own, uid)
    }
}

impl Pen for MemoryPen {
    fn edit<'a>(&'a self, pod: &'a Pod, edit: Edit) -> BoxFuture<'a, Written> {
        Box::pin(async move { self.write(pod, edit) })
    }

    fn evict<'a>(&'a self, _: &'a Pod) -> BoxFuture<'a, Written> {
        Box::pin(async { Written::NotNow("nobody evicts here".to_owned()) })
    }

    fn mark<'a>(&'a self, _: &'a Workload, _: &'static str, _: String) -> BoxFuture<'a, Written> {
        Box::pin(async { Written::Done })
    }

    fn note_pod(&self, _: &Pod, _: Note) {}

    fn note_workload(&self, _: &Workload, _: Note) {}
}
