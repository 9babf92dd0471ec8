//! Carries out what verdicts intend: grants before an allow, refusals written down after the answer, Events. Decides how
//! often a lost race is tried again; what is written is `core::guard::edit`'s.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::api::keys;
use crate::core::guard::ask::{Ask, Effect, Verdict};
use crate::core::guard::class::View;
use crate::core::guard::edit;
use crate::core::guard::facts::Name;
use crate::core::guard::facts::workload::{Kind, Workload};
use crate::core::guard::notes::GrantKey;
use crate::core::guard::rows::Row;
use crate::core::guard::verdict::Clamp;

use super::counters::{Counters, Outcome, Reason};
use super::pen::{Note, Pen, Written};
use super::state::State;

/// Grants written at once for one verdict.
const AT_ONCE: usize = 10;

/// Refusals being written down at once; further ones are dropped, since whoever was refused comes back.
const PENDING: usize = 256;

/// A refusal that lost a race is written again so often.
const TRIES: usize = 3;

/// A refusal that could not be written is given up after so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(10);

/// Until the watch has brought what won the race.
const CATCH_UP: Duration = Duration::from_millis(200);

/// For so long a pod that is let go is told of once.
const REMEMBERED: Duration = Duration::from_secs(600);

/// A scale is looked for so often, [`CATCH_UP`] apart, until it counts as refused.
const COMMITS: usize = 50;

/// Carries out effects.
#[derive(Clone, Debug)]
pub struct Effects {
    state: State,
    pen: Arc<dyn Pen>,
    counters: Counters,
    pending: Arc<Semaphore>,
    /// By pod UID, since when people know that it goes whatever it holds.
    told: Arc<Mutex<HashMap<String, Instant>>>,
    tasks: TaskTracker,
}

/// How the grants of a verdict ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// All that are required stand.
    All,
    /// Somebody wrote a pod first: judge again.
    LostRace,
    /// One could not be written.
    Failed(String),
}

