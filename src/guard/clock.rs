//! The guard's one clock: wall-clock time as it was when the process began, moved on by the monotonic clock. A jump of
//! the machine's clock reaches no decision of this process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::core::guard::time::Time;

/// Tells the time. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Time,
    started: Instant,
}

impl Clock {
    /// A clock that is right now.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = Time::default() + since_epoch.unwrap_or(Duration::ZERO);
        let started = Instant::now();
        Self { wall, started }
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wall + self.started.elapsed()
    }
}
