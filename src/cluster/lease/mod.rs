//! Leader election by a Lease: who acts, and until when that certainly stays so. Own code, since what the leader does to
//! a worker must end while nobody else can lead; a library that only says "leader: yes" does not tell.
//!
//! [`step`] decides; [`candidate`] asks, writes and tells.

mod begin;
pub mod candidate;
pub mod record;
pub mod step;

use std::time::Duration;

use tokio::sync::watch;

use crate::collect::clock::Clock;
use crate::core::moment::Moment;

/// Clocks of two machines run at rates that differ by far less than this within a Lease.
const MARGIN: Duration = Duration::from_secs(1);

/// Whether this process leads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership {
    standing: watch::Receiver<Standing>,
    clock: Clock,
}

/// What a candidate knows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Nobody else can lead before this moment; `None` while somebody else may.
    pub until: Option<Moment>,
}

impl Standing {
    /// Whether nobody else can lead for at least `span` from `now` on.
    #[must_use]
    pub fn lasts(&self, now: Moment, span: Duration) -> bool {
        self.until.is_some_and(|until| now + span + MARGIN <= until)
    }
}

impl Leadership {
    /// Whether nobody else can lead for at least `span` from now on: ask right before an act that takes at most so
    /// long.
    #[must_use]
    pub fn lasts(&self, span: Duration) -> bool {
        self.standing.borrow().lasts(self.clock.now(), span)
    }

    /// Whether this process leads now.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.lasts(Duration::ZERO)
    }

    /// Waits until this process has begun to lead, has renewed, or has stopped. False when there will be no more.
    pub async fn changed(&mut self) -> bool {
        self.standing.changed().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_ends_before_anybody_else_can_begin() {
        let at = |seconds| Moment::new(Duration::from_secs(seconds));
        let standing = Standing {
            until: Some(at(15)),
        };
        let put = Duration::from_secs(2);
        assert!(standing.lasts(at(12), put));
        assert!(!standing.lasts(at(13), put));
        assert!(standing.lasts(at(14), Duration::ZERO));
        assert!(!standing.lasts(at(15), Duration::ZERO));
        assert!(!Standing::default().lasts(at(0), Duration::ZERO));
    }
}
