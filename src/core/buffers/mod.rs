//! What each worker holds: from task facts to the snapshot that the exporter publishes and the guard decides on.
//!
//! `fold` sums the tasks of one document; `ledger` keeps the facts of each query of one coordinator and says what is
//! complete; `visibility` judges whether the list can be trusted; `directory`, `identity` and `roster` turn worker
//! addresses into pods; `snapshot` puts it together and `wire` is its JSON.

pub mod address;
pub mod directory;
pub mod fold;
pub mod holdings;
pub mod identity;
pub mod ledger;
pub mod listing;
pub mod pace;
pub mod roster;
pub mod snapshot;
pub mod visibility;
pub mod wire;
