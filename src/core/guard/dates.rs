//! When what stands on a pod was written, by the clock of the process that reads it. Every process sets its clock by the API
//! server's when it begins, and never again; so where that clock jumps between two starts, what one process stamped an hour
//! ago was written just now, or is yet to come, to another. Therefore no stamp is an age by itself:
//!
//! - What a watch tells was written just now.
//! - Of what stood there when this process began, nothing counts for a time in which nobody guarded ([`Gap`]): a jump of the
//!   clock looks the same. It is younger than its stamp says, by what clocks of processes that guard together may differ.
//!
//! Changes dates; judges nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::facts::pod::Pod;
use super::map::Map;
use super::mutant::{self, Mutant};
use super::notes::Notes;
use super::time::Time;

/// What a watch tells is at most so old, and the clocks that it was stamped by agree as far. Shorter than every wait that
/// a date is counted for.
pub const APART: Duration = Duration::from_secs(3);

/// A process whose clock differs from the API server's by more begins anew, so those that guard together differ by no more.
pub const TOGETHER: Duration = Duration::from_secs(30);

/// It does so soon: no process goes on for longer by a clock that nobody who begins has any more.
const LEAVES: Duration = Duration::from_secs(120);

/// Kubernetes tells what it did sooner than this, and the clocks of its nodes agree as far.
const TELLS: Duration = Duration::from_secs(60);

/// Of what is safer the later it was, less is believed: a node whose clock is slow says that it was long ago.
const HEARD: Duration = Duration::from_secs(2);

/// Everybody has found a pod that became Ready longer ago; by how much, nobody asks.
const LONG: Duration = Duration::from_secs(3600);

/// So many gaps are told apart; of more, the oldest count as one of their lengths.
const GAPS: usize = 16;

/// A time in which nobody guarded, or by which the clock jumped ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When somebody last guarded, by the clock of then.
    pub from: Time,
    /// When somebody did again.
    pub to: Time,
}

impl Gap {
    fn length(self) -> Duration {
        self.to.since(self.from)
    }

    /// Whether it says that nobody knows what was before it ended.
    fn is_unknown(self) -> bool {
        self.from == Time::default()
    }
}

/// All of them, the oldest first. They stand on the guard's Lease, so that whoever begins later knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gaps(Vec<Gap>);

impl Gaps {
    /// Nobody knows when anybody guarded before: everything counts from now.
    #[must_use]
    pub fn unknown(now: Time) -> Self {
        let from = Time::default();
        Self(vec![Gap { from, to: now }])
    }

    /// A process begins, when the Lease was last renewed at `renewed`; whoever leads is `silent` for no longer. Whether that
    /// changes the gaps.
    pub fn begin(&mut self, renewed: Time, now: Time, silent: Duration) -> bool {
        let silent = silent.min(TOGETHER);
        if renewed.since(now) > silent {
            return self.go_back(renewed.since(now), now);
        }
        let cut = self.cut(now);
        let from = self.renewed(renewed);
        if now.since(from) <= silent {
            return cut;
        }
        self.add(Gap { from, to: now });
        true
    }

    /// Whoever leads has not gone along with a clock that jumped ahead and back: of what is yet to come nothing was a gap.
    fn cut(&mut self, now: Time) -> bool {
        let mut cut = false;
        for gap in self.0.iter_mut().filter(|gap| gap.to > now + TOGETHER) {
            (gap.to, cut) = (now, true);
        }
        self.0.retain(|gap| gap.to > gap.from);
        cut
    }

    /// What is known, and what of `others` came after this moment.
    #[must_use]
    pub fn and_later(mut self, others: &Self, since: Time) -> Self {
        for gap in others.0.iter().filter(|gap| gap.to > since) {
            let from = gap.from.max(since);
            self.add(Gap { from, to: gap.to });
        }
        self
    }

    /// The clock went back: what it had jumped ahead before, and is yet to come again, was no gap.
    fn go_back(&mut self, span: Duration, now: Time) -> bool {
        let mut left = span;
        for gap in self.0.iter_mut().rev().filter(|gap| gap.to > now) {
            let cut = left.min(gap.length());
            gap.to = gap.to.before(cut);
            left -= cut;
        }
        self.0.retain(|gap| gap.to > gap.from);
        left < span
    }

    fn add(&mut self, gap: Gap) {
        match self.0.last_mut() {
            // Nobody has been seen to guard since that one.
            Some(last) if last.to == gap.from => last.to = gap.to,
            _ => self.0.push(gap),
        }
        if self.0.len() > GAPS {
            let oldest = self.0.remove(0);
            let next = &mut self.0[0];
            next.from = next.from.before(oldest.length());
        }
    }

    /// A stamp as if the clock had stood still whenever nobody guarded; clocks of before went on for a while. What was
    /// stamped first stays the first.
    #[must_use]
    pub fn date(&self, stamp: Time) -> Time {
        self.0.iter().fold(stamp, |stamp, gap| {
            let over = gap.to + LEAVES;
            if stamp < over {
                over.min(stamp + gap.length())
            } else {
                stamp
            }
        })
    }

