//! A push scanner for JSON: fed chunks of any size, it follows the wanted paths of a document and
//! jumps over everything else. Decides where values begin and end; never what they mean.
//!
//! `block` turns 64 bytes into bit masks, `portable` and `avx2` are the two ways to do so, `engine`
//! chooses one. `cursor` walks the masks of a chunk, `walker` follows the paths that a `model` names.

// Masks are computed inside of loops that are compiled once for each instruction set; a call would undo that.
#![allow(clippy::inline_always)]

mod block;
mod cursor;
mod engine;
pub(super) mod model;
pub(super) mod number;
mod portable;
mod text;
pub(super) mod walker;

#[cfg(target_arch = "x86_64")]
mod avx2;

pub use engine::Engine;

/// JSON's four white-space bytes.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Index of the first byte that is not white space.
pub(super) fn first_solid(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| !is_space(byte))
}

#[cfg(test)]
mod tests;
