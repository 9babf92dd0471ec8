//! The date, as all replicas of the guard have it: wall-clock time as it was when the process began, moved on by the
//! monotonic clock. A jump of the machine's clock reaches no decision of this process. What one replica writes on a pod the
//! other reads, so a node whose clock is wrong is told the time by the API server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::core::guard::time::Time;

/// The API server tells whole seconds, and its answer takes time.
const AGREES: Duration = Duration::from_secs(3);

/// Tells the time. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    wall: Time,
    started: Instant,
}

impl Calendar {
    /// A clock that is right now.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = Time::default() + since_epoch.unwrap_or(Duration::ZERO);
        let started = Instant::now();
        Self { wall, started }
    }

    /// A clock that is right now as the API server says it is: `server` is its time to the second, asked for just now.
    /// Where this machine's clock agrees, that is the finer one.
    #[must_use]
    pub fn agreed(server: Time) -> Self {
        let own = Self::start();
        let apart = own.wall.since(server).max(server.since(own.wall));
        if apart <= AGREES {
            return own;
        }
        tracing::warn!(
            seconds_apart = apart.as_secs(),
            server = %server,
            "This node's clock is wrong: the API server's counts"
        );
        Self {
            wall: server,
            ..own
        }
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wall + self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clock_that_is_hours_wrong_is_set_and_one_that_agrees_is_not() {
        let own = Calendar::start().now();
        let hour = Duration::from_secs(3600);
        for server in [own.before(hour), own + hour] {
            let told = Calendar::agreed(server).now();
            assert!(told.since(server) < Duration::from_secs(60) && told >= server);
        }
        let close = own.before(Duration::from_secs(2));
        let kept = Calendar::agreed(close).now();
        assert!(kept >= own, "to the second is less than it knows itself");
    }
}