    /// When a Lease was renewed, by the clock of now. Whoever goes on by an older one renews it by that.
    fn renewed(&self, stamp: Time) -> Time {
        self.0
            .iter()
            .fold(stamp, |stamp, gap| match stamp < gap.to {
                true if gap.is_unknown() => gap.to,
                true => stamp + gap.length(),
                false => stamp,
            })
    }
}

/// How far a server's time is from ours at least: told to the second, between two moments.
#[must_use]
pub fn apart(before: Time, server: Time, after: Time) -> Duration {
    let told = server + Duration::from_secs(1);
    before.since(told).max(server.since(after))
}

/// How this process came to know a pod as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By the first list that it read.
    First(Time),
    /// By a watch, or by a list that mends one.
    News(Time),
}

/// The dates of all pods.
#[derive(Clone, Debug, Default)]
pub struct Dates {
    /// The times without a guard, until this process began.
    pub gaps: Gaps,
    /// When it did: what the first list tells was there before.
    pub began: Option<Time>,
    /// Stamps that do not say when they were written, by pod UID, and when that was.
    moved: Map<String, Vec<(Time, Time)>>,
    /// The same of when pods became Ready or ceased to be.
    ready: Map<String, (Time, Time)>,
}

impl Dates {
    /// What stands on a pod, dated; `None` where the stamps say it. `known` is the pod as it was known before.
    pub fn read(&mut self, pod: &Pod, known: Option<&Pod>, arrival: Arrival) -> Option<Notes> {
        let before = self.moved.remove(&pod.uid).unwrap_or_default();
        let mut moved = Vec::new();
        for stamp in pod.notes.stamps() {
            let again = before.iter().find(|(written, _)| *written == stamp);
            let kept = || known.is_some_and(|pod| pod.notes.stamps().any(|one| one == stamp));
            let date = match again {
                Some((_, date)) => *date,
                None if kept() || mutant::is(Mutant::TrustStamps) => stamp,
                None => self.date(stamp, arrival),
            };
            if date != stamp {
                moved.push((stamp, date));
            }
        }
        if moved.is_empty() {
            return None;
        }
        let mut notes = pod.notes.clone();
        notes.redate(|stamp| {
            let moved = moved.iter().find(|(written, _)| *written == stamp);
            moved.map_or(stamp, |(_, date)| *date)
        });
        self.moved.insert(pod.uid.clone(), moved);
        Some(notes)
    }

    /// When a pod's container started, where the kubelet's clock does not say it.
    pub fn started(&self, pod: &Pod, known: Option<&Pod>, arrival: Arrival) -> Option<Time> {
        let container = pod.container.as_ref()?;
        let said = container.started?;
        let before = known.and_then(|pod| pod.container.as_ref());
        let same = before.filter(|before| before.id == container.id);
        let known = same.and_then(|same| same.started);
        let date = self.of_object(said, known, arrival);
        (date != said).then_some(date)
    }

    /// Takes in when a pod became Ready, or ceased to be. The pod keeps what the kubelet says: controllers rank by that.
    pub fn meet_ready(&mut self, pod: &Pod, known: Option<&Pod>, arrival: Arrival) {
        let Some(said) = pod.ready_changed else {
            return;
        };
        let same = known.is_some_and(|known| known.ready_changed == Some(said));
        let (Arrival::First(now) | Arrival::News(now)) = arrival;
        let date = if same {
            self.ready_since(&pod.uid, said)
        } else {
            self.heard(said, arrival)
        };
        if date == said || (said <= date && now.since(date) > LONG) {
            self.ready.remove(&pod.uid);
        } else {
            self.ready.insert(pod.uid.clone(), (said, date));
        }
    }

    /// The latest that it may have been of which Kubernetes says this.
    fn heard(&self, said: Time, arrival: Arrival) -> Time {
        let date = self.of_object(said, None, arrival);
        match arrival {
            Arrival::News(now) if now.since(date) > HEARD => now,
            _ => date,
        }
    }

    /// When a pod became Ready, of which the kubelet says this.
    #[must_use]
    pub fn ready_since(&self, uid: &str, said: Time) -> Time {
        let dated = self.ready.get(uid).filter(|(of, _)| *of == said);
        dated.map_or(said, |(_, date)| *date)
    }

    /// When Kubernetes did what it stamped. `known`: as dated before.
    #[must_use]
    pub fn of_object(&self, said: Time, known: Option<Time>, arrival: Arrival) -> Time {
        match (known, arrival) {
            _ if mutant::is(Mutant::TrustStamps) => said,
            (Some(known), _) => known,
            (None, Arrival::First(now)) => (self.gaps.date(said) + TELLS).min(now),
            (None, Arrival::News(now)) => {
                let apart = now.since(said).max(said.since(now));
                if apart > TELLS { now } else { said }
            }
        }
    }

    fn date(&self, stamp: Time, arrival: Arrival) -> Time {
        match arrival {
            Arrival::First(now) => (self.gaps.date(stamp) + TOGETHER).min(now),
            Arrival::News(now) if now.since(stamp) > APART => now,
            Arrival::News(now) if stamp.since(now) > APART => now,
            Arrival::News(_) => stamp,
        }
    }

    /// Forgets a pod.
    pub fn forget(&mut self, uid: &str) {
        self.moved.remove(uid);
        self.ready.remove(uid);
    }
}

#[cfg(test)]
#[path = "dates_tests.rs"]
mod tests;
