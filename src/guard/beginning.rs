//! What a process asks when it begins: what time it is, and when somebody guarded before it did. Where nobody answers it goes
//! on, and says by what.

use std::time::Duration;

use crate::cluster::calendar::Calendar;
use crate::core::guard::dates::Gaps;
use crate::core::guard::time::Time;

use super::wiring::{Base, candidate};

/// The API server's time is asked for at the start, for so long...
const TIME: Duration = Duration::from_secs(3);

/// ...so often: what the node's own clock says then counts for as long as this process lives.
const ASKS: usize = 5;

/// Between two of these.
const PAUSE: Duration = Duration::from_secs(1);

/// Until the Lease must have told who guarded before: probes wait meanwhile.
const BEGIN: Duration = Duration::from_secs(20);

impl Base {
    /// The time as all replicas have it, as far as the API server tells it.
    pub(super) async fn calendar(&self) -> Calendar {
        let mut trouble = String::new();
        for _ in 0..ASKS {
            trouble = match self.kubernetes.time(TIME).await {
                Ok(server) => match server.and_then(Time::of) {
                    Some(server) => return Calendar::agreed(server),
                    None => "its answer has no usable Date header".to_owned(),
                },
                Err(failure) => failure.to_string(),
            };
            tokio::time::sleep(PAUSE).await;
        }
        tracing::warn!(
            trouble,
            "The API server did not tell the time: this node's clock counts"
        );
        Calendar::start()
    }

    /// The times without a guard, which the Lease tells: nothing that was written before counts for them. `None` where it
    /// can't be read and written in time.
    pub(super) async fn gaps(&self, began: Time) -> Option<Gaps> {
        let end = tokio::time::Instant::now() + BEGIN;
        let candidate = candidate(&self.settings, &self.kubernetes);
        let mut trouble = format!("no answer within {} s", BEGIN.as_secs());
        for _ in 0..ASKS {
            let read = candidate.begin(began);
            match tokio::time::timeout_at(end, read).await {
                Ok(Ok(gaps)) => return Some(gaps),
                Ok(Err(failure)) => trouble = failure.to_string(),
                Err(_) => break,
            }
            tokio::time::sleep(PAUSE).await;
        }
        tracing::warn!(
            trouble,
            "The Lease does not tell when somebody guarded: everything that is written on pods counts from now"
        );
        None
    }
}
