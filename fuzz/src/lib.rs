//! What must hold of foreign bytes, whatever they are. Each function is the body of a fuzz target; `tests/it/fuzz.rs` calls
//! the same ones with the committed seeds and with bytes of its own. Expectations are written from the rules, without the
//! guard's code.

pub mod annotations;
pub mod objects;
mod place;
pub mod review;
pub mod snapshot;
pub mod verdict;
