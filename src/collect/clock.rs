//! The one clock of a collector: turns the runtime's monotonic time into [`Moment`]s.
//! Wall-clock jumps do not reach it.

use tokio::time::Instant;

use crate::core::moment::Moment;

/// A monotonic clock. Copies share their start, so their moments can be compared.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::new(self.0.elapsed())
    }
}
