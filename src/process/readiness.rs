//! Whether this process may receive traffic. Decides "ready" from holds that components take at start and release
//! once, and from conditions that are asked each time; never looks at a component itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The holds of one process. Cheap to clone; clones share the same holds.
///
/// Take every hold before the server starts, so that no probe finds a gap. A hold that
/// is dropped without [`Hold::release`] keeps the process unready: its component never
/// said that it was done.
#[derive(Clone, Default)]
pub struct Readiness {
    holds: Arc<Mutex<Vec<Entry>>>,
    conditions: Arc<Mutex<Vec<Condition>>>,
}

/// Says what is waited for now; empty when nothing is.
type Condition = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// One component's veto.
#[derive(Debug)]
#[must_use = "a hold that nobody releases keeps the process unready"]
pub struct Hold {
    holds: Readiness,
    index: usize,
}

/// What is held, and whether it still is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// What the process waits for, in words a person understands.
    pub name: String,
    /// Whether the wait is over.
    pub released: bool,
}

impl Readiness {
    /// Adds a veto named after what it waits for, for example `first cycle of blue`.
    pub fn hold(&self, name: impl Into<String>) -> Hold {
        let mut entries = self.lock();
        entries.push(Entry {
            name: name.into(),
            released: false,
        });
        Hold {
            holds: self.clone(),
            index: entries.len() - 1,
        }
    }

    /// Adds something that may come back: it is asked at each probe what is waited for, and must not wait itself.
    pub fn condition(&self, ask: impl Fn() -> Vec<String> + Send + Sync + 'static) {
        self.conditions().push(Box::new(ask));
    }

    /// The names still waited for; empty means ready.
    pub fn waiting(&self) -> Vec<String> {
        let held = self
            .lock()
            .iter()
            .filter(|entry| !entry.released)
            .map(|entry| entry.name.clone())
            .collect::<Vec<_>>();
        let conditions = self.conditions();
        held.into_iter()
            .chain(conditions.iter().flat_map(|ask| ask()))
            .collect()
    }

    /// Everything that was ever held, in the order it was taken.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn conditions(&self) -> MutexGuard<'_, Vec<Condition>> {
        self.conditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// No code panics while it holds this lock, so a poisoned one still holds the truth.
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readiness")
            .field("holds", &self.holds)
            .finish_non_exhaustive()
    }
}

impl Hold {
    /// Says that the wait is over; it does not come back.
    pub fn release(self) {
        if let Some(entry) = self.holds.lock().get_mut(self.index) {
            entry.released = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_once_every_hold_is_released() {
        let readiness = Readiness::default();
        let (blue, green) = (readiness.hold("blue"), readiness.hold("green"));
        assert_eq!(readiness.waiting(), ["blue", "green"]);
        green.release();
        assert_eq!(readiness.waiting(), ["blue"]);
        blue.release();
        assert!(readiness.waiting().is_empty());
        assert_eq!(readiness.entries().len(), 2);
    }

    #[test]
    fn a_condition_may_come_back() {
        let readiness = Readiness::default();
        let stale = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let asked = Arc::clone(&stale);
        readiness.condition(move || {
            let stale = asked.load(std::sync::atomic::Ordering::Relaxed);
            stale
                .then(|| "watch of pods".to_owned())
                .into_iter()
                .collect()
        });
        assert!(readiness.waiting().is_empty());
        stale.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(readiness.waiting(), ["watch of pods"]);
    }

    #[test]
    fn a_dropped_hold_still_holds() {
        let readiness = Readiness::default();
        drop(readiness.hold("blue"));
        assert_eq!(readiness.waiting(), ["blue"]);
    }
}
