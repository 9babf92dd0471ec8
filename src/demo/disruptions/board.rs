//! What is told of disruptions while they go on: how many were asked for and are done, and which is under way. Keeps;
//! decides nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The board.
#[derive(Debug, Default)]
pub struct Board(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    asked: u64,
    done: u64,
    current: Option<(String, Instant)>,
}

/// What the board says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Disruptions asked for.
    pub asked: u64,
    /// Those that are over: what was to go has gone.
    pub done: u64,
    /// What is under way, as a command line, and for how long.
    pub current: Option<(String, std::time::Duration)>,
}

impl Board {
    /// What it says now.
    #[must_use]
    pub fn read(&self) -> Reading {
        let state = self.lock();
        let current = state.current.as_ref();
        Reading {
            asked: state.asked,
            done: state.done,
            current: current.map(|(what, since)| (what.clone(), since.elapsed())),
        }
    }

    pub(super) fn begin(&self, what: String) {
        let mut state = self.lock();
        state.asked += 1;
        state.current = Some((what, Instant::now()));
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.done += 1;
        state.current = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
