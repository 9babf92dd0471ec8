//! What the leader does next. Reads what is known and what was asked for; answers plain actions that somebody else
//! performs.

#[cfg(test)]
pub(crate) mod scene;
