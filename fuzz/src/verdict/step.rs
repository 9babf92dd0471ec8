//! What three bytes make happen.

use std::time::Duration;

use super::{DrainPower, NodeState, Said, WORKERS};

/// One thing that happens.
pub enum Step {
    /// Time passes.
    Pass(Duration),
    /// A worker is asked.
    Look(usize, Said),
    /// A supplier tells of a cycle.
    Cycle(Cycle),
    /// A query list is read.
    List(u64),
    /// Somebody proves that nothing is left on a worker.
    Prove(usize),
    /// Whether workers let themselves be drained.
    Power(DrainPower),
    /// A worker's container restarts.
    Restart(usize),
    /// The kubelet calls a worker Ready or not.
    Ready(usize, bool),
    /// A worker's removal was first refused so long ago.
    Refused(usize, Duration),
    /// An annotation is written, about a moment so long ago.
    Mark(usize, Mark, Duration),
    /// A worker's container ends.
    Stop(usize),
}

/// A cycle as a supplier tells it.
pub struct Cycle {
    pub own: bool,
    pub complete: bool,
    pub mapped: bool,
    pub tasks: [bool; WORKERS],
    pub age: Duration,
}

/// An annotation.
#[derive(Clone, Copy)]
pub enum Mark {
    Drain,
    Drained,
    Returning,
    Grant,
    Glass(&'static str),
    Nothing,
}

const GLASS: [&str; 5] = [
    "",
    "2027-01-15T08:00:00Z",
    "2027-01-15T08:00:00Z;short",
    "2027-01-15T10:00:00Z;the node is on fire",
    "2038-01-15T10:00:00Z;the node is on fire",
];

impl Step {
    /// Any three bytes are a step.
    pub fn of([what, one, two]: [u8; 3]) -> Self {
        let worker = usize::from(one) % WORKERS;
        let span = seconds(two);
        match what % 16 {
            0..=2 => Self::Pass(seconds(one)),
            3..=6 => Self::Look(worker, said(two)),
            7..=9 => Self::Cycle(Cycle::of(one, two)),
            10 => Self::List(u64::from(one % 3)),
            11 => Self::Prove(worker),
            12 => match one % 8 {
                0 => Self::Power(power(two)),
                1 => Self::Restart(usize::from(two) % WORKERS),
                2 => Self::Stop(usize::from(two) % WORKERS),
                _ => Self::Ready(worker, two % 2 == 0),
            },
            13 => Self::Refused(worker, span * 8),
            _ => Self::Mark(worker, mark(one / 8), span),
        }
    }
}

impl Cycle {
    fn of(flags: u8, age: u8) -> Self {
        let bit = |bit: u8| flags & (1 << bit) != 0;
        Self {
            own: bit(0),
            complete: !bit(1) || !bit(2),
            mapped: !bit(3) || !bit(4),
            tasks: [bit(5), bit(6), bit(7)],
            age: Duration::from_millis(u64::from(age) * 100),
        }
    }
}

/// From a second to about ten minutes.
fn seconds(byte: u8) -> Duration {
    let byte = u64::from(byte);
    Duration::from_secs(if byte < 128 {
        byte / 4 + 1
    } else {
        (byte - 120) * 5
    })
}

fn said(byte: u8) -> Said {
    let state = |state, starting| Said::State { state, starting };
    match byte % 9 {
        0 | 1 => state(NodeState::Active, false),
        2 => state(NodeState::Draining, false),
        3 | 4 => state(NodeState::Drained, false),
        5 => state(NodeState::Unknown, true),
        6 => state(NodeState::ShuttingDown, false),
        7 => Said::Refused,
        _ => Said::Silent,
    }
}

fn power(byte: u8) -> DrainPower {
    match byte % 4 {
        0 => DrainPower::Unasked,
        1 => DrainPower::Yes,
        2 => DrainPower::Forbidden,
        _ => DrainPower::TooOld,
    }
}

fn mark(byte: u8) -> Mark {
    match byte % 8 {
        0 | 1 => Mark::Drain,
        2 => Mark::Drained,
        3 => Mark::Returning,
        4 => Mark::Grant,
        5 | 6 => Mark::Glass(GLASS[usize::from(byte) % GLASS.len()]),
        _ => Mark::Nothing,
    }
}
