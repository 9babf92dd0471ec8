//! Finds bytes in a block with ordinary 64-bit arithmetic, eight bytes at a time: works on every
//! processor, and is what the vector engine is compared with.

use super::block::{self, BLOCK, Block, Carry, Depth, Lanes, Raw, Skipped};

const LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
/// The bit in which `[` differs from `{`, and `]` from `}`; no other byte becomes one by it.
const CASE: u64 = 0x2020_2020_2020_2020;
const ONES: u64 = 0x0101_0101_0101_0101;
/// As a factor, brings the lowest bits of a word's eight bytes together in its top byte.
const GATHER: u64 = 0x0102_0408_1020_4080;

#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Portable {
    pub(super) fn index(self, bytes: &[u8], blocks: &mut [Block], carry: &mut Carry) -> usize {
        block::index(self, bytes, blocks, carry)
    }

    pub(super) fn skip(self, bytes: &[u8], carry: &mut Carry, depth: &mut Depth) -> Skipped {
        block::skip(self, bytes, carry, depth)
    }
}

impl Lanes for Portable {
    #[inline(always)] // see classify
    fn backslashes(self, block: &[u8; BLOCK]) -> u64 {
        find(block, |word| equal(word, b'\\'))
    }

    #[inline(always)] // the masks that a caller does not use must cost nothing
    fn classify(self, block: &[u8; BLOCK]) -> Raw {
        Raw {
            quotes: find(block, |word| equal(word, b'"')),
            opens: find(block, |word| equal(word | CASE, b'{')),
            closes: find(block, |word| equal(word | CASE, b'}')),
            separators: find(block, |word| equal(word, b',') | equal(word, b':')),
        }
    }

    #[inline(always)] // see classify
    fn prefix_xor(self, mask: u64) -> u64 {
        let mut parity = mask;
        for shift in [1, 2, 4, 8, 16, 32] {
            parity ^= parity << shift;
        }
        parity
    }
}

/// The top bit of each byte of `word` that equals `byte`, exactly.
#[inline(always)] // a few instructions
fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * u64::from(byte));
    !(((differs & LOW_SEVEN) + LOW_SEVEN) | differs | LOW_SEVEN)
}

/// The block's mask of bytes whose top bit `test` sets.
#[inline(always)] // see classify
fn find(block: &[u8; BLOCK], test: impl Fn(u64) -> u64) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    let mut mask = 0;
    for (number, word) in words.iter().enumerate() {
        let hits = test(u64::from_le_bytes(*word)) >> 7;
        mask |= (hits.wrapping_mul(GATHER) >> 56) << (8 * number);
    }
    mask
}
