//! An index of what Kubernetes says: watch events go in, decisions read it without I/O. Keeps, finds, and decides
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dates::{Arrival, Dates, Gaps};
use super::facts::Name;
use super::facts::place::{Namespace, Node};
use super::facts::pod::{ClusterId, Pod, Role};
use super::facts::workload::{Kind, Workload};
use super::map::Map;
use super::time::Time;

/// Everything that Kubernetes says.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Behind a pointer, so that the table's empty places are small and copies of the world share their pods.
    pods: Map<Uid, Arc<Pod>>,
    /// By namespace and name.
    pod_names: Map<String, Map<String, Uid>>,
    by_owner: Map<String, Uids>,
    by_cluster: BTreeMap<ClusterId, Members>,
    by_node: Map<String, Uids>,
    workloads: Map<Uid, Workload>,
    workload_names: Map<(Kind, Name), Uid>,
    by_parent: Map<String, Uids>,
    workloads_by_cluster: BTreeMap<ClusterId, Uids>,
    nodes: Map<String, Node>,
    namespaces: Map<String, Namespace>,
    external: BTreeSet<ClusterId>,
    dates: Dates,
}

/// A UID, shared by all indexes that hold it.
type Uid = Arc<str>;

/// The UIDs of one place, sorted: few of them in most.
type Uids = BTreeSet<Uid>;

/// The pods of a cluster by what they do: who looks for its one coordinator does not walk through its workers.
#[derive(Clone, Debug, Default)]
struct Members {
    workers: Uids,
    coordinators: Uids,
}

impl World {
    /// Says when nobody guarded, until this process began.
    pub fn put_gaps(&mut self, gaps: Gaps) {
        self.dates.gaps = gaps;
    }

    /// When a pod became Ready or ceased to be, by our clock.
    #[must_use]
    pub fn ready_since(&self, pod: &Pod) -> Option<Time> {
        let said = pod.ready_changed?;
        Some(self.dates.ready_since(&pod.uid, said))
    }

    /// Whether a pod's container started after this process had read what there was. What it did before nobody here saw.
    #[must_use]
    pub fn saw_start(&self, pod: &Pod) -> bool {
        let began = self.dates.began;
        began.is_none_or(|began| pod.started().is_some_and(|started| started > began))
    }

    /// Puts a pod as the API server tells it, dated by our clock.
    pub fn meet_pod(&mut self, pod: impl Into<Arc<Pod>>, arrival: Arrival) {
        let mut pod = pod.into();
        let known = self.pods.get(pod.uid.as_str()).map(Arc::as_ref);
        if let Arrival::First(now) = arrival {
            self.dates.began = self.dates.began.max(Some(now));
        }
        let started = self.dates.started(&pod, known, arrival);
        self.dates.meet_ready(&pod, known, arrival);
        let notes = self.dates.read(&pod, known, arrival);
        if let Some(notes) = notes {
            Arc::make_mut(&mut pod).notes = notes;
        }
        if let Some(started) = started
            && let Some(container) = &mut Arc::make_mut(&mut pod).container
        {
            container.started = Some(started);
        }
        self.put_pod(pod);
    }

    /// Puts a workload as the API server tells it, dated by our clock.
    pub fn meet_workload(&mut self, mut workload: Workload, arrival: Arrival) {
        let known = self.workloads.get(workload.uid.as_str());
        let (created, before) = (workload.created, known.map(|known| known.created));
        workload.created = self.dates.of_object(created, before, arrival);
        self.put_workload(workload);
    }

    /// Puts a pod, in place of any of the same name.
    pub fn put_pod(&mut self, pod: impl Into<Arc<Pod>>) {
        let pod = pod.into();
        match self.pods.get_mut(pod.uid.as_str()) {
            Some(known) if is_filed_alike(known, &pod) => *known = pod,
            _ => self.file(pod),
        }
    }

    fn file(&mut self, pod: Arc<Pod>) {
        let before = self.unfile(&pod.name);
        if let Some(before) = before.filter(|before| before.uid != pod.uid) {
            self.dates.forget(&before.uid);
        }
        let uid: Uid = pod.uid.as_str().into();
        if let Some(owner) = &pod.owner {
            enter(&mut self.by_owner, &owner.uid, &uid);
        }
        if let Some(node) = &pod.node {
            enter(&mut self.by_node, node, &uid);
        }
        let cluster = self.by_cluster.entry(pod.cluster.clone()).or_default();
        cluster.of_mut(pod.role).insert(Arc::clone(&uid));
        self.put_name(&pod.name, Arc::clone(&uid));
        self.pods.insert(uid, pod);
    }

