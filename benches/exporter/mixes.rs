//! The two mixes by name, each in one of the two wire shapes.

use super::mix::{Mix, Wire};

/// Workers that the tasks of a document run on.
pub const WORKERS: u32 = 200;

/// A mix in the shape in which it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    pub mix: Mix,
    pub wire: Wire,
}

/// Both.
pub const KINDS: [Kind; 2] = [
    Kind {
        name: "finished-heavy",
        mix: Mix::FinishedHeavy,
        wire: Wire::Nested,
    },
    Kind {
        name: "running-heavy",
        mix: Mix::RunningHeavy,
        wire: Wire::Flat,
    },
];
