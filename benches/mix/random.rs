//! Pseudo-random numbers that are the same everywhere: xorshift with 64 bits of state.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of some bytes; there must be at least one.
    pub fn one_of(&mut self, bytes: &[u8]) -> u8 {
        let choice = self.below(bytes.len() as u64);
        bytes[usize::try_from(choice).unwrap_or(0)]
    }
}
