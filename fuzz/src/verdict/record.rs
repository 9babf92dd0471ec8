//! What happened to one worker, written down as it happened: everything that was ever said of the container that runs now.

use xtrinode::core::guard::evidence::Said;
use xtrinode::core::guard::facts::pod::Container;
use xtrinode::core::guard::time::Time;
use xtrinode::trino::words::NodeState;

/// What was said of one container.
#[derive(Clone, Debug, Default)]
pub struct Record {
    container: String,
    /// Each look.
    pub looks: Vec<(Time, Said)>,
    /// Each cycle that a supplier told of.
    pub told: Vec<Told>,
    /// Each proof.
    pub proofs: Vec<Time>,
}

/// What a cycle says of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// When it began.
    pub began: Time,
    /// Whether it read everything and knows the pod of each task.
    pub complete: bool,
    /// Whether something was at risk.
    pub tasks: bool,
}

impl Record {
    /// It was asked.
    pub fn looked(&mut self, container: &str, at: Time, said: &Said) {
        self.of(container).looks.push((at, said.clone()));
    }

    /// A cycle was told of. What began before the container did is about an earlier one.
    pub fn told(&mut self, container: Option<&Container>, told: Told) {
        let Some(running) = container.filter(|container| container.running) else {
            return;
        };
        let record = self.of(&running.id);
        if running.started.is_none_or(|started| told.began > started) {
            record.told.push(told);
        }
    }

    /// A proof was brought.
    pub fn proven(&mut self, container: &str, at: Time) {
        self.of(container).proofs.push(at);
    }

    /// The last answer and when it was given.
    pub fn answer(&self) -> Option<(Time, NodeState, bool)> {
        let mut looks = self.looks.iter().rev();
        looks.find_map(|(at, said)| match said {
            Said::State { state, starting } => Some((*at, *state, *starting)),
            _ => None,
        })
    }

    /// Whether a task was ever told of.
    pub fn had_task(&self) -> bool {
        self.told.iter().any(|told| told.tasks)
    }

    fn of(&mut self, container: &str) -> &mut Self {
        if self.container != container {
            *self = Self {
                container: container.to_owned(),
                ..Self::default()
            };
        }
        self
    }
}
