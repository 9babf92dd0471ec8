//! Rows S: a lower number of replicas. The pods that the controller would delete are judged one by one with the pod
//! gate; a number that would take one that may not go is refused, and the answer names the lowest number that is safe.

use crate::core::guard::ask::{Ask, Caller, Effect, Outcome, Verdict};
use crate::core::guard::class::{Class, View};
use crate::core::guard::facts::Name;
use crate::core::guard::facts::pod::{Phase, Pod, Role};
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::gate::{Barrier, Gate, Glass, Why};
use crate::core::guard::leaving::Leaving;
use crate::core::guard::mutant::{self, Mutant};
use crate::core::guard::notes::{Cause, GrantKey};
use crate::core::guard::rank::ranked;
use crate::core::guard::rows::Row;

use super::{coordinator, live_grant, message, pod, workload};

/// The pods that a lower number would take, in the order in which they would go.
struct Plan<'a> {
    workload: &'a Workload,
    victims: Vec<Victim<'a>>,
    active: u32,
    old: u32,
    new: u32,
}

/// One of them.
struct Victim<'a> {
    pod: &'a Pod,
    fate: Fate,
}

/// Whether it may go.
enum Fate {
    /// It can't have work.
    Nothing,
    /// It may go.
    Free(Why),
    /// It may go if it still says DRAINED.
    Look,
    /// It is promised to another request.
    Promised,
    /// It may not go.
    Held(Barrier),
}

/// The verdict on a lower number.
pub fn judge(view: &View, ask: &Ask, of: (Kind, &Name), old: u32, new: u32) -> Verdict {
    if new >= old {
        return Verdict::allow(Row::NotLess);
    }
    let (kind, name) = of;
    let Some(workload) = workload::guarded(view, kind, name) else {
        return Verdict::allow(Row::WorkloadNotGuarded);
    };
    if kind == Kind::ReplicaSet && is_deployment_controller(ask.caller) {
        return Verdict::allow(Row::Rollout);
    }
    if workload.role == Role::Coordinator {
        return coordinators(view, ask, workload, new);
    }
    // Whoever may go by order goes whichever it is.
    let ordered = view.break_glass_on(None, Some(workload), &name.namespace);
    if let (Some(verdict), false) = (
        rollout(view, workload),
        matches!(ordered, Glass::Broken { .. }),
    ) {
        return verdict;
    }
    workers(view, ask, &Plan::new(view, ask, workload, old, new))
}

/// What the clamp makes of a lower number: a higher one that is safe and still lower than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clamp {
    /// The number that is given.
    pub given: u32,
    /// The number that was asked for.
    pub asked: u32,
}

impl Clamp {
    /// What whoever asked is told.
    #[must_use]
    pub fn warning(self) -> String {
        format!(
            "{} replicas would take workers that hold data: clamped to {}",
            self.asked, self.given
        )
    }
}

/// The clamp, if it is to act: some of the pods may go but not all. With none it stays a refusal, since an autoscaler
/// would book a success at each try and hide the block.
#[must_use]
pub fn clamp(view: &View, ask: &Ask, of: (Kind, &Name), old: u32, new: u32) -> Option<Clamp> {
    let (kind, name) = of;
    let workload = workload::guarded(view, kind, name)?;
    let applies = view.policy.clamp && new < old && workload.role == Role::Worker;
    if !applies || rollout(view, workload).is_some() {
        return None;
    }
    let plan = Plan::new(view, ask, workload, old, new);
    let given = plan.target(plan.safe_prefix());
    (given > new && given < old).then_some(Clamp { given, asked: new })
}

const fn is_deployment_controller(caller: Caller) -> bool {
    matches!(
        caller,
        Caller::WorkloadController | Caller::ControllerManager
    )
}

/// While pods of several ReplicaSets live, nobody can say which would go. Bounded; then the pod gate decides.
fn rollout(view: &View, workload: &Workload) -> Option<Verdict> {
    if workload.kind != Kind::Deployment {
        return None;
    }
    let sets = || {
        view.world
            .replica_sets(&workload.uid)
            .filter(|set| set.replicas > 0)
    };
    if sets().count() < 2 {
        return None;
    }
    let newest = sets().map(|set| set.created).max()?;
    let bound = workload
        .tuning
        .max_block
        .unwrap_or(view.policy.bounds.max_block);
    if view.now.since(newest) >= bound {
        return Some(Verdict::allow(Row::Rollout));
    }
    let text = message::rollout(workload, newest + bound);
    Some(Verdict::wait(Row::RolloutInProgress, text))
}

