//! What must always hold, checked against the truth of the model and not against what the guard believes.

use std::time::Duration;

use xtrinode::core::guard::ask::Verdict;
use xtrinode::core::guard::bounds::ALLOWED;
use xtrinode::core::guard::dates::TOGETHER;
use xtrinode::core::guard::facts::pod::{Phase, Role};
use xtrinode::core::guard::facts::workload::Kind;
use xtrinode::core::guard::gate::Patience;
use xtrinode::core::guard::rows::Row;
use xtrinode::trino::words::NodeState;

use crate::callers::What;
use crate::invariant::{Invariant, Violation};
use crate::kube::store::{Pix, Wix};
use crate::sim::Sim;
use crate::trino::worker::PORT;

/// What a query was lost to.
#[derive(Clone, Copy, Debug)]
pub enum Blame {
    /// The end of this pod's process.
    Removal(Pix),
    /// The end of the coordinator's.
    Coordinator(Pix),
    /// No worker was ACTIVE when its next stage was placed.
    NoNodes,
    /// No worker was ACTIVE for 300 s.
    Starved,
}

/// Rules by which something may be lost: bounds, orders, and clusters that can't be protected.
const FORCED: [Row; 12] = [
    Row::BreakGlass,
    Row::Relaxed,
    Row::RelaxedUnsafe,
    Row::MaxBlock,
    Row::UnknownMax,
    Row::CoordinatorBreakGlass,
    Row::CoordinatorMaxBlock,
    Row::CoordinatorUnknownMax,
    Row::CoordinatorReplaced,
    Row::Suspending,
    Row::Finisher,
    Row::NotGuarded,
];

/// What a worker says was seen at most 2 s before the verdict, which takes up to 4 s and a bit until it is carried out;
/// in milliseconds.
const KNOWN: u64 = 6500;

/// That a worker's port refuses was seen at most half a second before the verdict; in milliseconds.
const STARTED: u64 = 5000;

/// The last serving worker is told to drain at most so long after the list that showed no query, in milliseconds.
const TOLD: u64 = 2500;

/// A worker is told to drain at most so long after the plan to, by a cache that lags, in milliseconds.
const PLANNED: u64 = 8000;

/// Losses are excused for so long after what broke by itself: queries wait 300 s for a worker.
const EXCUSE: u64 = 360_000;

impl Sim {
    /// Something that must not happen did.
    pub fn violated(&mut self, invariant: Invariant, rule: &str, pod: Pix) {
        let cell = &self.store.cells[pod];
        let text = format!(
            "{rule}: {} at {:.3} s, let go by {:?}, {:?}, {:?}",
            cell.pod.name.name,
            self.now as f64 / 1000.0,
            cell.let_go,
            cell.jvm,
            cell.pod.notes
        );
        self.trace(|| text.clone());
        self.violations.push(Violation::of(invariant, text));
    }

    /// A query fails, or begins again: who is to blame?
    pub fn lost(&mut self, qix: usize, blame: Blame, again: bool) {
        let fate = self.judge_loss(qix, blame);
        match (fate, again) {
            (Fate::Broken, _) => self.tally.broken += 1,
            (Fate::Late, _) if matches!(blame, Blame::NoNodes) => self.tally.late_drain += 1,
            (Fate::Late, _) if matches!(blame, Blame::Removal(_)) => self.tally.late_start += 1,
            (Fate::Late, _) => self.tally.late += 1,
            (Fate::Forced, _) => self.tally.forced += 1,
            (Fate::Killed, true) => self.tally.rerun += 1,
            (Fate::Killed, false) => self.tally.killed += 1,
        }
        if matches!(fate, Fate::Killed) && self.params.guarded {
            let pod = match blame {
                Blame::Removal(pod) | Blame::Coordinator(pod) => pod,
                Blame::NoNodes | Blame::Starved => 0,
            };
            let created = self.trino.queries[qix].created;
            let invariant = match blame {
                Blame::Removal(_) | Blame::Coordinator(_) => Invariant::NoQueryKilled,
                Blame::NoNodes | Blame::Starved => Invariant::NobodyLeft,
            };
            self.violated(
                invariant,
                &format!("a query of {created} was lost to {blame:?} (again: {again})"),
                pod,
            );
        }
    }

