//! Tests of the document readers: against captured answers, against each other, against bad bodies.

mod captures;
mod chunks;
mod facts;
mod generated;
mod hostile;
mod lists;
mod order;
mod support;
