//! The decision tables: one request in, one verdict out. The webhook, `explain`, the simulation and the demo ask here.
//! Asking twice gives the same answer; nothing is changed, and dry-run is no argument of any rule.

mod coordinator;
mod message;
mod pod;
mod scale;
#[cfg(test)]
mod tests;
pub mod unseen;
mod workload;

use super::ask::{Ask, Caller, Effect, Outcome, Request, Verdict};
use super::class::View;
use super::facts::place::Mode;
use super::facts::pod::{ClusterId, Pod, Role};
use super::gate::Why;
use super::notes::{Cause, GrantKey};
use super::rows::Row;

pub use scale::{Clamp, clamp};

/// The answer to a request.
#[must_use]
pub fn judge(view: &View, ask: &Ask) -> Verdict {
    match &ask.request {
        Request::Evict { pod, precondition } => pod::evict(view, ask, pod, precondition.as_deref()),
        Request::Delete {
            pod,
            uid,
            deleting,
            grace,
        } => {
            let deletion = pod::Deletion {
                uid,
                deleting: *deleting,
                grace: *grace,
            };
            pod::delete(view, ask, pod, deletion)
        }
        Request::Scale {
            kind,
            workload,
            old,
            new,
            ..
        } => scale::judge(view, ask, (*kind, workload), *old, *new),
        Request::Template {
            kind,
            workload,
            surge,
        } => workload::template(view, ask, (*kind, workload), *surge),
        Request::DeleteWorkload {
            kind,
            workload,
            orphan,
        } => workload::delete(view, ask, (*kind, workload), *orphan),
        Request::DeleteNamespace { name } => workload::namespace(view, ask, name),
    }
}

/// What an allow comes to for which others were faster each time: a refusal like any other, written down for whoever does
/// not come back; unless the pod's final bound is over, which a watch that lags behind many writes must not put off.
#[must_use]
pub fn outrun(view: &View, ask: &Ask, verdict: Verdict) -> Verdict {
    let text = "other requests for the same pods were faster each time; try again";
    ungranted(view, ask, verdict, Row::LostRace, text)
}

/// What an allow comes to whose grants could not be written. A refusal, not a failure: callers come back after a 429, and
/// give up after anything else.
#[must_use]
pub fn unwritten(view: &View, ask: &Ask, verdict: Verdict) -> Verdict {
    let text = "the guard could not write down that it allows this; try again";
    ungranted(view, ask, verdict, Row::GrantNotWritten, text)
}

/// The verdict when nobody is looked at and nothing is asked for: whatever would rest on that is refused.
#[must_use]
pub fn recalled(view: &View, ask: &Ask) -> Verdict {
    let verdict = judge(view, ask);
    if let Outcome::Look(_) = verdict.outcome {
        return Verdict {
            outcome: Outcome::Wait,
            ..verdict
        };
    }
    if let Some(pod) = unseen::doubtful(view, ask, &verdict) {
        return Verdict::wait(Row::Unknown, message::not_seen(pod));
    }
    if let Some(cluster) = unseen::suspended(view, ask, &verdict) {
        let text =
            format!("the guard could not ask whether {cluster} has a coordinator; try again");
        return Verdict::wait(Row::Unknown, text);
    }
    match unseen::emptied(view, ask, &verdict) {
        Some(name) => Verdict::refuse(
            Row::NamespaceBusy,
            Outcome::Forbid,
            message::not_listed(name),
        ),
        None => verdict,
    }
}

/// The verdict when there is no time left to look at anybody, to ask for anything, or to write.
#[must_use]
pub fn late(view: &View, ask: &Ask) -> Verdict {
    let verdict = recalled(view, ask);
    let rests = |effect: &Effect| matches!(effect, Effect::Grant { required: true, .. });
    if !verdict.effects.iter().any(rests) {
        return verdict;
    }
    let text = "the guard could not decide in time; try again";
    ungranted(view, ask, verdict, Row::NotInTime, text)
}

fn ungranted(view: &View, ask: &Ask, verdict: Verdict, row: Row, text: &str) -> Verdict {
    if verdict.outcome != Outcome::Allow {
        return verdict;
    }
    if let Some(pod) = ask.pod(view).filter(|pod| is_over(view, ask, pod)) {
        let row = match pod.role {
            Role::Worker => Row::MaxBlock,
            Role::Coordinator => Row::CoordinatorMaxBlock,
        };
        let told = message::warning(view, pod, &Why::FinalBound);
        return Verdict::allow(row)
            .warning(told.unwrap_or_default())
            .told(pod);
    }
    let (cause, target) = match &ask.request {
        Request::Scale { new, .. } => (Cause::Scale, Some(*new)),
        Request::Delete { .. } => (ask.caller.cause(), None),
        _ => (Cause::Evict, None),
    };
    let wants = verdict
        .effects
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Grant { uid, .. } => pod::want(ask, uid, cause, target),
            Effect::Want { .. } | Effect::Tell { .. } => None,
        });
    Verdict::wait(row, text.to_owned()).effects(wants)
}