    fn judge_loss(&self, qix: usize, blame: Blame) -> Fate {
        match blame {
            Blame::Removal(pod) | Blame::Coordinator(pod) => {
                let cell = &self.store.cells[pod];
                let begun = self.trino.queries[qix].begun;
                let idle = cell.let_go == Some(Some(Row::CoordinatorIdle));
                let late = idle && cell.let_go_by.is_some_and(|listed| begun >= listed);
                let late = late || cell.overtaken;
                match cell.let_go {
                    _ if cell.broken => Fate::Broken,
                    None => Fate::Broken,
                    Some(Some(row)) if FORCED.contains(&row) => Fate::Forced,
                    Some(Some(_)) if late => Fate::Late,
                    Some(_) => Fate::Killed,
                }
            }
            Blame::NoNodes | Blame::Starved if self.now <= self.trino.excused => Fate::Broken,
            // Somebody took its workers' workload away, before one of them served.
            Blame::Starved if self.store.sets[0].gone => Fate::Forced,
            Blame::NoNodes if self.is_late(qix) || self.is_unmet(qix) => Fate::Late,
            Blame::NoNodes | Blame::Starved => Fate::Killed,
        }
    }

    /// Whether a query came while the last serving worker was told to drain: after the list that showed no query, and
    /// before the coordinator noticed. No order of reading and telling closes this.
    fn is_late(&self, qix: usize) -> bool {
        let created = self.trino.queries[qix].created;
        let window = |(listed, noticed): (u64, u64)| (listed..=noticed).contains(&created);
        self.emptied.is_some_and(window)
    }

    /// Whether a query came while a new coordinator was getting to know its workers, and nobody has told one of them
    /// anything since: it takes those that were told before for ACTIVE until it asks, and may find them first.
    fn is_unmet(&self, qix: usize) -> bool {
        let came = self.trino.came;
        let created = self.trino.queries[qix].created;
        self.trino.told < came && created <= came + 2 * self.params.notice
    }

    /// Something broke by itself, or was forced: what follows from missing workers is not the guard's.
    pub fn excuse(&mut self) {
        self.trino.excused = self.now + EXCUSE;
        self.broke = self.now;
    }

    /// A removal was accepted.
    pub fn check_removal(&mut self, pod: Pix, row: Option<Row>) {
        let returning = self.store.cells[pod].pod.notes.returning.is_some();
        if returning && row.is_some_and(|row| matches!(row, Row::Drained | Row::Leaked)) {
            self.violated(
                Invariant::NoticedFirst,
                "let go while it was taken back",
                pod,
            );
        }
        let unaware = self.trino.is_believed_active(pod) && !self.store.cells[pod].overtaken;
        if row == Some(Row::Drained) && unaware {
            self.violated(
                Invariant::NoticedFirst,
                "let go before its coordinator noticed the drain",
                pod,
            );
        }
        if row == Some(Row::Drained) && self.works_again(pod) {
            self.violated(
                Invariant::NoticedFirst,
                "let go as drained although it works again",
                pod,
            );
        }
        if row.is_none_or(|row| FORCED.contains(&row) || row == Row::Dead) {
            self.excuse();
        }
    }

    /// Whether a worker has said ACTIVE for longer than a look at it may be old when its removal happens.
    fn works_again(&self, pod: Pix) -> bool {
        let jvm = self.store.cells[pod].jvm.as_ref();
        let working = jvm.filter(|jvm| jvm.state == NodeState::Active && !jvm.starting);
        working.is_some_and(|jvm| self.now > jvm.since + KNOWN)
    }

    /// Whether what a worker is let go by changed before anybody could tell whoever judged it: its port was closed when it
    /// was looked at; its container started between the grant and what follows it at once; its coordinator came later than
    /// the last that the replica's watch had told.
    pub fn is_overtaken(&self, pod: Pix, row: Option<Row>) -> bool {
        let cell = &self.store.cells[pod];
        let began = cell.jvm.as_ref().map(|jvm| jvm.began);
        match row {
            Some(Row::Starting) => began.is_some_and(|began| self.now < began + PORT + STARTED),
            Some(Row::Dead) => cell
                .granted
                .is_some_and(|granted| began >= Some(granted) && self.now < granted + KNOWN),
            Some(Row::Drained) => self.trino.came > cell.let_go_heard,
            _ => false,
        }
    }

