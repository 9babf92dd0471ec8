//! Finds bytes in a block with AVX2, and pairs quotes with a carry-less multiplication. The only
//! unsafe code of the crate: two loads from a reference, and calls of functions whose instruction
//! set the processor was seen to have. Every mask equals the portable engine's (tests below).
#![allow(unsafe_code)] // vector intrinsics and calls across instruction sets need it

use std::arch::x86_64::{
    __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8,
    _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
};

use super::block::{self, BLOCK, Block, Carry, Depth, Lanes, Raw, Skipped};

/// Proof that this processor has the instructions: only [`Avx2::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Looks at the processor.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt"))
        .then_some(Self(()))
    }

    pub(super) fn index(self, bytes: &[u8], blocks: &mut [Block], carry: &mut Carry) -> usize {
        // SAFETY: `self` proves that the processor has the features that `index` enables.
        unsafe { index(self, bytes, blocks, carry) }
    }

    pub(super) fn skip(self, bytes: &[u8], carry: &mut Carry, depth: &mut Depth) -> Skipped {
        // SAFETY: `self` proves that the processor has the features that `skip` enables.
        unsafe { skip(self, bytes, carry, depth) }
    }
}

#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn index(lanes: Avx2, bytes: &[u8], blocks: &mut [Block], carry: &mut Carry) -> usize {
    block::index(lanes, bytes, blocks, carry)
}

#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn skip(lanes: Avx2, bytes: &[u8], carry: &mut Carry, depth: &mut Depth) -> Skipped {
    block::skip(lanes, bytes, carry, depth)
}

impl Lanes for Avx2 {
    #[inline(always)] // must be compiled inside of `index` and `skip`
    fn backslashes(self, block: &[u8; BLOCK]) -> u64 {
        // SAFETY: `self` proves that the processor has the features that `backslashes` enables.
        unsafe { backslashes(block) }
    }

    #[inline(always)] // must be compiled inside of `index` and `skip`
    fn classify(self, block: &[u8; BLOCK]) -> Raw {
        // SAFETY: `self` proves that the processor has the features that `classify` enables.
        unsafe { classify(block) }
    }

    #[inline(always)] // must be compiled inside of `index` and `skip`
    fn prefix_xor(self, mask: u64) -> u64 {
        // SAFETY: `self` proves that the processor has the features that `parity` enables.
        unsafe { parity(mask) }
    }
}

#[inline]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn load(block: &[u8; BLOCK]) -> [__m256i; 2] {
    #[allow(clippy::cast_ptr_alignment)] // the load below asks for no alignment
    let start = block.as_ptr().cast::<__m256i>();
    // SAFETY: the 64 bytes of the array are two times 32; this load allows any alignment.
    unsafe { [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))] }
}

#[inline]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn backslashes(block: &[u8; BLOCK]) -> u64 {
    mask(load(block).map(|half| equal(half, b'\\')))
}

#[inline]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn classify(block: &[u8; BLOCK]) -> Raw {
    let halves = load(block);
    // Sets the bit in which `[` differs from `{`, and `]` from `}`; no other byte becomes one.
    let case = _mm256_set1_epi8(0x20);
    let folded = halves.map(|half| _mm256_or_si256(half, case));
    Raw {
        quotes: mask(halves.map(|half| equal(half, b'"'))),
        opens: mask(folded.map(|half| equal(half, b'{'))),
        closes: mask(folded.map(|half| equal(half, b'}'))),
        separators: mask(halves.map(|half| _mm256_or_si256(equal(half, b','), equal(half, b':')))),
    }
}

/// All ones in each lane that equals `byte`.
#[inline]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn equal(half: __m256i, byte: u8) -> __m256i {
    _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte.cast_signed()))
}

/// The top bits of all lanes.
#[inline]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn mask(halves: [__m256i; 2]) -> u64 {
    let bits = halves.map(|half| u64::from(_mm256_movemask_epi8(half).cast_unsigned()));
    bits[0] | bits[1] << 32
}

/// A carry-less product with all ones adds every lower bit to each bit.
#[inline]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn parity(mask: u64) -> u64 {
    let product =
        _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, mask.cast_signed()), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product).cast_unsigned()
}