/// Whether a pod was refused for as long as this caller has to wait at the most.
fn is_over(view: &View, ask: &Ask, pod: &Pod) -> bool {
    if pod.role == Role::Coordinator {
        return coordinator::is_over(view, ask, pod);
    }
    let refused = pod.notes.blocked_since.is_some();
    let latest = view.latest_for(pod, ask.caller.patience());
    refused && latest.is_some_and(|latest| view.now >= latest)
}

impl Ask {
    /// The pod that a request is about, where it is about one that is known.
    fn pod<'a>(&self, view: &View<'a>) -> Option<&'a Pod> {
        match &self.request {
            Request::Evict { pod, .. } | Request::Delete { pod, .. } => view.world.pod(pod),
            _ => None,
        }
    }

    /// The namespace that a request is about.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match &self.request {
            Request::Evict { pod, .. } | Request::Delete { pod, .. } => &pod.namespace,
            Request::Scale { workload, .. }
            | Request::Template { workload, .. }
            | Request::DeleteWorkload { workload, .. } => &workload.namespace,
            Request::DeleteNamespace { name } => name,
        }
    }
}

impl View<'_> {
    /// What the guard does in a namespace; `None` where it does nothing.
    #[must_use]
    pub fn mode(&self, namespace: &str) -> Option<Mode> {
        self.world.namespace(namespace)?.mode
    }

    /// Whether a cluster is Trino's as far as we can tell: it has a coordinator. Without one nothing can be at risk.
    #[must_use]
    pub fn is_cluster(&self, cluster: &ClusterId) -> bool {
        let pods = || {
            self.world
                .members(cluster, Role::Coordinator)
                .next()
                .is_some()
        };
        let workloads = || {
            self.world
                .top_workloads(cluster, Role::Coordinator)
                .next()
                .is_some()
        };
        self.world.has_external_coordinator(cluster) || pods() || workloads()
    }

    /// Whether a pod is guarded.
    #[must_use]
    pub fn is_guarded(&self, pod: &Pod) -> bool {
        self.mode(&pod.name.namespace).is_some() && self.is_cluster(&pod.cluster)
    }

    fn is_terminating(&self, namespace: &str) -> bool {
        self.world
            .namespace(namespace)
            .is_some_and(|namespace| namespace.terminating)
    }
}

impl Verdict {
    fn allow(row: Row) -> Self {
        Self {
            row,
            outcome: Outcome::Allow,
            message: String::new(),
            warnings: Vec::new(),
            effects: Vec::new(),
        }
    }

    fn refuse(row: Row, outcome: Outcome, message: String) -> Self {
        Self {
            outcome,
            message,
            ..Self::allow(row)
        }
    }

    /// A refusal for now.
    pub fn wait(row: Row, message: String) -> Self {
        Self::refuse(row, Outcome::Wait, message)
    }

    fn warning(mut self, warning: String) -> Self {
        self.warnings.push(warning);
        self
    }

    fn effects(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.effects.extend(effects);
        self
    }

    /// With the grant that lets this pod go, if one is to be written.
    fn granting(self, pod: &Pod, grant: Option<Effect>) -> Self {
        self.effects(grant).told(pod)
    }

    /// People are told, where something is or may be lost with this pod.
    fn told(self, pod: &Pod) -> Self {
        let told = Row::FORCED.contains(&self.row).then(|| Effect::Tell {
            uid: pod.uid.clone(),
            row: self.row,
            text: self.warnings.join("; "),
        });
        self.effects(told)
    }
}

/// Whether a grant that stands for what only our cache says is written anew: the container that it was given for may have
/// been followed by one that the cache does not know. Not for the garbage collector, whose deletes name a version.
fn must_be_new(caller: Caller) -> bool {
    caller != Caller::GarbageCollector
}

/// A grant of this pod that still counts, if any.
fn live_grant<'a>(view: &View, pod: &'a Pod) -> Option<&'a super::notes::Grant> {
    let grant = pod.notes.grant.as_ref()?;
    let container = pod.running().unwrap_or("");
    (grant.until > view.now && grant.container == container).then_some(grant)
}

/// The grant that an allow has to write; none where one for the same request was written a moment ago, unless it is to be
/// written `anew`.
fn grant(view: &View, pod: &Pod, key: GrantKey, required: bool, anew: bool) -> Option<Effect> {
    let written = live_grant(view, pod).is_some_and(|grant| {
        grant.key == key && view.now.since(grant.at) < super::bounds::GRANT_RENEWED
    });
    (anew || !written).then(|| Effect::Grant {
        uid: pod.uid.clone(),
        version: pod.resource_version.clone(),
        key,
        required,
    })
}
