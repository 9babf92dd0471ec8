//! Rows W and N: the deletion of workloads and namespaces, and a new template for a coordinator.

use crate::core::guard::ask::{Ask, Effect, Outcome, Verdict};
use crate::core::guard::class::View;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{Pod, Role};
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::gate::Gate;
use crate::core::guard::leaving::Leaving;
use crate::core::guard::map::Map;
use crate::core::guard::notes::Cause;
use crate::core::guard::rows::Row;

use super::pod::opened;
use super::{coordinator, message};

/// `DELETE` of a workload. Never refused, since whoever deletes a release would be left with half of it; its pods are held
/// one by one.
pub fn delete(view: &View, ask: &Ask, (kind, name): (Kind, &Name), orphan: bool) -> Verdict {
    if orphan {
        return Verdict::allow(Row::Orphaned);
    }
    let Some(workload) = guarded(view, kind, name) else {
        return Verdict::allow(Row::WorkloadNotGuarded);
    };
    let held = view
        .pods_of(workload)
        .filter(|pod| !matches!(fate(view, ask, pod, None), Fate::Free(..)))
        .count();
    let verdict = Verdict::allow(Row::WorkloadDeleted);
    if held == 0 {
        return verdict;
    }
    verdict.warning(message::pods_held(workload, held))
}

/// `UPDATE` of a coordinator's pod template. A surge would put two coordinators behind one Service.
pub fn template(view: &View, ask: &Ask, (kind, name): (Kind, &Name), surge: bool) -> Verdict {
    let workload = guarded(view, kind, name);
    let Some(workload) = workload.filter(|workload| workload.role == Role::Coordinator) else {
        return Verdict::allow(Row::WorkloadNotGuarded);
    };
    if !surge || kind != Kind::Deployment {
        return Verdict::allow(Row::WorkloadNotGuarded);
    }
    let verdicts = view
        .pods_of(workload)
        .filter(|pod| pod.is_active())
        .map(|pod| {
            // Asked like a deletion, so that the same bounds hold and the same things are written down.
            coordinator::removal(view, ask, pod, Cause::Delete)
        });
    coordinator::together(verdicts, Row::CoordinatorDead)
}

/// `DELETE namespaces`. Refused while a pod in it may not go: inside a namespace that is being deleted nothing can be held.
pub fn namespace(view: &View, ask: &Ask, name: &str) -> Verdict {
    if view.is_terminating(name) {
        return Verdict::allow(Row::NamespaceTerminating);
    }
    let pods = view.world.pods().filter(|pod| pod.name.namespace == name);
    let mut pods: Vec<_> = pods.collect();
    pods.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let (mut held, mut looks) = (0, Vec::new());
    let (mut warnings, mut grants) = (Vec::new(), Vec::new());
    let mut leaving = Map::default();
    for pod in pods {
        let leaving = leaving.entry(&pod.cluster);
        let leaving = leaving.or_insert_with(|| Leaving::new(*view, &pod.cluster));
        match fate(view, ask, pod, Some(leaving)) {
            Fate::Held => held += 1,
            Fate::Look => looks.push(pod.uid.clone()),
            Fate::Free(said, granted) => {
                warnings.extend(said);
                grants.extend(granted);
            }
        }
    }
    let refused = |outcome, count| {
        let text = message::namespace(name, count);
        Verdict::refuse(Row::NamespaceBusy, outcome, text)
    };
    match (held, looks.len()) {
        // Inside a namespace that is being deleted nobody is asked again: this is the pods' removal.
        (0, 0) => Verdict {
            warnings,
            ..Verdict::allow(Row::NamespaceSafe).effects(grants)
        },
        // Where nobody can look, this is the answer, and a refusal like any other.
        (0, count) => {
            looks.sort_unstable();
            refused(Outcome::Look(looks), count)
        }
        (held, count) => refused(Outcome::Forbid, held + count),
    }
}

/// Whether a pod may go, with what is to be said and written about it.
enum Fate {
    Free(Vec<String>, Vec<Effect>),
    Look,
    Held,
}

/// `leaving`: those of its cluster that go with it.
fn fate<'a>(view: &View<'a>, ask: &Ask, pod: &'a Pod, leaving: Option<&mut Leaving<'a>>) -> Fate {
    if !view.is_guarded(pod) {
        return Fate::Free(Vec::new(), Vec::new());
    }
    if pod.role == Role::Coordinator {
        let verdict = coordinator::removal(view, ask, pod, Cause::Delete);
        return match verdict.outcome {
            Outcome::Allow => Fate::Free(verdict.warnings, verdict.effects),
            Outcome::Look(_) => Fate::Look,
            Outcome::Wait | Outcome::Forbid => Fate::Held,
        };
    }
    let patience = ask.caller.patience();
    let gate = match leaving {
        Some(leaving) => leaving.gate(pod, view.class(pod), patience),
        None => view.gate(pod, patience),
    };
    match gate {
        Gate::Open(why) => {
            let verdict = opened(view, ask, pod, &why);
            Fate::Free(verdict.warnings, verdict.effects)
        }
        Gate::Look => Fate::Look,
        Gate::Shut(_) => Fate::Held,
    }
}

/// The workload, where its pods are guarded.
pub fn guarded<'a>(view: &View<'a>, kind: Kind, name: &Name) -> Option<&'a Workload> {
    view.mode(&name.namespace)?;
    let workload = view.world.workload(kind, name)?;
    view.is_cluster(&workload.cluster).then_some(workload)
}
