//! Scheduler and kubelet: bind a pod, start its container, end it within its grace period, remove the object.

use xtrinode::core::guard::facts::pod::{Phase, Role};
use xtrinode::core::guard::rows::Row;

use crate::agenda::Event;
use crate::sim::Sim;
use crate::trino::worker::Jvm;

use super::store::{Pix, new_container, node_name};

impl Sim {
    /// Binds a pod to a node that takes it, or looks again later.
    pub fn bind(&mut self, pix: Pix) {
        if self.store.cells[pix].gone || self.store.cells[pix].pod.deleting.is_some() {
            return;
        }
        let fits = |node: &usize| {
            let node = &self.store.nodes[*node];
            node.ready && !node.cordoned && node.announced.is_none()
        };
        let nodes: Vec<_> = (0..self.store.nodes.len()).filter(fits).collect();
        if nodes.is_empty() {
            self.enter(5000, Event::Bind(pix));
            return;
        }
        let node = self.dice.pick(&nodes);
        self.edit(pix, |pod| pod.node = Some(node_name(node)));
        let pull = self.dice.between(500, 5000);
        let inc = self.store.cells[pix].inc + 1;
        self.enter(pull, Event::Start(pix, inc));
    }

    /// Starts a pod's next container.
    pub fn start(&mut self, pix: Pix, inc: u32) {
        let cell = &mut self.store.cells[pix];
        if cell.gone || cell.pod.deleting.is_some() || cell.inc + 1 != inc {
            return;
        }
        cell.inc = inc;
        cell.broken = false;
        cell.jvm = Some(Jvm::new(inc, self.now));
        let container = new_container(self.store.stamp(self.now), pix, inc);
        self.edit(pix, |pod| {
            pod.phase = Phase::Running;
            pod.container = Some(container);
        });
        let boot = self.dice.between(5000, 30_000);
        self.enter(boot, Event::Ready(pix, inc));
    }

    /// A container serves.
    pub fn ready(&mut self, pix: Pix, inc: u32) {
        let now = self.now;
        let Some(jvm) = self.jvm(pix, inc).filter(|jvm| !jvm.ending) else {
            return;
        };
        jvm.starting = false;
        jvm.since = now;
        jvm.served = now;
        self.trace(|| format!("p{pix} serves"));
        let stamp = self.store.stamp(now);
        self.edit(pix, |pod| {
            pod.ready = true;
            pod.ready_changed = Some(stamp);
        });
        match self.store.cells[pix].pod.role {
            Role::Worker => self.notice_soon(pix, inc),
            Role::Coordinator => self.coordinator_up(pix, inc),
        }
    }

    /// The API server accepted a deletion.
    pub fn delete_accepted(&mut self, pix: Pix, row: Option<Row>) {
        let cell = &self.store.cells[pix];
        if cell.gone || cell.pod.deleting.is_some() {
            return;
        }
        let overtaken = self.is_overtaken(pix, row);
        let cell = &mut self.store.cells[pix];
        (cell.let_go, cell.overtaken) = (Some(row), overtaken);
        self.trace(|| format!("p{pix} is deleted by {row:?}"));
        self.count_removal(pix);
        self.check_removal(pix, row);
        let stamp = self.store.stamp(self.now);
        self.edit(pix, |pod| pod.deleting = Some(stamp));
        let heard = self.dice.between(20, 1500);
        self.enter(heard, Event::Terminate(pix));
    }

    /// The kubelet ends a pod's process.
    pub fn terminate(&mut self, pix: Pix) {
        let cell = &self.store.cells[pix];
        let Some(jvm) = &cell.jvm else {
            self.remove_object(pix);
            return;
        };
        let inc = jvm.inc;
        let grace = u64::try_from(cell.pod.grace.as_millis()).unwrap_or(u64::MAX);
        let worker = cell.pod.role == Role::Worker;
        // A hook that finds the port closed fails, and SIGTERM follows at once.
        if cell.pod.pre_stop && worker && jvm.listens(self.now) {
            self.shut_down(pix, inc);
            self.enter(grace, Event::Die(pix, inc));
        } else {
            let exit = self.dice.between(50, 2000);
            if let Some(jvm) = self.jvm(pix, inc) {
                jvm.ending = true;
            }
            self.enter(exit.min(grace), Event::Die(pix, inc));
        }
    }

    /// A process ends.
    pub fn die(&mut self, pix: Pix, inc: u32) {
        let cell = &mut self.store.cells[pix];
        if cell.jvm.as_ref().is_none_or(|jvm| jvm.inc != inc) {
            return;
        }
        cell.jvm = None;
        let role = cell.pod.role;
        self.trace(|| format!("p{pix} ends"));
        match role {
            Role::Worker => {
                self.worker_gone(pix, inc);
                self.notice_soon(pix, inc);
            }
            Role::Coordinator if self.trino.coordinator == Some((pix, inc)) => {
                self.coordinator_gone(pix);
            }
            Role::Coordinator => {}
        }
        if self.store.cells[pix].pod.deleting.is_some() {
            self.remove_object(pix);
        } else {
            self.restart(pix, inc);
        }
    }

    fn remove_object(&mut self, pix: Pix) {
        if self.store.cells[pix].gone {
            return;
        }
        self.store.remove(self.now, pix);
        self.kick(self.store.cells[pix].set);
    }

    /// A container that ended by itself is started again.
    fn restart(&mut self, pix: Pix, inc: u32) {
        let stamp = self.store.stamp(self.now);
        self.edit(pix, |pod| {
            pod.ready = false;
            pod.ready_changed = Some(stamp);
            if let Some(container) = &mut pod.container {
                container.running = false;
            }
        });
        let wait = self.dice.between(500, 10_000);
        self.enter(wait, Event::Start(pix, inc + 1));
    }

    /// Changes a pod's annotations: its controller looks again.
    pub fn annotate(&mut self, pix: Pix, change: &xtrinode::core::guard::edit::Edit) {
        self.store.annotate(self.now, pix, change);
        // By the true clock, whatever the time that is written there.
        let now = self.now;
        let cell = &mut self.store.cells[pix];
        let refused = cell.pod.notes.blocked_since.is_some();
        cell.refused = refused.then(|| cell.refused.unwrap_or(now));
        self.kick(self.store.cells[pix].set);
    }

    /// Changes a pod: its watchers hear of it, and its controller looks again.
    pub fn edit(
        &mut self,
        pix: Pix,
        change: impl FnOnce(&mut xtrinode::core::guard::facts::pod::Pod),
    ) {
        self.store.edit(self.now, pix, change);
        self.kick(self.store.cells[pix].set);
    }
}
