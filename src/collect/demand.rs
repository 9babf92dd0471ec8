//! Readers who can't wait for the next cycle. Any number of them cause one cycle; none can make a query be read
//! before its rest is over.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// The most impatient reader of one coordinator.
#[derive(Debug, Default)]
pub struct Demand {
    max_age: Mutex<Option<Duration>>,
    changed: Notify,
}

impl Demand {
    /// Asks for facts that are at most `max_age` old.
    pub fn ask(&self, max_age: Duration) {
        let mut wanted = self.lock();
        if wanted.is_none_or(|held| max_age < held) {
            *wanted = Some(max_age);
            self.changed.notify_one();
        }
    }

    /// The pause that satisfies everybody: `usual`, or less.
    #[must_use]
    pub fn pause(&self, usual: Duration) -> Duration {
        self.lock().map_or(usual, |wanted| wanted.min(usual))
    }

    /// Takes the demand: the cycle that starts now serves it.
    pub fn take(&self) -> Option<Duration> {
        self.lock().take()
    }

    /// Waits until somebody asks for less.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Duration>> {
        self.max_age.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_most_impatient_reader_counts_once() {
        let demand = Demand::default();
        let usual = Duration::from_secs(15);
        assert_eq!(demand.pause(usual), usual);
        demand.ask(Duration::from_secs(5));
        demand.ask(Duration::from_secs(9));
        demand.changed().await;
        assert_eq!(demand.pause(usual), Duration::from_secs(5));
        assert_eq!(demand.take(), Some(Duration::from_secs(5)));
        assert_eq!(demand.pause(usual), usual);
    }

    #[test]
    fn nobody_can_lengthen_the_pause() {
        let demand = Demand::default();
        demand.ask(Duration::from_secs(60));
        let usual = Duration::from_secs(15);
        assert_eq!(demand.pause(usual), usual);
    }
}
