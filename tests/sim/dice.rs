//! The dice: the same seed, the same run.

/// Seeded dice.
pub struct Dice(fastrand::Rng);

impl Dice {
    /// Dice of this seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high.max(low))
    }

    /// A number from 0 to `count` - 1.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.usize(..count.max(1))
    }

    /// Whether something of so many per mille happens.
    pub fn mille(&mut self, chance: u64) -> bool {
        self.0.u64(0..1000) < chance
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Mostly short, sometimes up to `high`: how queries and waits are spread.
    pub fn skewed(&mut self, low: u64, high: u64) -> u64 {
        let part = self.between(0, 1000) * self.between(0, 1000) / 1000;
        low + (high.saturating_sub(low)) * part / 1000
    }
}