    /// A bound let a pod go: was it over for whoever asked?
    pub fn check_force(&mut self, pod: Pix, patience: Patience) {
        let bounds = &self.params.policy.bounds;
        let least = match patience {
            // Whoever asks: nobody knows, and nobody will.
            _ if self.judging == Some(Row::UnknownMax) => bounds.unknown_max,
            Patience::Endless => {
                let rule = "the operator profited from a bound";
                return self.violated(Invariant::NoEarlyForce, rule, pod);
            }
            Patience::Preemption => bounds.preemption_max_block.min(bounds.max_block),
            Patience::Ordinary => bounds.max_block,
        };
        let refused = self.store.cells[pod].refused;
        let waited = refused.map(|at| Duration::from_millis(self.now - at));
        if waited.is_none_or(|waited| waited + Duration::from_secs(6) < least) {
            self.violated(Invariant::NoEarlyForce, "forced before its bound", pod);
        }
    }

    /// A request was refused: is that still allowed to be?
    pub fn check_refusal(&mut self, rix: usize, verdict: &Verdict) {
        let review = self.reviews.get(rix);
        let patient = review.ask.caller.patience() == Patience::Endless;
        let Some(pod) = review.pod.filter(|_| !patient) else {
            return;
        };
        let cell = &self.store.cells[pod];
        let bounds = &self.params.policy.bounds;
        let limit = match cell.pod.role {
            Role::Worker => bounds.max_block * 2,
            Role::Coordinator => bounds.coordinator_max_block,
        };
        // A coordinator is looked at once more; who lost a race tries again.
        let again = match (cell.pod.role, verdict.row) {
            (_, Row::Granted | Row::LostRace) => 240_000,
            (Role::Coordinator, _) => 60_000,
            (Role::Worker, _) => 1000,
        };
        let skew = 2 * self.params.skew + again;
        let refused = cell.refused.map(|refused| self.dated(refused));
        let limit = limit + Duration::from_millis(skew);
        if refused.is_some_and(|refused| self.for_longer_than(refused, limit)) {
            self.violated(
                Invariant::NoLongWait,
                &format!("refused beyond every bound by {:?}", verdict.row),
                pod,
            );
        }
    }

    /// From when something that is written on a pod counts at the latest, whoever reads it.
    fn dated(&self, at: u64) -> u64 {
        let began = self.guard.replicas.iter().map(|replica| replica.began);
        let together = u64::try_from(TOGETHER.as_millis()).expect("a short time");
        if self.jumped {
            return at.max(began.max().unwrap_or_default());
        }
        at + self.guard.unguarded + together
    }

    fn for_longer_than(&self, since: u64, limit: Duration) -> bool {
        Duration::from_millis(self.now.saturating_sub(since)) > limit
    }

    /// Somebody who never gives up was made to wait: for how long at most?
    pub fn check_wait(&mut self, what: What, wait: u64) {
        let bounds = &self.params.policy.bounds;
        let bound = match what {
            What::Drain | What::Insists | What::Force | What::Taint => bounds.max_block * 2,
            What::Coordinator => bounds.coordinator_max_block,
            _ => return,
        };
        // The caller's own pauses, and times without a guard.
        let bound = bound + Duration::from_secs(240);
        let began = self.dated(self.now - wait);
        if self.params.guarded && self.for_longer_than(began, bound) {
            let text = format!("{what:?} took {} s", wait / 1000);
            self.violations
                .push(Violation::of(Invariant::NoLongWait, text));
        }
    }

    /// A lower number is about to be written: as many pods as it takes must be free, in truth.
    pub fn check_scale(&mut self, set: Wix, new: u32) {
        if !self.params.guarded || !self.params.drainable {
            return;
        }
        let top = self.store.top_of(set);
        let mut pods: Vec<_> = self.store.active_of(top).collect();
        for set in self.store.replica_sets(top) {
            pods.extend(self.store.active_of(set));
        }
        let mut taken = pods.len().saturating_sub(new as usize);
        // A StatefulSet takes exactly the ordinals from that number on.
        if self.store.sets[top].workload.kind == Kind::StatefulSet {
            let ordinal = |pod: &Pix| self.store.cells[*pod].pod.ordinal();
            pods.retain(|pod| ordinal(pod) >= Some(new));
            taken = pods.len();
        }
        let free = pods.iter().filter(|pod| self.is_free(**pod)).count();
        if free < taken && self.store.sets[set].workload.role == Role::Worker {
            let row = self.judging;
            let rule = format!("a scale to {new} by {row:?} rests on {free} free workers");
            self.violated(Invariant::VictimsFree, &rule, pods[0]);
        }
    }