fn coordinators(view: &View, ask: &Ask, workload: &Workload, new: u32) -> Verdict {
    let pods: Vec<_> = ranked(view, workload);
    let surplus = pods.len().saturating_sub(new as usize);
    let verdicts = pods
        .into_iter()
        .take(surplus)
        .map(|pod| coordinator::removal(view, ask, pod, Cause::Scale));
    let mut verdict = coordinator::together(verdicts, Row::ScaleSafe);
    // They are told of when they are deleted.
    verdict
        .effects
        .retain(|effect| !matches!(effect, Effect::Tell { .. }));
    verdict
}

fn workers(view: &View, ask: &Ask, plan: &Plan) -> Verdict {
    if plan.safe_prefix() < plan.victims.len() {
        return plan.refuse(view, ask);
    }
    let looks = plan
        .victims
        .iter()
        .filter(|victim| matches!(victim.fate, Fate::Look));
    let looks: Vec<_> = looks.map(|victim| victim.pod.uid.clone()).collect();
    if !looks.is_empty() {
        // Where nobody can look, this is the answer, and a refusal like any other.
        return Verdict {
            outcome: Outcome::Look(looks),
            ..plan.refuse_unseen(view, ask)
        };
    }
    plan.allow(view)
}

impl<'a> Plan<'a> {
    fn new(view: &View<'a>, ask: &Ask, workload: &'a Workload, old: u32, new: u32) -> Self {
        let mut pods = ranked(view, workload);
        let active = u32::try_from(pods.len()).unwrap_or(u32::MAX);
        let key = scale_key(workload, new);
        let mut leaving = Leaving::new(*view, &workload.cluster);
        if mutant::is(Mutant::AnyOrdinal) {
            pods.sort_by_key(|pod| !view.is_allowable(pod));
        }
        let victims = Self::leaving(workload, pods, (old, new))
            .into_iter()
            .map(|pod| Victim {
                pod,
                fate: fate(view, ask, pod, (&key, &mut leaving)),
            });
        Self {
            workload,
            victims: victims.collect(),
            active,
            old,
            new,
        }
    }