    /// Forgets the pod of this name, and answers it.
    pub fn drop_pod(&mut self, name: &Name) -> Option<Arc<Pod>> {
        let pod = self.unfile(name)?;
        self.dates.forget(&pod.uid);
        Some(pod)
    }

    fn unfile(&mut self, name: &Name) -> Option<Arc<Pod>> {
        let uid = self.drop_name(name)?;
        let pod = self.pods.remove(&uid)?;
        if let Some(owner) = &pod.owner {
            leave(&mut self.by_owner, &owner.uid, &uid);
        }
        if let Some(node) = &pod.node {
            leave(&mut self.by_node, node, &uid);
        }
        if let Some(cluster) = self.by_cluster.get_mut(&pod.cluster) {
            cluster.of_mut(pod.role).remove(&uid);
            if cluster.is_empty() {
                self.by_cluster.remove(&pod.cluster);
            }
        }
        Some(pod)
    }

    fn put_name(&mut self, name: &Name, uid: Uid) {
        let names = match self.pod_names.get_mut(&name.namespace) {
            Some(names) => names,
            None => self.pod_names.entry(name.namespace.clone()).or_default(),
        };
        names.insert(name.name.clone(), uid);
    }

    fn drop_name(&mut self, name: &Name) -> Option<Uid> {
        let names = self.pod_names.get_mut(&name.namespace)?;
        let uid = names.remove(&name.name);
        if names.is_empty() {
            self.pod_names.remove(&name.namespace);
        }
        uid
    }

    /// Puts a workload, in place of any of the same kind and name.
    pub fn put_workload(&mut self, workload: Workload) {
        self.drop_workload(workload.kind, &workload.name);
        let uid: Uid = workload.uid.as_str().into();
        if let Some(parent) = &workload.owner {
            enter(&mut self.by_parent, parent, &uid);
        }
        let cluster = self.workloads_by_cluster.entry(workload.cluster.clone());
        cluster.or_default().insert(Arc::clone(&uid));
        let name = (workload.kind, workload.name.clone());
        self.workload_names.insert(name, Arc::clone(&uid));
        self.workloads.insert(uid, workload);
    }

    /// Forgets a workload.
    pub fn drop_workload(&mut self, kind: Kind, name: &Name) {
        let Some(uid) = self.workload_names.remove(&(kind, name.clone())) else {
            return;
        };
        let Some(gone) = self.workloads.remove(&uid) else {
            return;
        };
        if let Some(parent) = gone.owner {
            leave(&mut self.by_parent, &parent, &uid);
        }
        if let Some(cluster) = self.workloads_by_cluster.get_mut(&gone.cluster) {
            cluster.remove(&uid);
            if cluster.is_empty() {
                self.workloads_by_cluster.remove(&gone.cluster);
            }
        }
    }

    /// Puts a node.
    pub fn put_node(&mut self, name: String, node: Node) {
        self.nodes.insert(name, node);
    }

    /// Forgets a node.
    pub fn drop_node(&mut self, name: &str) {
        self.nodes.remove(name);
    }

    /// Puts a namespace.
    pub fn put_namespace(&mut self, name: String, namespace: Namespace) {
        self.namespaces.insert(name, namespace);
    }

    /// Forgets a namespace.
    pub fn drop_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    /// Says that a cluster's coordinator is outside this Kubernetes cluster, or has labels of its own.
    pub fn put_external_coordinator(&mut self, cluster: ClusterId) {
        self.external.insert(cluster);
    }

    /// Whether somebody said so.
    #[must_use]
    pub fn has_external_coordinator(&self, cluster: &ClusterId) -> bool {
        self.external.contains(cluster)
    }

    /// The pod of this name.
    #[must_use]
    pub fn pod(&self, name: &Name) -> Option<&Pod> {
        self.pod_by_uid(self.pod_names.get(&name.namespace)?.get(&name.name)?)
    }

    /// The pod of this UID.
    #[must_use]
    pub fn pod_by_uid(&self, uid: &str) -> Option<&Pod> {
        self.pods.get(uid).map(Arc::as_ref)
    }

