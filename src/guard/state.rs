//! What every part of the guard reads and some write: Kubernetes' facts, Trino's evidence, the policy, the clock. A
//! decision holds both locks for as long as it thinks, and never while it waits.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::cluster::watch::Watched;
use crate::core::guard::ask::{Ask, Verdict};
use crate::core::guard::class::View;
use crate::core::guard::evidence::Evidence;
use crate::core::guard::policy::Policy;
use crate::core::guard::verdict;
use crate::core::guard::world::World;

use crate::cluster::calendar::Calendar;

/// Where Kubernetes' facts are.
#[derive(Clone, Debug)]
pub enum Atlas {
    /// Kept equal to the API server's by watches.
    Watched(Watched),
    /// Kept by whoever made it: the demo, tests, benches.
    Held(Arc<RwLock<World>>),
}

/// Whether Kubernetes' facts can be believed.
pub trait Fresh: Send + Sync + std::fmt::Debug {
    /// What is too old or was never read; `None` when all is well.
    fn stale(&self) -> Option<String>;
}

/// The shared state of one replica. Clones share it.
#[derive(Clone, Debug)]
pub struct State {
    atlas: Atlas,
    evidence: Arc<RwLock<Evidence>>,
    policy: Arc<Policy>,
    calendar: Calendar,
}

impl State {
    /// A state over these facts.
    #[must_use]
    pub fn new(atlas: Atlas, policy: Policy, calendar: Calendar) -> Self {
        Self {
            atlas,
            evidence: Arc::default(),
            policy: Arc::new(policy),
            calendar,
        }
    }

    /// What time it is.
    #[must_use]
    pub const fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Lets a decision look at everything as it is now.
    pub fn view<T>(&self, decide: impl FnOnce(&View) -> T) -> T {
        self.atlas.read(|world| {
            let evidence = read(&self.evidence);
            decide(&View {
                world,
                evidence: &evidence,
                policy: &self.policy,
                now: self.calendar.now(),
            })
        })
    }

    /// The answer to a request as things are now.
    #[must_use]
    pub fn judge(&self, ask: &Ask) -> Verdict {
        self.view(|view| verdict::judge(view, ask))
    }

    /// Takes in evidence; `take` sees the pods that it is about.
    pub fn learn<T>(&self, take: impl FnOnce(&mut Evidence, &World) -> T) -> T {
        self.atlas.read(|world| {
            let mut evidence = self
                .evidence
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            take(&mut evidence, world)
        })
    }
}

impl Atlas {
    fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        match self {
            Self::Watched(watched) => watched.read(look),
            Self::Held(world) => look(&read(world)),
        }
    }
}

/// No code leaves the index half changed where it could panic, so a poisoned lock still guards the truth.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
