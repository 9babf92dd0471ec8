//! The API server's store: objects, versions, and the log that watches read. Keeps; decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use xtrinode::api::keys;
use xtrinode::core::guard::edit::Edit;
use xtrinode::core::guard::facts::Name;
use xtrinode::core::guard::facts::place::{Mode, Namespace, Node};
use xtrinode::core::guard::facts::pod::{ClusterId, Container, Owner, Phase, Pod, Role};
use xtrinode::core::guard::facts::workload::{Kind, Tuning, Workload};
use xtrinode::core::guard::notes::Notes;
use xtrinode::core::guard::rows::Row;
use xtrinode::core::guard::time::Time;

use crate::trino::worker::Jvm;

/// A pod's place.
pub type Pix = usize;
/// A workload's place.
pub type Wix = usize;

/// Simulated time 0, in milliseconds since the Unix epoch.
pub const EPOCH: u64 = 1_790_000_000_000;
/// The namespace of everything.
pub const NAMESPACE: &str = "trino";

/// A moment of the simulation by a clock that is right.
pub fn stamp(now: u64) -> Time {
    Time::from_millis(EPOCH + now)
}

/// A time by a clock that is so far ahead, in milliseconds.
pub fn ahead(time: Time, millis: i64) -> Time {
    let span = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 {
        time.before(span)
    } else {
        time + span
    }
}

/// A pod with what the API server does not know of it.
pub struct Cell {
    /// The object.
    pub pod: Pod,
    /// Whether the object is gone.
    pub gone: bool,
    /// The workload that made it.
    pub set: Wix,
    /// Its process.
    pub jvm: Option<Jvm>,
    /// How many containers it has had.
    pub inc: u32,
    /// The rule by which it was let go; `Some(None)` where nobody was asked.
    pub let_go: Option<Option<Row>>,
    /// The query list that the verdict on a coordinator rests on.
    pub let_go_by: Option<u64>,
    /// Until when whoever let it go had been told everything.
    pub let_go_heard: u64,
    /// Whether what it was let go by had changed before anybody could tell them.
    pub overtaken: bool,
    /// When a grant was written on it last.
    pub granted: Option<u64>,
    /// When it was first refused.
    pub refused: Option<u64>,
    /// Whether it died of something nobody asked for.
    pub broken: bool,
}

/// A workload with its controller.
pub struct Managed {
    /// The object.
    pub workload: Workload,
    /// Whether the object is gone.
    pub gone: bool,
    /// The template's revision.
    pub revision: u32,
    /// How often its controller was refused in a row.
    pub failures: u32,
    /// When its controller looks again next.
    pub due: Option<u64>,
    /// The next slot of its own back-off.
    pub slot: Option<u64>,
    /// Reviews of its controller that are not answered.
    pub open: u32,
    /// Whether something changed meanwhile.
    pub dirty: bool,
    /// Whether one of them was refused.
    pub failed: bool,
}

/// What a watch tells.
pub enum Change {
    /// A pod as it is now.
    Pod(Arc<Pod>),
    /// A pod is gone.
    PodGone(Arc<Pod>),
    /// A workload as it is now.
    Workload(Arc<Workload>),
    /// A workload is gone.
    WorkloadGone(Kind, Name),
    /// A node as it is now.
    Node(String, Node),
    /// The namespace as it is now.
    Namespace(Namespace),
}

/// Everything that the API server keeps.
#[derive(Default)]
pub struct Store {
    /// Pods, the gone ones included.
    pub cells: Vec<Cell>,
    /// Pods whose object is not gone.
    pub live: Vec<Pix>,
    /// Workloads.
    pub sets: Vec<Managed>,
    /// Nodes by number.
    pub nodes: Vec<Node>,
    /// The namespace.
    pub namespace: Namespace,
    /// What watches read, with its time.
    pub log: Vec<(u64, Change)>,
    /// How far the clocks of Kubernetes' and Trino's machines are ahead, in milliseconds.
    pub ahead: i64,
    version: u64,
}

/// Takes over what one annotation says.
fn take_note(notes: &mut Notes, read: &Notes, key: &str) {
    match key {
        keys::DRAIN_REQUESTED => notes.want.clone_from(&read.want),
        keys::BLOCKED_SINCE => notes.blocked_since = read.blocked_since,
        keys::DRAIN => notes.drain.clone_from(&read.drain),
        keys::DRAINED_AT => notes.drained.clone_from(&read.drained),
        keys::RETURNING => notes.returning = read.returning,
        keys::GRANT => notes.grant.clone_from(&read.grant),
        keys::OVERRIDE => notes.break_glass.clone_from(&read.break_glass),
        // Hints are off in the simulation.
        other => unreachable!("the model knows no annotation {other}"),
    }
}