    /// Whether a pod may go, in truth, or by a bound.
    fn is_free(&self, pod: Pix) -> bool {
        let cell = &self.store.cells[pod];
        let bounds = &self.params.policy.bounds;
        let waited = self.waited(pod);
        let bound = waited.is_some_and(|waited| waited >= bounds.max_block);
        let leaked = bounds.leak_after.saturating_sub(Duration::from_secs(5));
        if self.trino.coordinator.is_none() {
            return true;
        }
        let state = cell.jvm.as_ref().is_none_or(|jvm| {
            let long =
                self.now - jvm.since >= u64::try_from(leaked.as_millis()).unwrap_or(u64::MAX);
            // What said that it starts a moment ago still counts as starting.
            let young = jvm.starting || self.now < jvm.served + STARTED;
            young || jvm.state == NodeState::Drained || (jvm.state == NodeState::Draining && long)
        });
        cell.pod.phase == Phase::Pending || state || bound || cell.pod.notes.break_glass.is_some()
    }

    /// A drain began: enough others must serve.
    pub fn check_floor(&mut self, pod: Pix) {
        let serving = self.serving(pod).count();
        let serving = u32::try_from(serving).expect("few workers");
        let found = self
            .serving(pod)
            .any(|pix| self.trino.is_believed_active(pix));
        let listed = self.last_list;
        let listed = listed.filter(|listed| !found && self.now <= listed + TOLD);
        if let Some(listed) = listed {
            self.emptied = Some((listed, self.noticed(pod)));
        }
        let floor = self.floor_for(pod);
        if serving == 0 && self.is_last_stretch(pod) && self.trino.unfinished() > 0 {
            // The last stretch before a bound waives everything: what follows is forced.
            self.excuse();
        }
        // What broke or was forced a moment ago is not known yet.
        if serving < floor && self.now > self.broke + 30_000 {
            self.violated(
                Invariant::FloorKept,
                &format!("a drain left {serving} serving of a floor of {floor}"),
                pod,
            );
        }
    }

    /// When the coordinator has noticed at the latest what a worker is told now: it has to find it first, if one of the two
    /// has just come.
    fn noticed(&self, pod: Pix) -> u64 {
        let served = self.store.cells[pod].jvm.as_ref().map(|jvm| jvm.served);
        let came = served.unwrap_or(0).max(self.trino.came);
        self.now.max(came + self.params.notice) + self.params.notice
    }

