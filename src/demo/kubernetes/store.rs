//! The objects and their versions: what etcd is to Kubernetes. Every change gives an object a new version, and annotations
//! change by compare-and-swap only. Keeps; controls nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::objects;
use crate::api::keys;
use crate::cluster::calendar::Calendar;
use crate::core::guard::edit::Edit;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::Pod;
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::notes::Notes;
use crate::core::guard::time::Time;
use crate::core::guard::world::World;
use crate::demo::simulator::random::Random;

/// Characters that Kubernetes puts into names.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How a swap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The annotations are as asked.
    Done,
    /// The pod has another version.
    Conflict,
    /// There is no pod of this UID.
    Gone,
}

/// The objects. Clones share them.
#[derive(Clone, Debug)]
pub struct Store {
    world: Arc<RwLock<World>>,
    /// Locked before `world` where both are.
    rest: Arc<Mutex<Rest>>,
    clock: Calendar,
}

/// What the index of facts has no place for.
#[derive(Debug)]
struct Rest {
    version: u64,
    random: Random,
    /// Annotations by pod UID, as text.
    annotations: HashMap<String, BTreeMap<String, String>>,
    /// The hash of each Deployment's template.
    templates: HashMap<Name, String>,
    nodes: Vec<String>,
}

impl Store {
    /// An empty store. `seed` decides names.
    #[must_use]
    pub fn new(seed: u64, clock: Calendar) -> Self {
        let rest = Rest {
            version: 0,
            random: Random::new(seed),
            annotations: HashMap::new(),
            templates: HashMap::new(),
            nodes: Vec::new(),
        };
        Self {
            world: Arc::default(),
            rest: Arc::new(Mutex::new(rest)),
            clock,
        }
    }

    /// The index of facts, for the guard.
    #[must_use]
    pub fn world(&self) -> Arc<RwLock<World>> {
        Arc::clone(&self.world)
    }

