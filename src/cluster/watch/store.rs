//! The world behind its lock, and who has to hear of changes. A change takes microseconds and readers only look, so one
//! lock that prefers writers is cheaper than copies of an index of ten thousand pods.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::{mpsc, watch};

use crate::cluster::raw::tuning::Complaint;
use crate::core::guard::dates::Arrival;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::place::Namespace;
use crate::core::guard::world::World;

use super::Options;
use super::keep::{Keep, forget};
use super::plan::Subject;

/// Complaints that are remembered, so that each is told once; beyond that they may be told again.
const COMPLAINTS: usize = 1000;

/// A pod that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its name; another pod may bear it by now.
    pub name: Name,
    /// Its UID.
    pub uid: String,
}

/// Everything that the watches know together.
#[derive(Debug)]
pub struct Store {
    options: Options,
    inner: RwLock<Inner>,
    changes: watch::Sender<u64>,
    gone: mpsc::UnboundedSender<Gone>,
}

#[derive(Debug)]
struct Inner {
    world: World,
    /// What each watch contributed, since two may name the same pod.
    known: Vec<HashSet<Name>>,
    /// Whether each watch has been listed once.
    listed: Vec<bool>,
    told: HashSet<(Name, Complaint)>,
}

impl Store {
    /// An empty one for so many watches, and where it tells which pods have gone.
    pub fn new(options: Options, watches: usize) -> (Self, mpsc::UnboundedReceiver<Gone>) {
        let (gone, receiver) = mpsc::unbounded_channel();
        let mut world = World::default();
        world.put_gaps(options.gaps.clone());
        for cluster in &options.external {
            world.put_external_coordinator(cluster.clone());
        }
        let inner = Inner {
            world,
            known: vec![HashSet::new(); watches],
            listed: vec![false; watches],
            told: HashSet::new(),
        };
        let store = Self {
            options,
            inner: RwLock::new(inner),
            changes: watch::Sender::new(0),
            gone,
        };
        (store, receiver)
    }

    /// Looks at the world.
    pub fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.reader().world)
    }

    /// A receiver that wakes after each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What was chosen.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Takes a page of a list; answers the names that are kept. A list is the server's latest word, whatever an event
    /// said before.
    pub fn list<T: Keep>(&self, index: usize, subject: Subject, page: &[T]) -> Vec<Name> {
        let mut inner = self.writer();
        let kept = |object: &&T| self.put(&mut inner, index, subject, *object);
        let names = page
            .iter()
            .filter(kept)
            .map(|object| object.meta().full_name());
        let names = names.collect();
        drop(inner);
        self.changed();
        names
    }

    /// A list is whole: what it did not name is gone.
    pub fn retain(&self, index: usize, subject: Subject, listed: &HashSet<Name>) {
        let mut inner = self.writer();
        let known = inner.known.get(index).cloned().unwrap_or_default();
        for name in known.difference(listed) {
            self.remove(&mut inner, index, subject, name);
        }
        if let Some(listed) = inner.listed.get_mut(index) {
            *listed = true;
        }
        drop(inner);
        self.changed();
    }

    /// Takes an object that was added or changed.
    pub fn apply<T: Keep>(&self, index: usize, subject: Subject, object: &T) {
        let mut inner = self.writer();
        if subject == Subject::Pods && is_outdated(&inner.world, object) {
            return;
        }
        self.put(&mut inner, index, subject, object);
        drop(inner);
        self.changed();
    }

    /// Takes an object that was deleted, or that the selector no longer names.
    pub fn delete(&self, index: usize, subject: Subject, name: &Name) {
        self.remove(&mut self.writer(), index, subject, name);
        self.changed();
    }

    /// Takes namespaces that may not be read for opted in: whoever confines the guard to them has chosen them.
    pub fn assume(&self, namespaces: &[String]) {
        let mode = Some(self.options.enabled);
        for name in namespaces {
            let namespace = Namespace {
                mode,
                ..Namespace::default()
            };
            self.writer().world.put_namespace(name.clone(), namespace);
        }
        self.changed();
    }

    fn put<T: Keep>(&self, inner: &mut Inner, index: usize, subject: Subject, object: &T) -> bool {
        let name = object.meta().full_name();
        let before = inner.uid(subject, &name);
        let arrival = self.arrival(inner, index);
        let Some(complaints) = object.keep(subject, &mut inner.world, &self.options, arrival)
        else {
            self.remove(inner, index, subject, &name);
            return false;
        };
        if let Some(uid) = before.filter(|uid| *uid != object.meta().uid) {
            self.tell_gone(&name, uid);
        }
        for complaint in complaints {
            inner.complain(&name, complaint);
        }
        if let Some(known) = inner.known.get_mut(index) {
            known.insert(name);
        }
        true
    }

    /// A list that mends a watch brings news, like the watch: what it did not tell came after it broke off.
    fn arrival(&self, inner: &Inner, index: usize) -> Arrival {
        let now = self.options.calendar.now();
        match inner.listed.get(index) {
            Some(false) => Arrival::First(now),
            _ => Arrival::News(now),
        }
    }

    fn remove(&self, inner: &mut Inner, index: usize, subject: Subject, name: &Name) {
        let was_known = inner
            .known
            .get_mut(index)
            .is_some_and(|known| known.remove(name));
        let by_another =
            subject == Subject::Pods && inner.known.iter().any(|known| known.contains(name));
        if !was_known || by_another {
            return;
        }
        if let Some(uid) = inner.uid(subject, name) {
            self.tell_gone(name, uid);
        }
        forget(subject, name, &mut inner.world);
    }

    fn tell_gone(&self, name: &Name, uid: String) {
        let name = name.clone();
        // Nobody has to listen.
        let _ = self.gone.send(Gone { name, uid });
    }

    fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A panic under this lock could only leave an index half changed; the next list mends it.
    fn reader(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The UID of a pod.
    fn uid(&self, subject: Subject, name: &Name) -> Option<String> {
        let pod = (subject == Subject::Pods).then(|| self.world.pod(name))?;
        pod.map(|pod| pod.uid.clone())
    }

    fn complain(&mut self, name: &Name, complaint: Complaint) {
        if self.told.len() >= COMPLAINTS {
            self.told.clear();
        }
        let (key, value, allowed) = (complaint.key, complaint.value.clone(), complaint.allowed);
        if self.told.insert((name.clone(), complaint)) {
            tracing::warn!(object = %name, key, value, allowed, "An annotation can't be read and is ignored");
        }
    }
}

/// Whether an event of a watch that lags behind another one says less than is known. Versions are compared only where
/// both are numbers, which every Kubernetes so far writes.
fn is_outdated<T: Keep>(world: &World, object: &T) -> bool {
    let known = world.pod(&object.meta().full_name());
    let known = known.and_then(|pod| pod.resource_version.parse::<u64>().ok());
    let said = object.meta().resource_version.parse::<u64>().ok();
    matches!((known, said), (Some(known), Some(said)) if said < known)
}

#[cfg(test)]
mod tests;
