//! What becomes of an object of each kind: put into the world, or dropped from it. No locks, no requests.

use crate::cluster::raw::Object;
use crate::cluster::raw::place::{RawNamespace, RawNode, namespace, node};
use crate::cluster::raw::pod::{RawPod, pod};
use crate::cluster::raw::tuning::Complaint;
use crate::cluster::raw::workload::{RawWorkload, workload};
use crate::core::guard::dates::Arrival;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::workload::Kind;
use crate::core::guard::world::World;

use super::Options;
use super::plan::Subject;

/// An object that a watch delivers.
pub trait Keep: Object {
    /// Puts it into the world. `None` when the guard has no business with it; else what is wrong with it.
    fn keep(
        &self,
        subject: Subject,
        world: &mut World,
        options: &Options,
        arrival: Arrival,
    ) -> Option<Vec<Complaint>>;
}

impl Keep for RawPod {
    fn keep(
        &self,
        _: Subject,
        world: &mut World,
        options: &Options,
        arrival: Arrival,
    ) -> Option<Vec<Complaint>> {
        world.meet_pod(pod(self, &options.selection)?, arrival);
        Some(Vec::new())
    }
}

impl Keep for RawWorkload {
    fn keep(
        &self,
        subject: Subject,
        world: &mut World,
        options: &Options,
        arrival: Arrival,
    ) -> Option<Vec<Complaint>> {
        let Subject::Workloads(kind) = subject else {
            return None;
        };
        let (workload, complaints) = workload(kind, self, &options.selection)?;
        world.meet_workload(workload, arrival);
        // Its Deployment's annotations are copied to each ReplicaSet: one complaint will do.
        Some(if kind == Kind::ReplicaSet {
            Vec::new()
        } else {
            complaints
        })
    }
}

impl Keep for RawNode {
    fn keep(
        &self,
        _: Subject,
        world: &mut World,
        _: &Options,
        _: Arrival,
    ) -> Option<Vec<Complaint>> {
        world.put_node(self.meta().name.clone(), node(self));
        Some(Vec::new())
    }
}

impl Keep for RawNamespace {
    fn keep(
        &self,
        _: Subject,
        world: &mut World,
        options: &Options,
        _: Arrival,
    ) -> Option<Vec<Complaint>> {
        world.put_namespace(self.meta().name.clone(), namespace(self, options.enabled));
        Some(Vec::new())
    }
}

/// Drops an object from the world.
pub fn forget(subject: Subject, name: &Name, world: &mut World) {
    match subject {
        Subject::Pods => drop(world.drop_pod(name)),
        Subject::Workloads(kind) => world.drop_workload(kind, name),
        Subject::Nodes => world.drop_node(&name.name),
        Subject::Namespaces => world.drop_namespace(&name.name),
    }
}