impl Effects {
    /// Carries out effects with this pen.
    #[must_use]
    pub fn new(state: State, pen: Arc<dyn Pen>, counters: Counters) -> Self {
        Self {
            state,
            pen,
            counters,
            pending: Arc::new(Semaphore::new(PENDING)),
            told: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Writes the grants of an allow.
    pub async fn grant(&self, verdict: &Verdict) -> Granted {
        let grants = verdict.effects.iter().filter_map(|effect| match effect {
            Effect::Grant {
                uid,
                version,
                key,
                required,
            } => Some((uid.clone(), version.clone(), key.clone(), *required)),
            Effect::Want { .. } | Effect::Tell { .. } => None,
        });
        let grants: Vec<_> = grants.collect();
        let writes = stream::iter(grants).map(|(uid, version, key, required)| async move {
            (self.write_grant(&uid, &version, &key).await, required)
        });
        let mut writes = writes.buffer_unordered(AT_ONCE);
        let mut granted = Granted::All;
        while let Some((written, required)) = writes.next().await {
            let outcome = written.word();
            self.counters
                .grants
                .get_or_create(&Outcome { outcome })
                .inc();
            if required {
                granted = granted.and(written);
            }
        }
        granted
    }

    /// Writes down what was answered: refusals, and Events of what was let go. Returns at once.
    pub fn after(&self, ask: Ask, verdict: Verdict) {
        if verdict.effects.is_empty() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.pending).try_acquire_owned() else {
            return;
        };
        let effects = self.clone();
        self.tasks.spawn(async move {
            effects.announce(&ask, &verdict.effects);
            effects.write_wants(&ask, verdict.effects).await;
            drop(permit);
        });
    }

    /// Notes that a scale-down was lowered, once that stands: what was only asked for may still be refused. Returns at once.
    pub fn clamped(&self, kind: Kind, name: &Name, clamp: Clamp) {
        let Ok(permit) = Arc::clone(&self.pending).try_acquire_owned() else {
            return;
        };
        let (effects, name) = (self.clone(), name.clone());
        self.tasks.spawn(async move {
            if let Some(workload) = effects.committed(kind, &name, clamp.given).await {
                effects.note_clamp(&workload, clamp).await;
            }
            drop(permit);
        });
    }

    /// Waits for what was begun.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Effects {
    /// The workload, once it has so many replicas; `None` where it does not get them soon.
    async fn committed(&self, kind: Kind, name: &Name, replicas: u32) -> Option<Workload> {
        for _ in 0..COMMITS {
            tokio::time::sleep(CATCH_UP).await;
            let now = |view: &View| view.world.workload(kind, name).cloned();
            let workload = self.state.view(now)?;
            if workload.replicas == replicas {
                return Some(workload);
            }
        }
        None
    }

    async fn note_clamp(&self, workload: &Workload, clamp: Clamp) {
        let value = format!("{{\"asked\":{},\"given\":{}}}", clamp.asked, clamp.given);
        let note = Note {
            reason: "ClampedScaleDown",
            warning: false,
            text: format!(
                "{} replicas were asked for, {} given: the other workers hold data",
                clamp.asked, clamp.given
            ),
        };
        self.pen.note_workload(workload, note);
        let written = self.pen.mark(workload, keys::CLAMPED, value).await;
        self.report("clamp", &written);
    }

    /// Writes onto the version that was judged and no other: what came meanwhile may be the end of its drain.
    async fn write_grant(&self, uid: &str, version: &str, key: &GrantKey) -> Written {
        let granted = self.state.view(|view| {
            let pod = view.world.pod_by_uid(uid)?;
            Some((pod.clone(), edit::grant(view, pod, key)))
        });
        match granted {
            Some((pod, edit)) if pod.resource_version == version => self.pen.edit(&pod, edit).await,
            Some(_) => Written::LostRace,
            None => Written::Gone,
        }
    }

    async fn write_wants(&self, ask: &Ask, effects: Vec<Effect>) {
        let writes = stream::iter(effects).map(|effect| async move {
            if let Effect::Want { uid, .. } = &effect {
                self.write_want(ask, uid, &effect).await;
            }
        });
        writes.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Tries for as long as that may help: the taint-eviction controller asks five times within a moment, and never again.
    async fn write_want(&self, ask: &Ask, uid: &str, effect: &Effect) {
        let (mut races, mut pause) = (TRIES, CATCH_UP);
        let end = Instant::now() + PATIENCE;
        loop {
            let edit = self.state.view(|view| {
                let pod = view.world.pod_by_uid(uid)?;
                Some((pod.clone(), edit::want(view, ask, pod, effect)?))
            });
            let Some((pod, edit)) = edit else {
                return;
            };
            let written = self.pen.edit(&pod, edit).await;
            self.report("want", &written);
            match written {
                Written::LostRace if races > 0 => races -= 1,
                // Whoever leaves waits for no API server that is away.
                Written::Failed(_) if Instant::now() < end && !self.tasks.is_closed() => {
                    pause = (pause * 2).min(LONGEST);
                }
                _ => return,
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn report(&self, what: &'static str, written: &Written) {
        if let Written::Failed(error) = written {
            let reason = Reason { reason: what };
            self.counters.write_failures.get_or_create(&reason).inc();
            tracing::warn!(what, error, "Could not write to Kubernetes");
        }
    }

    /// Events that only the answering replica knows of: what was let go although something may be lost.
    fn announce(&self, ask: &Ask, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Tell { uid, row, text } = effect
                && self.is_news(uid)
            {
                self.tell(ask, uid, *row, text);
            }
        }
    }

    /// Whoever is let go may be asked for again, by somebody else or since something else refused it.
    fn is_news(&self, uid: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        told.retain(|_, at| now.duration_since(*at) < REMEMBERED);
        match told.entry(uid.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(now);
                true
            }
        }
    }

    fn tell(&self, ask: &Ask, uid: &str, row: Row, text: &str) {
        let reason = row.reason();
        self.counters.forced.get_or_create(&Reason { reason }).inc();
        tracing::warn!(user = ask.user, reason, text, "Let a pod go");
        let glass = matches!(row, Row::BreakGlass | Row::CoordinatorBreakGlass);
        let note = Note {
            reason: if glass {
                "BreakGlassUsed"
            } else {
                "ForcedAfterMaxBlock"
            },
            warning: true,
            text: text.to_owned(),
        };
        let pod = self.state.view(|view| view.world.pod_by_uid(uid).cloned());
        if let Some(pod) = pod {
            self.pen.note_pod(&pod, note);
        }
    }
}

impl Granted {
    fn and(self, written: Written) -> Self {
        match (self, written) {
            (Self::Failed(why), _) | (_, Written::Failed(why) | Written::NotNow(why)) => {
                Self::Failed(why)
            }
            (Self::LostRace, _) | (_, Written::LostRace) => Self::LostRace,
            // A pod that is gone holds nothing.
            (Self::All, Written::Done | Written::Gone) => Self::All,
        }
    }
}

#[cfg(test)]
#[path = "effects_tests.rs"]
mod tests;
