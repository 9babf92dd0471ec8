//! Servers that are not a well-behaved Trino: each ends in a named reason, and what was known before stays.
