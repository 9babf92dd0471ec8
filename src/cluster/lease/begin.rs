//! What the Lease tells a process that begins: when nobody guarded before it did. It is written there, so that whoever begins
//! later knows it too.

use crate::cluster::failure::Failure;
use crate::core::guard::dates::Gaps;
use crate::core::guard::time::Time;

use super::candidate::{Candidate, Change, SEIZE};
use super::record::unguarded;

impl Candidate {
    /// The times without a guard until `now`, when this process begins.
    ///
    /// # Errors
    /// When the API server does not answer, or somebody else writes the Lease again and again.
    pub async fn begin(&self, now: Time) -> Result<Gaps, Failure> {
        let mut tries = SEIZE;
        loop {
            let Some(record) = self.read().await? else {
                // Whoever makes it writes that down.
                return Ok(Gaps::unknown(now));
            };
            let gaps = match (record.gaps(), record.renewed()) {
                (Some(mut gaps), Some(renewed)) => {
                    if !gaps.begin(renewed, now, self.terms().duration) {
                        return Ok(gaps);
                    }
                    gaps
                }
                // What is not there, or nobody can read, is replaced by what is certain.
                _ => Gaps::unknown(now),
            };
            let change = Change {
                annotations: Some(unguarded(&gaps)),
                ..Change::default()
            };
            match self.patch(&record, change).await {
                Err(Failure::Conflict(_)) if tries > 0 => tries -= 1,
                written => return written.map(|_| gaps),
            }
        }
    }
}