    /// The clock of all that is dated here.
    #[must_use]
    pub const fn clock(&self) -> Calendar {
        self.clock
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Looks at everything.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what has no version: nodes and namespaces.
    pub fn write(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Puts a node that takes pods.
    pub fn add_node(&self, name: String) {
        self.lock().nodes.push(name.clone());
        self.write(|world| world.put_node(name, objects::node()));
    }

    /// The names of all nodes that take pods, or did before they were cordoned.
    #[must_use]
    pub fn nodes(&self) -> Vec<String> {
        self.lock().nodes.clone()
    }

    /// The random end of a name.
    #[must_use]
    pub fn suffix(&self, length: usize) -> String {
        self.lock().random.word(ALPHABET, length)
    }

    /// Puts a new pod, without annotations.
    pub fn add_pod(&self, mut pod: Pod) {
        let mut rest = self.lock();
        pod.resource_version = rest.next();
        rest.annotations.insert(pod.uid.clone(), BTreeMap::new());
        self.write(|world| world.put_pod(pod));
    }

    /// Changes a pod that is there.
    pub fn change_pod(&self, uid: &str, change: impl FnOnce(&mut Pod)) {
        let mut rest = self.lock();
        let found = self.read(|world| world.pod_by_uid(uid).cloned());
        if let Some(mut pod) = found {
            change(&mut pod);
            pod.resource_version = rest.next();
            self.write(|world| world.put_pod(pod));
        }
    }

    /// Changes a pod's annotations if it has this version.
    pub fn swap(&self, uid: &str, version: &str, edit: &Edit) -> Swapped {
        let mut rest = self.lock();
        let Some(mut pod) = self.read(|world| world.pod_by_uid(uid).cloned()) else {
            return Swapped::Gone;
        };
        if pod.resource_version != version {
            return Swapped::Conflict;
        }
        let annotations = rest.annotations.entry(uid.to_owned()).or_default();
        apply(annotations, edit);
        pod.notes = Notes::read(annotations, uid);
        pod.cost = cost(annotations);
        pod.resource_version = rest.next();
        self.write(|world| world.put_pod(pod));
        Swapped::Done
    }

    /// A pod's annotations.
    #[must_use]
    pub fn annotations(&self, uid: &str) -> BTreeMap<String, String> {
        let rest = self.lock();
        rest.annotations.get(uid).cloned().unwrap_or_default()
    }

    /// Takes a pod away.
    pub fn drop_pod(&self, pod: &Pod) {
        self.lock().annotations.remove(&pod.uid);
        self.write(|world| {
            world.drop_pod(&pod.name);
        });
    }

    /// Puts a workload, new or changed.
    pub fn put_workload(&self, mut workload: Workload) {
        workload.resource_version = self.lock().next();
        self.write(|world| world.put_workload(workload));
    }

    /// Sets how many pods a workload is meant to have.
    pub fn set_replicas(&self, kind: Kind, name: &Name, replicas: u32) {
        let found = self.read(|world| world.workload(kind, name).cloned());
        if let Some(workload) = found {
            self.put_workload(Workload {
                replicas,
                ..workload
            });
        }
    }

    /// Takes a workload away.
    pub fn drop_workload(&self, kind: Kind, name: &Name) {
        self.write(|world| world.drop_workload(kind, name));
    }

    /// The hash of a Deployment's template; a first one is made up.
    #[must_use]
    pub fn template(&self, deployment: &Name) -> String {
        let mut rest = self.lock();
        if let Some(hash) = rest.templates.get(deployment) {
            return hash.clone();
        }
        rest.new_template(deployment)
    }

    /// Gives a Deployment another template, as `kubectl rollout restart` does.
    pub fn renew_template(&self, deployment: &Name) {
        self.lock().new_template(deployment);
    }

    fn lock(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    fn next(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    fn new_template(&mut self, deployment: &Name) -> String {
        let hash = self.random.word(ALPHABET, 9);
        self.templates.insert(deployment.clone(), hash.clone());
        hash
    }
}

fn apply(annotations: &mut BTreeMap<String, String>, edit: &Edit) {
    for key in &edit.remove {
        annotations.remove(*key);
    }
    for (key, value) in &edit.set {
        annotations.insert((*key).to_owned(), value.clone());
    }
}

/// As the ReplicaSet controller reads it: 0 where it is absent or no number.
fn cost(annotations: &BTreeMap<String, String>) -> i32 {
    let text = annotations.get(keys::DELETION_COST);
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (Store, Pod) {
        let store = Store::new(1, Calendar::start());
        let deployment = objects::deployment(1, store.now());
        let set = objects::replica_set(&deployment, "abc", store.now());
        let pod = objects::worker(&set, "trino-worker-abc-x", store.now());
        store.add_pod(pod.clone());
        (store, pod)
    }

    fn read(store: &Store, pod: &Pod) -> Pod {
        let found = store.read(|world| world.pod_by_uid(&pod.uid).cloned());
        found.expect("a pod")
    }

    #[test]
    fn annotations_change_only_where_nobody_was_faster() {
        let (store, pod) = store();
        let before = read(&store, &pod);
        let edit = Edit::default().with(keys::DELETION_COST, "-107".to_owned());
        let swap = |version: &str| store.swap(&pod.uid, version, &edit);
        assert_eq!(swap(&before.resource_version), Swapped::Done);
        let after = read(&store, &pod);
        assert_eq!(after.cost, -107);
        assert_ne!(after.resource_version, before.resource_version);
        assert_eq!(swap(&before.resource_version), Swapped::Conflict);
        let gone = Edit::default().without(&[keys::DELETION_COST]);
        let done = store.swap(&pod.uid, &after.resource_version, &gone);
        assert_eq!((done, read(&store, &pod).cost), (Swapped::Done, 0));
        store.drop_pod(&pod);
        assert_eq!(swap(&after.resource_version), Swapped::Gone);
    }

    #[test]
    fn what_the_guard_wrote_is_read_again_from_its_text() {
        let (store, pod) = store();
        let at = Time::parse("2026-11-22T02:47:05Z").expect("a time");
        let edit = Edit::default().with(keys::BLOCKED_SINCE, at.to_string());
        let version = read(&store, &pod).resource_version;
        store.swap(&pod.uid, &version, &edit);
        assert_eq!(read(&store, &pod).notes.blocked_since, Some(at));
    }
}