    fn serving(&self, but: Pix) -> impl Iterator<Item = Pix> + '_ {
        self.store.members(Role::Worker).filter(move |pix| {
            let cell = &self.store.cells[*pix];
            let active = cell
                .jvm
                .as_ref()
                .is_some_and(|jvm| jvm.state == NodeState::Active && !jvm.starting);
            *pix != but && active && cell.pod.ready && cell.pod.deleting.is_none()
        })
    }

    fn floor_for(&self, pod: Pix) -> u32 {
        let policy = &self.params.policy;
        let target = self.target();
        let share = target - target.min((target * policy.floor.share / 100).max(1));
        let idle = self.now <= self.trino_idle + TOLD;
        let least = if idle { 0 } else { policy.floor.min_active };
        let waited = self.waited(pod).unwrap_or_default();
        let bounds = &policy.bounds;
        if self.is_last_stretch(pod) {
            0
        } else if waited >= bounds.max_block {
            least
        } else {
            share.max(least)
        }
    }

    /// Whether a pod is so near its final bound that nothing but that counts.
    fn is_last_stretch(&self, pod: Pix) -> bool {
        let bounds = &self.params.policy.bounds;
        let stretch = (bounds.max_block * 2).saturating_sub(bounds.drain_expected);
        self.waited(pod).is_some_and(|waited| waited >= stretch)
    }

    /// How long ago a pod was first refused, by any clock.
    fn waited(&self, pod: Pix) -> Option<Duration> {
        let refused = self.store.cells[pod].refused?;
        Some(Duration::from_millis(self.now - refused) + Duration::from_secs(5))
    }

    /// How many workers there are to be: the spec, or a lower number that was refused not long ago, whatever has become
    /// of the pods that carried it.
    fn target(&self) -> u32 {
        let managed = &self.store.sets[0];
        if managed.gone || managed.workload.deleting {
            return 0;
        }
        let long =
            u64::try_from(self.params.policy.bounds.abandon_after.as_millis()).unwrap_or(u64::MAX);
        let refused = self
            .low_target
            .filter(|(_, at)| self.now < self.dated(*at) + long + PLANNED)
            .map(|(target, _)| target);
        // A drain that was planned before the number was raised is judged by the number before.
        let before = self
            .raised
            .filter(|(_, at)| self.now < at + PLANNED)
            .map(|(before, _)| before);
        let known = refused.into_iter().chain(before).min().unwrap_or(u32::MAX);
        known.min(managed.workload.replicas)
    }

    /// A lower number was refused, and that is written down.
    pub fn note_target(&mut self, target: Option<u32>) {
        let Some(target) = target else {
            return;
        };
        let lowest = self
            .low_target
            .map_or(target, |(lowest, _)| lowest.min(target));
        self.low_target = Some((lowest, self.now));
    }

    /// A drain is being taken back: nothing may have been allowed a moment ago.
    pub fn check_return(&mut self, pod: Pix) {
        let open = self.reviews.committing(pod);
        let slack = Duration::from_millis(2 * self.params.skew + 1000);
        let early = self.store.cells[pod]
            .granted
            .is_some_and(|at| Duration::from_millis(self.now - at) + slack < ALLOWED);
        if open || early {
            self.violated(
                Invariant::NoLateReturn,
                "a drain was taken back during an allow",
                pod,
            );
        }
    }

    /// Whether nothing is left to wait for.
    pub fn is_calm(&self) -> bool {
        let pods = self.store.live.iter().all(|pix| self.is_clean(*pix));
        self.waiting == 0 && pods && self.is_complete()
    }

    /// Whether a pod is as if nobody had ever asked for it.
    fn is_clean(&self, pix: Pix) -> bool {
        let cell = &self.store.cells[pix];
        let notes = &cell.pod.notes;
        let none = notes.want.is_none() && notes.blocked_since.is_none() && notes.drain.is_none();
        let none = none && notes.drained.is_none() && notes.returning.is_none();
        let active = cell
            .jvm
            .as_ref()
            .is_some_and(|jvm| jvm.state == NodeState::Active && !jvm.starting);
        none && active && cell.pod.deleting.is_none()
    }

    fn is_complete(&self) -> bool {
        (0..self.store.sets.len()).all(|set| {
            let managed = &self.store.sets[set];
            let pods = self.store.pods_of(set).count();
            managed.workload.kind == Kind::Deployment
                || pods
                    == if managed.gone {
                        0
                    } else {
                        managed.workload.replicas as usize
                    }
        })
    }

    /// What is left although everybody has gone away.
    pub fn leftovers(&mut self) {
        for pix in self.store.live.clone() {
            if !self.is_clean(pix) {
                self.violated(Invariant::NothingLeft, "something was left behind", pix);
            }
        }
        let waiting: Vec<_> = self
            .callers
            .iter()
            .filter(|caller| !caller.is_done())
            .map(|caller| format!("{:?}", caller.what))
            .collect();
        if !waiting.is_empty() {
            let text = format!("somebody still waits: {}", waiting.join(", "));
            self.violations
                .push(Violation::of(Invariant::Progress, text));
        }
        if !self.is_complete() {
            let text = "some workload has not as many pods as it asks for";
            self.violations
                .push(Violation::of(Invariant::Progress, text));
        }
    }
}

#[derive(Clone, Copy)]
enum Fate {
    /// Something broke by itself.
    Broken,
    /// It came after the list of queries that the verdict rests on: what nobody can close, and the rules except.
    Late,
    /// A rule that says so gave it up.
    Forced,
    /// A disruption killed it.
    Killed,
}
