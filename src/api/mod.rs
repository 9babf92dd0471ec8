//! Names that users, other programs and the cluster see, and how they are spelt: plain data, no behaviour.

pub mod dns;
pub mod keys;
