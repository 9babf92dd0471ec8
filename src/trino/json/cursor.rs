//! Walks the events of a chunk: real quotes, brackets and separators, in order. Knows nothing of
//! what they mean.

use super::block::{BLOCK, Block, Carry};
use super::engine::Scanner;

/// Blocks that are indexed at once: enough to spread the cost of a call, few enough that little is
/// lost when a long jump follows.
const BATCH: usize = 8;

/// A place in a chunk, and the masks of the bytes that follow.
pub(super) struct Cursor<'c> {
    pub chunk: &'c [u8],
    blocks: [Block; BATCH],
    count: usize,
    /// Which block is next, and which of its bits are not used up.
    block: usize,
    live: u64,
    /// Where the first block begins and the last one ends, in the chunk.
    start: usize,
    end: usize,
}

impl<'c> Cursor<'c> {
    pub(super) fn new(chunk: &'c [u8]) -> Self {
        Self {
            chunk,
            blocks: [Block::default(); BATCH],
            count: 0,
            block: 0,
            live: 0,
            start: 0,
            end: 0,
        }
    }

    /// Indexes what follows `at`; `carry` must belong to that byte, and then belongs to [`Self::end`].
    pub(super) fn load(&mut self, scanner: Scanner, at: usize, carry: &mut Carry) {
        self.start = at;
        self.end = self.chunk.len().min(at + BATCH * BLOCK);
        let bytes = &self.chunk[at..self.end];
        self.count = scanner.index(bytes, &mut self.blocks, carry);
        self.block = 0;
        self.live = !0;
    }

    /// Where the indexed bytes end.
    pub(super) const fn end(&self) -> usize {
        self.end
    }

    /// The next real quote, or bracket or separator outside of strings.
    #[inline]
    pub(super) fn event(&mut self) -> Option<usize> {
        self.find(|block| block.quotes | block.ops)
    }

    /// The next bracket or separator outside of strings.
    #[inline]
    pub(super) fn op(&mut self) -> Option<usize> {
        self.find(|block| block.ops)
    }

    /// The next bracket outside of strings.
    #[inline]
    pub(super) fn bracket(&mut self) -> Option<usize> {
        self.find(|block| block.brackets)
    }

    /// Whether the indexed bytes are used up.
    pub(super) const fn is_empty(&self) -> bool {
        self.block >= self.count
    }

    /// Takes the next event if it is `byte` and follows the last one at once, in the same block.
    #[inline]
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        let bit = self.live.trailing_zeros();
        let at = self.start + self.block * BLOCK + bit as usize;
        let passed = bit < u64::BITS && self.chunk.get(at) == Some(&byte);
        if passed {
            self.live &= self.live - 1;
        }
        passed
    }

    #[inline]
    fn find(&mut self, mask: impl Fn(&Block) -> u64) -> Option<usize> {
        for number in self.block..self.count {
            let hits = mask(&self.blocks[number]) & self.live;
            if hits != 0 {
                let bit = hits.trailing_zeros();
                self.block = number;
                self.live = !1 << bit;
                return Some(self.start + number * BLOCK + bit as usize);
            }
            self.live = !0;
        }
        self.block = self.count;
        None
    }
}
