//! How long ago each watch was last heard of, and whether that is too long. Knows no clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::core::moment::Moment;

/// A watch without an event or a bookmark for so long is stale: its cache is no ground for a verdict.
pub const STALE: Duration = Duration::from_secs(90);

/// The age of every watch.
#[derive(Debug)]
pub struct Freshness {
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug)]
struct Slot {
    name: String,
    heard: Heard,
}

#[derive(Clone, Copy, Debug)]
enum Heard {
    /// It has not been listed yet.
    Never,
    /// The last event, bookmark or whole list.
    At(Moment),
    /// The guard does without it.
    LeftOut,
}

impl Freshness {
    /// Watches of these names, none of them heard of yet.
    pub fn new(names: impl Iterator<Item = String>) -> Self {
        let slot = |name| Slot {
            name,
            heard: Heard::Never,
        };
        Self {
            slots: Mutex::new(names.map(slot).collect()),
        }
    }

    /// A watch has been listed whole, or said something since.
    pub fn heard(&self, index: usize, now: Moment) {
        self.set(index, Heard::At(now));
    }

    /// A watch may not be read and is not needed.
    pub fn leave_out(&self, index: usize) {
        self.set(index, Heard::LeftOut);
    }

    /// What is waited for, in words; empty when everything is fresh.
    #[must_use]
    pub fn waiting(&self, now: Moment) -> Vec<String> {
        let slots = self.lock();
        let words = slots.iter().filter_map(|slot| slot.waiting(now));
        words.collect()
    }

    fn set(&self, index: usize, heard: Heard) {
        if let Some(slot) = self.lock().get_mut(index) {
            slot.heard = heard;
        }
    }

    /// No code panics while it holds this lock, so a poisoned one still holds the truth.
    fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn waiting(&self, now: Moment) -> Option<String> {
        match self.heard {
            Heard::Never => Some(format!("first list of {}", self.name)),
            Heard::At(at) if now.since(at) >= STALE => {
                let seconds = now.since(at).as_secs();
                Some(format!("watch of {}, silent for {seconds} s", self.name))
            }
            Heard::At(_) | Heard::LeftOut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    #[test]
    fn silence_is_waited_for_and_ends() {
        let freshness = Freshness::new(["pods", "nodes"].map(str::to_owned).into_iter());
        assert_eq!(
            freshness.waiting(at(0)),
            ["first list of pods", "first list of nodes"]
        );
        freshness.heard(0, at(10));
        freshness.leave_out(1);
        assert!(freshness.waiting(at(99)).is_empty());
        assert_eq!(
            freshness.waiting(at(100)),
            ["watch of pods, silent for 90 s"]
        );
        freshness.heard(0, at(100));
        assert!(freshness.waiting(at(100)).is_empty());
    }
}
