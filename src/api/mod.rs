//! Names that users, other programs and the cluster see: plain data, no behaviour.

pub mod keys;
