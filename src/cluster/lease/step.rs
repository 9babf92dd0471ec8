//! What a candidate does about a Lease. Pure, and indifferent to clock skew: how old another's Lease is counts from when
//! this process first saw it in its present form, never from the times written in it.

use std::time::Duration;

use crate::core::moment::Moment;

use super::record::Record;

/// What a candidate has seen of a Lease.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The Lease as it was read last; `None` where there is none.
    pub record: Option<Record>,
    /// When it was first seen like that.
    since: Moment,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// There is no Lease: make one.
    Create,
    /// It is free, its holder has been silent for too long, or it is ours: write ourselves into it.
    Take,
    /// Somebody holds it: look again.
    Wait,
}

impl Observed {
    /// Takes what was read at `now`.
    pub fn see(&mut self, record: Option<Record>, now: Moment) {
        if self.record != record {
            self.since = now;
            self.record = record;
        }
    }
}

/// What `me` does about the Lease at `now`; `duration` is what a Lease is taken for that does not say how long it is.
#[must_use]
pub fn step(seen: &Observed, me: &str, duration: Duration, now: Moment) -> Action {
    let Some(record) = &seen.record else {
        return Action::Create;
    };
    let Some(holder) = record.holder() else {
        return Action::Take;
    };
    let length = record.duration().unwrap_or(duration);
    if holder == me || now.since(seen.since) > length {
        return Action::Take;
    }
    Action::Wait
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DURATION: Duration = Duration::from_secs(15);

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    fn lease(holder: &str, version: &str) -> Record {
        let spec = json!({"holderIdentity": holder, "leaseDurationSeconds": 10, "renewTime": "1999-01-01T00:00:00Z"});
        let lease = json!({"metadata": {"resourceVersion": version}, "spec": spec});
        serde_json::from_value(lease).expect("a Lease")
    }

    /// What is done after each look.
    fn done(looks: &[(u64, Option<Record>)]) -> Vec<Action> {
        let mut seen = Observed::default();
        let mut done = Vec::new();
        for (seconds, record) in looks {
            seen.see(record.clone(), at(*seconds));
            done.push(step(&seen, "me", DURATION, at(*seconds)));
        }
        done
    }

    #[test]
    fn what_nobody_holds_is_taken() {
        assert_eq!(done(&[(5, None)]), [Action::Create]);
        assert_eq!(done(&[(5, Some(lease("", "1")))]), [Action::Take]);
        assert_eq!(done(&[(5, Some(lease("me", "1")))]), [Action::Take]);
    }

    #[test]
    fn anothers_lease_is_old_only_by_our_own_clock() {
        let looks = [
            (100, Some(lease("a", "1"))),
            (109, Some(lease("a", "1"))),
            (110, Some(lease("a", "1"))),
            (111, Some(lease("a", "1"))),
        ];
        assert_eq!(
            done(&looks),
            [Action::Wait, Action::Wait, Action::Wait, Action::Take]
        );
    }

    #[test]
    fn a_holder_that_renews_keeps_it() {
        let looks = (0..20).map(|turn| (turn * 8, Some(lease("a", &turn.to_string()))));
        let looks: Vec<_> = looks.collect();
        assert!(done(&looks).iter().all(|action| *action == Action::Wait));
    }

    #[test]
    fn a_lease_that_does_not_say_how_long_lasts_as_long_as_ours() {
        let bare: Record =
            serde_json::from_value(json!({"spec": {"holderIdentity": "a"}})).expect("a Lease");
        let looks = [
            (0, Some(bare.clone())),
            (15, Some(bare.clone())),
            (16, Some(bare)),
        ];
        assert_eq!(done(&looks), [Action::Wait, Action::Wait, Action::Take]);
    }

    #[test]
    fn a_lease_that_vanished_is_made_anew() {
        assert_eq!(
            done(&[(0, Some(lease("a", "1"))), (1, None)]),
            [Action::Wait, Action::Create]
        );
    }
}
