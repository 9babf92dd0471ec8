//! Trino's documents, written from the model in either wire shape. Text only: no sockets here.

pub mod context;
pub mod document;
pub mod figures;
pub mod list;
pub mod node;
pub mod statement;
pub mod template;
pub mod templates;
pub mod time;

#[cfg(test)]
mod tests;