/// The name of a node.
pub fn node_name(node: usize) -> String {
    format!("n{node}")
}

/// An object's name.
pub fn name(name: impl Into<String>) -> Name {
    Name::new(NAMESPACE, name)
}

/// The one cluster of an episode.
pub fn cluster() -> ClusterId {
    ClusterId {
        namespace: NAMESPACE.to_owned(),
        release: "r".to_owned(),
    }
}

/// The place that a UID of ours names.
pub fn pix(uid: &str) -> Pix {
    uid[1..].parse().expect("a UID of ours")
}

/// The id of a pod's container.
pub fn container_id(pix: Pix, inc: u32) -> String {
    format!("c{pix}-{inc}")
}

impl Store {
    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    /// Changes a pod and tells its watchers.
    pub fn edit(&mut self, now: u64, pix: Pix, change: impl FnOnce(&mut Pod)) {
        let version = self.next_version();
        let pod = &mut self.cells[pix].pod;
        change(pod);
        pod.resource_version = version;
        self.log.push((now, Change::Pod(Arc::new(pod.clone()))));
    }

    /// Changes a pod's annotations. What did not change is not read again.
    pub fn annotate(&mut self, now: u64, pix: Pix, change: &Edit) {
        let set = change.set.iter();
        let set = set.map(|(key, value)| ((*key).to_owned(), value.clone()));
        let set: BTreeMap<_, _> = set.collect();
        let read = Notes::read(&set, &self.cells[pix].pod.uid);
        let keys = change.set.iter().map(|(key, _)| *key);
        let keys: Vec<_> = keys.chain(change.remove.iter().copied()).collect();
        let cost = set.get(keys::DELETION_COST);
        let cost = cost.and_then(|cost| cost.parse().ok()).unwrap_or(0);
        self.edit(now, pix, |pod| {
            for key in keys {
                match key {
                    keys::DELETION_COST => pod.cost = cost,
                    other => take_note(&mut pod.notes, &read, other),
                }
            }
        });
    }

    /// Removes a pod's object.
    pub fn remove(&mut self, now: u64, pix: Pix) {
        let cell = &mut self.cells[pix];
        cell.gone = true;
        self.log
            .push((now, Change::PodGone(Arc::new(cell.pod.clone()))));
        self.live.retain(|other| *other != pix);
    }

    /// Changes a workload and tells its watchers.
    pub fn edit_set(&mut self, now: u64, set: Wix, change: impl FnOnce(&mut Workload)) {
        let version = self.next_version();
        let workload = &mut self.sets[set].workload;
        change(workload);
        workload.resource_version = version;
        let told = Arc::new(workload.clone());
        self.log.push((now, Change::Workload(told)));
    }

    /// Removes a workload's object.
    pub fn remove_set(&mut self, now: u64, set: Wix) {
        self.sets[set].gone = true;
        let workload = &self.sets[set].workload;
        let told = Change::WorkloadGone(workload.kind, workload.name.clone());
        self.log.push((now, told));
    }

    /// Changes a node and tells its watchers.
    pub fn edit_node(&mut self, now: u64, node: usize, change: impl FnOnce(&mut Node)) {
        change(&mut self.nodes[node]);
        let told = Change::Node(node_name(node), self.nodes[node].clone());
        self.log.push((now, told));
    }

    /// Changes the namespace and tells its watchers.
    pub fn edit_namespace(&mut self, now: u64, change: impl FnOnce(&mut Namespace)) {
        change(&mut self.namespace);
        self.log
            .push((now, Change::Namespace(self.namespace.clone())));
    }

    /// A moment by the clocks of Kubernetes' and Trino's machines as they are now.
    pub fn stamp(&self, now: u64) -> Time {
        ahead(stamp(now), self.ahead)
    }

    /// Makes the namespace, which is guarded.
    pub fn begin(&mut self, nodes: usize) {
        self.edit_namespace(0, |namespace| namespace.mode = Some(Mode::Enforce));
        for node in 0..nodes {
            self.nodes.push(Node::default());
            self.edit_node(0, node, |node| node.ready = true);
        }
    }

