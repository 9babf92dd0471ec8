//! Rows W and N: the deletion of workloads and namespaces, and a new template for a coordinator.

use crate::core::guard::ask::{Ask, Outcome, Verdict};
use crate::core::guard::class::View;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::gate::{Gate, Patience};
use crate::core::guard::notes::Cause;
use crate::core::guard::rows::Row;

use super::{coordinator, message};

/// `DELETE` of a workload. Never refused, since whoever deletes a release would be left with half of it; its pods are held
/// one by one.
pub fn delete(view: &View, kind: Kind, name: &Name, orphan: bool) -> Verdict {
    if orphan {
        return Verdict::allow(Row::Orphaned);
    }
    let Some(workload) = guarded(view, kind, name) else {
        return Verdict::allow(Row::WorkloadNotGuarded);
    };
    let held = view
        .pods_of(workload)
        .filter(|pod| is_held(view, pod))
        .count();
    let verdict = Verdict::allow(Row::WorkloadDeleted);
    if held == 0 {
        return verdict;
    }
    verdict.warning(message::pods_held(workload, held))
}

/// `UPDATE` of a coordinator's pod template. A surge would put two coordinators behind one Service.
pub fn template(view: &View, ask: &Ask, kind: Kind, name: &Name) -> Verdict {
    let workload = guarded(view, kind, name);
    let Some(workload) = workload.filter(|workload| workload.role == Role::Coordinator) else {
        return Verdict::allow(Row::WorkloadNotGuarded);
    };
    if workload.recreate || kind != Kind::Deployment {
        return Verdict::allow(Row::WorkloadNotGuarded);
    }
    let verdicts = view
        .pods_of(workload)
        .filter(|pod| pod.is_active())
        .map(|pod| {
            // Asked like a deletion, so that the same bounds hold and the same things are written down.
            coordinator::removal(view, ask, pod, Cause::Delete)
        });
    let refused = verdicts
        .into_iter()
        .find(|verdict| verdict.outcome != Outcome::Allow);
    refused.unwrap_or_else(|| Verdict::allow(Row::CoordinatorIdle))
}

/// `DELETE namespaces`. Refused while a pod in it may not go: inside a namespace that is being deleted nothing can be held.
pub fn namespace(view: &View, ask: &Ask, name: &str) -> Verdict {
    let pods = view.world.pods().filter(|pod| pod.name.namespace == name);
    let held = pods.filter(|pod| is_kept(view, ask, pod)).count();
    if held == 0 {
        return Verdict::allow(Row::NamespaceSafe);
    }
    let text = message::namespace(name, held);
    Verdict::refuse(Row::NamespaceBusy, Outcome::Forbid, text)
}

fn is_kept(view: &View, ask: &Ask, pod: &Pod) -> bool {
    if !view.is_guarded(pod) {
        return false;
    }
    match pod.role {
        Role::Worker => matches!(view.gate(pod, ask.caller.patience()), Gate::Shut(_)),
        Role::Coordinator => {
            let verdict = coordinator::removal(view, ask, pod, Cause::Delete);
            verdict.outcome != Outcome::Allow
        }
    }
}

fn is_held(view: &View, pod: &Pod) -> bool {
    let worker = pod.role == Role::Worker && view.is_guarded(pod);
    worker && matches!(view.gate(pod, Patience::Ordinary), Gate::Shut(_))
}

/// The workload, where its pods are guarded.
pub fn guarded<'a>(view: &View<'a>, kind: Kind, name: &Name) -> Option<&'a Workload> {
    view.mode(&name.namespace)?;
    let workload = view.world.workload(kind, name)?;
    view.is_cluster(&workload.cluster).then_some(workload)
}
