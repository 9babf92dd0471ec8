//! What the guard knows and does, for people: clusters and how well they are protected, who is blocked, drains, grants.
//! The same figures feed `xtrinode guard status` and the gauges. Decides only what protection is worth.

use serde::{Deserialize, Serialize};

use super::class::View;
use super::evidence::{DrainPower, Supplier};
use super::facts::pod::{ClusterId, Pod, Role};
use super::time::Time;

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The clusters in guarded namespaces, in the order of their names.
    pub clusters: Vec<ClusterStatus>,
    /// Pods whose removal was refused, the longest first.
    pub blocked: Vec<Blocked>,
    /// Workers that drain or are drained.
    pub drains: Vec<Draining>,
    /// Removals that were allowed and are not seen yet.
    pub grants: Vec<Granted>,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Its namespace.
    pub namespace: String,
    /// Its release.
    pub release: String,
    /// `audit` or `enforce`.
    pub mode: String,
    /// How well it is protected.
    pub protection: Protection,
    /// Worker pods.
    pub workers: u32,
    /// Workers that serve.
    pub serving: u32,
    /// Workers that are meant to be.
    pub target: u32,
    /// Who tells what workers hold, now: `exporter`, `own`.
    #[serde(default)]
    pub suppliers: Vec<String>,
    /// Queries that are not finished, where known.
    pub unfinished: Option<u64>,
    /// Seconds since the oldest fact of the last complete cycle was asked for, where there is one.
    pub age_seconds: Option<u64>,
    /// How long the last drain that this replica saw took, in seconds.
    pub last_drain_seconds: Option<u64>,
    /// Whether `maxBlock` is shorter than that: the next drain may be forced.
    pub bound_too_short: bool,
}

/// How well a cluster is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "level", content = "reason")]
pub enum Protection {
    /// No API-initiated removal loses work within the bounds.
    Full,
    /// Some may.
    BestEffort(Weakness),
}

/// What keeps protection from being full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Weakness {
    /// Audit mode refuses nothing; everything else is in order.
    AuditMode,
    /// Workers answer 403 when they are told to drain.
    DrainForbidden,
    /// Trino before 476.
    TrinoTooOld,
    /// Nobody has asked a worker yet whether it would drain.
    DrainUnproven,
    /// No worker answers.
    WorkersUnreachable,
    /// The coordinator's queries can't be read, or not all of them.
    StateUnknown,
}

impl Weakness {
    /// Every weakness.
    pub const ALL: [Self; 6] = [
        Self::AuditMode,
        Self::DrainForbidden,
        Self::TrinoTooOld,
        Self::DrainUnproven,
        Self::WorkersUnreachable,
        Self::StateUnknown,
    ];

    /// For metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AuditMode => "AuditMode",
            Self::DrainForbidden => "DrainForbidden",
            Self::TrinoTooOld => "TrinoTooOld",
            Self::DrainUnproven => "DrainUnproven",
            Self::WorkersUnreachable => "WorkersUnreachable",
            Self::StateUnknown => "StateUnknown",
        }
    }
}

impl Protection {
    /// The level's word.
    #[must_use]
    pub const fn level(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::BestEffort(_) => "bestEffort",
        }
    }

    /// The reason's word; empty where there is none.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Full => "",
            Self::BestEffort(weakness) => weakness.word(),
        }
    }
}

/// A pod whose removal was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its release.
    pub release: String,
    /// What is known of it: a class's word, or `coordinator`.
    pub class: String,
    /// The path that the last refused removal came by.
    pub cause: String,
    /// Who asked.
    pub by: String,
    /// Since when, in seconds.
    pub blocked_seconds: u64,
    /// When it is let go at the latest.
    pub latest: Option<Time>,
}

/// A worker that leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draining {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// `draining`, `drained`, `returning`, or `foreign` where the drain isn't ours.
    pub state: String,
    /// Since when, in seconds.
    pub seconds: u64,
}

/// A removal that was allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Until when the grant counts.
    pub until: Time,
}

/// Everything as it is now.
#[must_use]
pub fn status(view: &View) -> Status {
    let mut pods: Vec<&Pod> = view
        .world
        .pods()
        .filter(|pod| view.is_guarded(pod))
        .collect();
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    let mut blocked: Vec<_> = pods
        .iter()
        .filter_map(|pod| self::blocked(view, pod))
        .collect();
    blocked.sort_by_key(|blocked| std::cmp::Reverse(blocked.blocked_seconds));
    let guarded = view.world.clusters().filter(|id| view.is_cluster(id));
    Status {
        clusters: guarded.filter_map(|id| cluster(view, id)).collect(),
        blocked,
        drains: pods.iter().filter_map(|pod| draining(view, pod)).collect(),
        grants: pods.iter().filter_map(|pod| granted(view, pod)).collect(),
    }
}

fn cluster(view: &View, id: &ClusterId) -> Option<ClusterStatus> {
    let mode = view.mode(&id.namespace)?;
    let seen = view.evidence.cluster(id);
    let workers = || {
        view.world
            .members(id, Role::Worker)
            .filter(|pod| pod.is_active())
    };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let cycle = seen.cycle(&view.policy.bounds, view.now);
    Some(ClusterStatus {
        namespace: id.namespace.clone(),
        release: id.release.clone(),
        mode: mode.word().to_owned(),
        protection: view.protection(id)?,
        workers: number(workers().count()),
        serving: number(workers().filter(|pod| view.is_serving(pod)).count()),
        target: view.target(id),
        suppliers: suppliers(view, id),
        unfinished: seen.list.map(|list| list.unfinished),
        age_seconds: cycle.map(|cycle| view.now.since(cycle.began).as_secs()),
        last_drain_seconds: seen.last_drain.map(|took| took.as_secs()),
        bound_too_short: view.is_bound_short(id),
    })
}

