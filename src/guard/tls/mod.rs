//! Self-managed certificates: the guard is its own authority. The content of one Secret decides what is served
//! and whom the API server trusts. [`follow`] runs in every replica and serves what the Secret holds; [`Keeper`]
//! writes, and only while its replica leads. Where somebody else renews files, nothing here runs and nothing is
//! written.

mod configurations;
mod follower;
mod held;
mod issue;
mod keeper;
mod options;
mod plan;
mod publish;
#[cfg(test)]
mod stub;
mod verify;

pub use follower::{FOLLOW_INTERVAL, Follower};
pub use keeper::{KEEP_INTERVAL, KeepError, Keeper, Verify};
pub use options::{Configuration, Kind, Options, Validity};
pub use publish::must_block;
pub use verify::{VerifyError, handshake};