    /// All pods, in no order.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values().map(Arc::as_ref)
    }

    /// The pods that a ReplicaSet, StatefulSet or other controller owns, in the order of their UIDs.
    pub fn pods_of_owner(&self, owner: &str) -> impl Iterator<Item = &Pod> {
        self.pods_in(self.by_owner.get(owner))
    }

    /// The pods on a node.
    pub fn pods_on(&self, node: &str) -> impl Iterator<Item = &Pod> {
        self.pods_in(self.by_node.get(node))
    }

    /// The pods of one role in a cluster.
    pub fn members(&self, cluster: &ClusterId, role: Role) -> impl Iterator<Item = &Pod> {
        let members = self.by_cluster.get(cluster);
        self.pods_in(members.map(|members| members.of(role)))
    }

    /// Every cluster that has a pod.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.by_cluster.keys()
    }

    /// The workload of this kind and name.
    #[must_use]
    pub fn workload(&self, kind: Kind, name: &Name) -> Option<&Workload> {
        let uid = self.workload_names.get(&(kind, name.clone()))?;
        self.workloads.get(uid)
    }

    /// The workload of this UID.
    #[must_use]
    pub fn workload_by_uid(&self, uid: &str) -> Option<&Workload> {
        self.workloads.get(uid)
    }

    /// All workloads, in no order.
    pub fn workloads(&self) -> impl Iterator<Item = &Workload> {
        self.workloads.values()
    }

    /// The workloads of one role in a cluster that nothing of ours controls: Deployments and StatefulSets, not the
    /// ReplicaSets behind a Deployment.
    pub fn top_workloads(
        &self,
        cluster: &ClusterId,
        role: Role,
    ) -> impl Iterator<Item = &Workload> {
        let uids = self.workloads_by_cluster.get(cluster).into_iter().flatten();
        let found = uids.filter_map(|uid| self.workloads.get(uid));
        found.filter(move |workload| workload.role == role && workload.owner.is_none())
    }

    /// The ReplicaSets of a Deployment.
    pub fn replica_sets(&self, deployment: &str) -> impl Iterator<Item = &Workload> {
        let uids = self.by_parent.get(deployment).into_iter().flatten();
        uids.filter_map(|uid| self.workloads.get(uid))
    }

    /// What controls a pod directly: a ReplicaSet, a StatefulSet.
    #[must_use]
    pub fn controller(&self, pod: &Pod) -> Option<&Workload> {
        self.workloads.get(pod.owner.as_ref()?.uid.as_str())
    }

    /// What people know as the pod's workload: the Deployment behind a ReplicaSet, else its controller.
    #[must_use]
    pub fn workload_of(&self, pod: &Pod) -> Option<&Workload> {
        let controller = self.controller(pod)?;
        let parent = controller.owner.as_deref();
        let parent = parent.and_then(|uid| self.workloads.get(uid));
        Some(parent.unwrap_or(controller))
    }

    /// A node.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// A namespace.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(name)
    }

    /// The namespaces that opted in.
    #[must_use]
    pub fn opted_in(&self) -> BTreeSet<String> {
        let chosen = self.namespaces.iter().filter(|(_, one)| one.mode.is_some());
        chosen.map(|(name, _)| name.clone()).collect()
    }

    fn pods_in<'a>(&'a self, uids: Option<&'a Uids>) -> impl Iterator<Item = &'a Pod> + use<'a> {
        uids.into_iter()
            .flatten()
            .filter_map(|uid| self.pod_by_uid(uid))
    }
}

impl Members {
    const fn of(&self, role: Role) -> &Uids {
        match role {
            Role::Worker => &self.workers,
            Role::Coordinator => &self.coordinators,
        }
    }

    const fn of_mut(&mut self, role: Role) -> &mut Uids {
        match role {
            Role::Worker => &mut self.workers,
            Role::Coordinator => &mut self.coordinators,
        }
    }

    fn is_empty(&self) -> bool {
        self.workers.is_empty() && self.coordinators.is_empty()
    }
}

/// Whether every index finds both in the same place: most news of a pod are of its state or its annotations.
fn is_filed_alike(one: &Pod, other: &Pod) -> bool {
    let place = (&one.name, one.role, &one.cluster, &one.owner, &one.node);
    place
        == (
            &other.name,
            other.role,
            &other.cluster,
            &other.owner,
            &other.node,
        )
}

fn enter(index: &mut Map<String, Uids>, key: &str, uid: &Uid) {
    let uids = match index.get_mut(key) {
        Some(uids) => uids,
        None => index.entry(key.to_owned()).or_default(),
    };
    uids.insert(Arc::clone(uid));
}

fn leave(index: &mut Map<String, Uids>, key: &str, uid: &str) {
    if let Some(uids) = index.get_mut(key) {
        uids.remove(uid);
        if uids.is_empty() {
            index.remove(key);
        }
    }
}