    /// Which of the ranked pods would go: by pods that exist, not by numbers in specs. A StatefulSet's ordinals decide for
    /// themselves: a missing low one saves no high one.
    fn leaving<'b>(
        workload: &Workload,
        mut pods: Vec<&'b Pod>,
        (old, new): (u32, u32),
    ) -> Vec<&'b Pod> {
        if workload.kind == Kind::StatefulSet && !mutant::is(Mutant::AnyOrdinal) {
            let first = workload.ordinal_start.saturating_add(new);
            pods.retain(|pod| pod.ordinal().is_none_or(|ordinal| ordinal >= first));
        } else {
            let by_spec = mutant::is(Mutant::CountBySpec).then(|| old.saturating_sub(new));
            let gone = by_spec.map_or(pods.len().saturating_sub(new as usize), |gone| {
                gone as usize
            });
            pods.truncate(gone);
        }
        pods
    }

    /// How many of the first pods may go, if those that say so still say DRAINED.
    fn safe_prefix(&self) -> usize {
        let free = |victim: &&Victim| !matches!(victim.fate, Fate::Held(_) | Fate::Promised);
        self.victims.iter().take_while(free).count()
    }

    /// The lowest number that takes none beyond the first so many pods; the old one where there is none.
    fn target(&self, prefix: usize) -> u32 {
        let next = self.victims.get(prefix);
        let prefix = u32::try_from(prefix).unwrap_or(u32::MAX);
        let left = if self.workload.kind == Kind::StatefulSet {
            let keep = |ordinal: u32| ordinal.saturating_sub(self.workload.ordinal_start) + 1;
            match next {
                Some(held) => held.pod.ordinal().map_or(self.old, keep),
                None => self.new,
            }
        } else {
            self.active.saturating_sub(prefix)
        };
        left.min(self.old).max(self.new)
    }

    fn row(&self, safe: bool) -> Row {
        match (self.workload.kind, safe) {
            (Kind::StatefulSet, true) => Row::OrdinalsSafe,
            (Kind::StatefulSet, false) => Row::OrdinalsUnsafe,
            (_, true) => Row::ScaleSafe,
            (_, false) => Row::ScaleUnsafe,
        }
    }

    fn allow(&self, view: &View) -> Verdict {
        let key = scale_key(self.workload, self.new);
        let mut verdict = Verdict::allow(self.row(true));
        for victim in &self.victims {
            if let Fate::Free(why) = &victim.fate {
                let warning = message::warning(view, victim.pod, why);
                verdict.warnings.extend(warning);
                verdict.effects.extend(pod::granted(
                    view,
                    (Caller::Other, victim.pod),
                    why,
                    key.clone(),
                ));
            }
        }
        verdict
    }

    fn refuse(&self, view: &View, ask: &Ask) -> Verdict {
        let held = self.victims.iter().filter_map(|victim| match &victim.fate {
            Fate::Held(barrier) => Some((victim.pod, barrier)),
            _ => None,
        });
        let held: Vec<_> = held.collect();
        self.refuse_for(view, ask, &held, self.safe_prefix())
    }

    /// For when nobody can look at pods that say DRAINED.
    fn refuse_unseen(&self, view: &View, ask: &Ask) -> Verdict {
        let unseen = |victim: &&Victim| matches!(victim.fate, Fate::Look);
        let held = self.victims.iter().filter(unseen);
        let held = held.map(|victim| (victim.pod, &Barrier::Unproven));
        let held: Vec<_> = held.collect();
        let seen = self.victims.iter().take_while(|victim| !unseen(victim));
        self.refuse_for(view, ask, &held, seen.count())
    }

    fn refuse_for(
        &self,
        view: &View,
        ask: &Ask,
        held: &[(&Pod, &Barrier)],
        prefix: usize,
    ) -> Verdict {
        let wants = held
            .iter()
            .filter_map(|(pod, _)| pod::want(ask, &pod.uid, Cause::Scale, Some(self.new)));
        let row = if held.is_empty() {
            Row::Granted
        } else {
            self.row(false)
        };
        let (safe, patience) = (self.target(prefix), ask.caller.patience());
        let text = message::scale(view, self.workload, held, safe, patience);
        Verdict::wait(row, text).effects(wants)
    }
}

fn scale_key(workload: &Workload, new: u32) -> GrantKey {
    GrantKey::Scale {
        workload: workload.uid.clone(),
        replicas: new,
    }
}

fn fate<'a>(
    view: &View<'a>,
    ask: &Ask,
    pod: &'a Pod,
    (key, leaving): (&GrantKey, &mut Leaving<'a>),
) -> Fate {
    // A container that has not started owns nothing, whatever the pod's node says. In a pod that waits for another container
    // Trino's own may run.
    if pod.phase == Phase::Pending && pod.running().is_none() {
        return Fate::Nothing;
    }
    if live_grant(view, pod).is_some_and(|grant| !covers(&grant.key, key)) {
        return Fate::Promised;
    }
    // Only with the proof, and with it the drained cost, in our cache will the controller's own ranking choose this pod.
    let class = view.class(pod);
    let drained = matches!(class, Class::Drained { .. });
    let unannounced = drained && !view.is_announced(pod);
    match leaving.gate(pod, class, ask.caller.patience()) {
        Gate::Open(Why::Dead | Why::Starting) => Fate::Nothing,
        Gate::Open(Why::Drained) | Gate::Look if unannounced => Fate::Held(Barrier::Unproven),
        Gate::Open(why) => Fate::Free(why),
        Gate::Look => Fate::Look,
        Gate::Shut(barrier) => Fate::Held(barrier),
    }
}

/// Whether a grant for one number of replicas is part of what another number takes anyway.
fn covers(granted: &GrantKey, asked: &GrantKey) -> bool {
    match (granted, asked) {
        (
            GrantKey::Scale { workload, replicas },
            GrantKey::Scale {
                workload: same,
                replicas: lower,
            },
        ) => workload == same && lower <= replicas,
        _ => false,
    }
}