    /// Makes a workload.
    pub fn add_set(&mut self, now: u64, new: NewSet) -> Wix {
        let set = self.sets.len();
        let workload = Workload {
            kind: new.kind,
            name: name(new.name),
            uid: format!("s{set}"),
            resource_version: String::new(),
            role: new.role,
            cluster: cluster(),
            replicas: new.replicas,
            owner: new.owner.map(|owner| format!("s{owner}")),
            created: self.stamp(now),
            deleting: false,
            recreate: new.role == Role::Coordinator,
            ordinal_start: 0,
            rolls_from: 0,
            update_revision: (new.kind == Kind::StatefulSet).then(|| "1".to_owned()),
            tuning: Tuning::default(),
        };
        self.sets.push(Managed {
            workload,
            gone: false,
            revision: new.revision,
            failures: 0,
            due: None,
            slot: None,
            open: 0,
            dirty: false,
            failed: false,
        });
        self.edit_set(now, set, |_| {});
        set
    }

    /// Makes a pod of a workload, not bound yet.
    pub fn add_pod(&mut self, now: u64, set: Wix, called: String, spec: PodSpec) -> Pix {
        let pix = self.cells.len();
        let pod = self.new_pod(now, pix, set, called, spec);
        self.cells.push(Cell {
            pod,
            gone: false,
            set,
            jvm: None,
            inc: 0,
            let_go: None,
            refused: None,
            let_go_by: None,
            let_go_heard: 0,
            overtaken: false,
            granted: None,
            broken: false,
        });
        self.live.push(pix);
        self.edit(now, pix, |_| {});
        pix
    }

    fn new_pod(&self, now: u64, pix: Pix, set: Wix, called: String, spec: PodSpec) -> Pod {
        let managed = &self.sets[set];
        let workload = &managed.workload;
        Pod {
            name: name(called),
            uid: format!("p{pix}"),
            resource_version: String::new(),
            role: workload.role,
            cluster: cluster(),
            owner: Some(Owner {
                kind: workload.kind,
                name: workload.name.name.clone(),
                uid: workload.uid.clone(),
            }),
            revision: Some(managed.revision.to_string()),
            node: None,
            phase: Phase::Pending,
            ready: false,
            ready_changed: None,
            created: self.stamp(now),
            deleting: None,
            grace: spec.grace,
            pre_stop: spec.pre_stop,
            ip: None,
            port: Some(8080),
            container: None,
            cost: 0,
            notes: Notes::default(),
        }
    }

    /// The pods of a workload whose objects are not gone.
    pub fn pods_of(&self, set: Wix) -> impl Iterator<Item = Pix> + '_ {
        let live = self.live.iter().copied();
        live.filter(move |pix| self.cells[*pix].set == set)
    }

    /// The pods of a workload that controllers count.
    pub fn active_of(&self, set: Wix) -> impl Iterator<Item = Pix> + '_ {
        self.pods_of(set)
            .filter(|pix| self.cells[*pix].pod.is_active())
    }

    /// The ReplicaSets of a Deployment.
    pub fn replica_sets(&self, of: Wix) -> Vec<Wix> {
        let owner = &self.sets[of].workload.uid;
        let all = 0..self.sets.len();
        let owned = |set: &Wix| {
            let managed = &self.sets[*set];
            !managed.gone && managed.workload.owner.as_ref() == Some(owner)
        };
        all.filter(owned).collect()
    }

    /// The Deployment of a ReplicaSet, else the workload itself.
    pub fn top_of(&self, set: Wix) -> Wix {
        let owner = self.sets[set].workload.owner.as_deref();
        owner.map_or(set, pix)
    }

    /// The live pods of a role.
    pub fn members(&self, role: Role) -> impl Iterator<Item = Pix> + '_ {
        let live = self.live.iter().copied();
        live.filter(move |pix| self.cells[*pix].pod.role == role)
    }
}

/// What a workload is made of.
pub struct NewSet<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// What its pods do.
    pub role: Role,
    /// How many.
    pub replicas: u32,
    /// The Deployment behind it.
    pub owner: Option<Wix>,
    /// Its template.
    pub revision: u32,
}

/// What pods have in common.
#[derive(Clone, Copy)]
pub struct PodSpec {
    /// `terminationGracePeriodSeconds`.
    pub grace: Duration,
    /// Whether there is a preStop hook that blocks until Trino has shut down.
    pub pre_stop: bool,
}

/// A new container, started now.
pub fn new_container(now: Time, pix: Pix, inc: u32) -> Container {
    Container {
        id: container_id(pix, inc),
        started: Some(now),
        running: true,
        restarts: inc.saturating_sub(1),
    }
}
