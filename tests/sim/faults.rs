//! What breaks by itself: containers, the coordinator, replicas of the guard, its ways to Trino and to the API server.

use xtrinode::core::guard::dates::TOGETHER;
use xtrinode::core::guard::facts::pod::Role;
use xtrinode::core::guard::notes::Notes;
use xtrinode::trino::words::NodeState;

use crate::agenda::Event;
use crate::kube::store::Pix;
use crate::sim::Sim;

/// How far the machines' clocks are ahead, now and then, in milliseconds.
const JUMPS: [i64; 9] = [
    0, 7000, -7000, 40_000, -40_000, 300_000, -300_000, 3_600_000, -3_600_000,
];

/// A replica that is misled notices and ends within this, in milliseconds.
const LEAVES: u64 = 45_000;

impl Sim {
    /// Something breaks; the next thing does after a while.
    pub fn fault(&mut self) {
        if self.remaining == 0 {
            return;
        }
        let next = self.dice.between(30_000, 400_000);
        self.enter(next, Event::Fault);
        let replica = self.dice.below(self.guard.replicas.len());
        match self.dice.below(12) {
            0 => self.crash_some(Role::Worker),
            1 => self.crash_some(Role::Coordinator),
            2..=4 => self.kill_replica(replica),
            5 => (0..self.guard.replicas.len()).for_each(|replica| self.kill_replica(replica)),
            6 => {
                let span = self.dice.between(3000, 40_000);
                self.guard.replicas[replica].paused_until = self.now + span;
            }
            7 => {
                let span = self.dice.between(3000, 120_000);
                self.guard.replicas[replica].cut_until = self.now + span;
            }
            8 => {
                let supply = self.dice.below(self.guard.supplies.len());
                let span = self.dice.between(5000, 300_000);
                self.guard.supplies[supply].silent_until = self.now + span;
            }
            9 | 10 => {
                let workers: Vec<_> = self.store.members(Role::Worker).collect();
                if workers.len() > 2 {
                    let pix = self.dice.pick(&workers);
                    self.foreign_drain(pix);
                }
            }
            _ => {
                let lag = self.dice.pick(&[5, 50, 300, 3000, 20_000]);
                let span = self.dice.between(60_000, 1_800_000);
                let replica = &mut self.guard.replicas[replica];
                replica.cache.lag = lag;
                replica.behind_until = Some(self.now + span);
            }
        }
    }

    fn crash_some(&mut self, role: Role) {
        let pods: Vec<_> = self.store.members(role).collect();
        if !pods.is_empty() {
            let pix = self.dice.pick(&pods);
            self.crash(pix);
        }
    }

    /// A container ends by itself and is started again.
    pub fn crash(&mut self, pix: Pix) {
        let Some(inc) = self.store.cells[pix].jvm.as_ref().map(|jvm| jvm.inc) else {
            return;
        };
        self.excuse();
        self.store.cells[pix].broken = true;
        self.die(pix, inc);
    }

    /// Somebody else drains a worker, whatever that leaves.
    pub fn foreign_drain(&mut self, pix: Pix) {
        let cell = &self.store.cells[pix];
        let active = cell
            .jvm
            .as_ref()
            .filter(|jvm| jvm.state == NodeState::Active && !jvm.starting);
        let Some(inc) = active.map(|jvm| jvm.inc).filter(|_| self.params.drainable) else {
            return;
        };
        self.excuse();
        self.put_state(pix, inc, true);
        let span = self.dice.between(60_000, 300_000);
        self.enter(span, Event::Foreign(pix, inc));
    }

    /// They take it back, unless somebody wants the worker gone meanwhile.
    pub fn foreign_end(&mut self, pix: Pix, inc: u32) {
        let cell = &self.store.cells[pix];
        if cell.gone || cell.inc != inc || cell.pod.deleting.is_some() {
            return;
        }
        if cell.pod.notes == Notes::default() {
            self.put_state(pix, inc, false);
        } else {
            self.enter(30_000, Event::Foreign(pix, inc));
        }
    }

    /// A replica of the guard is gone with its memory, and comes back after a while.
    pub fn kill_replica(&mut self, at: usize) {
        let replica = &mut self.guard.replicas[at];
        if !replica.alive {
            return;
        }
        replica.alive = false;
        replica.epoch += 1;
        let wait = self.dice.between(1000, 40_000);
        self.enter(wait, Event::Revive(at));
    }

    /// The clocks of all machines jump; whoever guards does not look at them again. Some of them may have to.
    pub fn jump(&mut self) {
        if self.remaining == 0 {
            return;
        }
        let next = self.dice.between(100_000, 1_500_000);
        self.enter(next, Event::Jump);
        self.store.ahead = self.dice.pick(&JUMPS);
        self.jumped = true;
        let ahead = self.store.ahead;
        self.trace(|| format!("the clocks are {ahead} ms ahead"));
        for replica in 0..self.guard.replicas.len() {
            let wait = self.dice.between(1000, LEAVES);
            self.enter(wait, Event::Misled(replica));
        }
    }

    /// A replica asks the API server what time it is, and begins anew where its own clock is far from that.
    pub fn misled(&mut self, at: usize) {
        let replica = &self.guard.replicas[at];
        if replica.paused_until > self.now {
            let wait = replica.paused_until - self.now + LEAVES;
            self.enter(wait, Event::Misled(at));
            return;
        }
        let apart = (replica.skew - self.store.ahead).unsigned_abs();
        if u128::from(apart) > TOGETHER.as_millis() {
            self.kill_replica(at);
        }
    }

    /// A replica starts again, with a clock of its own.
    pub fn revive(&mut self, at: usize) {
        let epoch = self.guard.replicas[at].epoch;
        let skew = self.dice.between(0, 2 * self.params.skew);
        let skew = i64::try_from(skew).expect("a small skew")
            - i64::try_from(self.params.skew).expect("a small skew");
        let skew = self.store.ahead + skew;
        self.guard.replicas[at] = self.guard.begin(&self.store, self.now, epoch, skew);
        self.trace(|| format!("r{at} begins, {skew} ms ahead"));
        self.enter(0, Event::Tick(at, epoch));
    }
}