fn suppliers(view: &View, id: &ClusterId) -> Vec<String> {
    let seen = view.evidence.cluster(id);
    let speaking = Supplier::ALL.into_iter();
    let speaking = speaking.filter(|one| seen.speaks(*one, &view.policy.bounds, view.now));
    speaking.map(|one| one.word().to_owned()).collect()
}

impl View<'_> {
    /// How well a cluster is protected; `None` where nothing is.
    #[must_use]
    pub fn protection(&self, id: &ClusterId) -> Option<Protection> {
        use super::facts::place::Mode;
        let weak = |weakness| Some(Protection::BestEffort(weakness));
        let mode = self.mode(&id.namespace)?;
        let seen = self.evidence.cluster(id);
        match seen.power {
            DrainPower::Forbidden => return weak(Weakness::DrainForbidden),
            DrainPower::TooOld => return weak(Weakness::TrinoTooOld),
            _ if self.is_dark(id) => return weak(Weakness::WorkersUnreachable),
            DrainPower::Unasked => return weak(Weakness::DrainUnproven),
            DrainPower::Yes => {}
        }
        if seen.is_unknown(&self.policy.bounds, self.now) {
            return weak(Weakness::StateUnknown);
        }
        // Last, so that audit mode shows what else would be missing.
        match mode {
            Mode::Audit => weak(Weakness::AuditMode),
            Mode::Enforce => Some(Protection::Full),
        }
    }

    /// Whether the last drain of a cluster took longer than some worker of it may be kept. False while none was seen.
    #[must_use]
    pub fn is_bound_short(&self, id: &ClusterId) -> bool {
        let Some(took) = self.evidence.cluster(id).last_drain else {
            return false;
        };
        let mut workers = self.world.members(id, Role::Worker);
        workers.any(|pod| self.max_block(pod) < took)
    }

    /// Whether no running worker of a cluster answers.
    fn is_dark(&self, id: &ClusterId) -> bool {
        let mut running = self
            .world
            .members(id, Role::Worker)
            .filter(|pod| pod.running().is_some());
        let mut any = false;
        let silent = running.all(|pod| {
            any = true;
            self.evidence
                .worker(pod)
                .is_some_and(|seen| seen.failing.is_some())
        });
        any && silent
    }
}

fn blocked(view: &View, pod: &Pod) -> Option<Blocked> {
    let since = pod.notes.blocked_since?;
    let want = pod.notes.want.as_ref()?;
    let class = match pod.role {
        Role::Worker => view.class(pod).word(),
        Role::Coordinator => "coordinator",
    };
    Some(Blocked {
        namespace: pod.name.namespace.clone(),
        pod: pod.name.name.clone(),
        release: pod.cluster.release.clone(),
        class: class.to_owned(),
        cause: want.cause.to_string(),
        by: want.by.clone(),
        blocked_seconds: view.now.since(since).as_secs(),
        latest: view.latest(pod),
    })
}

fn draining(view: &View, pod: &Pod) -> Option<Draining> {
    let began = view.drain_began(pod)?;
    let seen = view.evidence.worker(pod)?;
    let state = match (pod.notes.returning, view.record(pod)) {
        (Some(_), _) => "returning",
        (None, None) => "foreign",
        (None, Some(_)) if seen.drained_since().is_some() => "drained",
        (None, Some(_)) => "draining",
    };
    Some(Draining {
        namespace: pod.name.namespace.clone(),
        pod: pod.name.name.clone(),
        state: state.to_owned(),
        seconds: view.now.since(began).as_secs(),
    })
}

fn granted(view: &View, pod: &Pod) -> Option<Granted> {
    let grant = pod
        .notes
        .grant
        .as_ref()
        .filter(|grant| grant.until > view.now)?;
    Some(Granted {
        namespace: pod.name.namespace.clone(),
        pod: pod.name.name.clone(),
        until: grant.until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::guard::evidence::Said;
    use crate::core::guard::facts::place::{Mode, Namespace};
    use crate::core::guard::plan::scene::{SPACE, Scene, cluster};
    use crate::trino::words::NodeState::Active;

    fn protection(scene: &Scene) -> Option<Protection> {
        scene.view().protection(&cluster())
    }

    const fn weak(weakness: Weakness) -> Protection {
        Protection::BestEffort(weakness)
    }

    fn mode(scene: &mut Scene, mode: Option<Mode>) {
        let namespace = Namespace {
            mode,
            ..Namespace::default()
        };
        scene.world.put_namespace(SPACE.to_owned(), namespace);
    }

    #[test]
    fn protection_is_full_or_says_what_is_missing() {
        let mut scene = Scene::deployment(1);
        scene.says("w-0", Active);
        for (power, weakness) in [
            (DrainPower::Unasked, Weakness::DrainUnproven),
            (DrainPower::Forbidden, Weakness::DrainForbidden),
            (DrainPower::TooOld, Weakness::TrinoTooOld),
            (DrainPower::Yes, Weakness::StateUnknown),
        ] {
            scene.power(power);
            assert_eq!(protection(&scene), Some(weak(weakness)));
        }
        scene.cycle(&[]);
        assert_eq!(protection(&scene), Some(Protection::Full));
        mode(&mut scene, Some(Mode::Audit));
        assert_eq!(protection(&scene), Some(weak(Weakness::AuditMode)));
        scene.keeps_failing("w-0", &Said::Silent, 30);
        assert_eq!(protection(&scene), Some(weak(Weakness::WorkersUnreachable)));
        mode(&mut scene, None);
        assert_eq!(protection(&scene), None);
    }
}
