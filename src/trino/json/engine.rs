//! Chooses how blocks are scanned: by vector where the processor can, else portably.

use super::block::{Block, Carry, Depth, Skipped};
use super::portable::Portable;

/// Which scanner a reader uses. All give the same answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The fastest that this processor has.
    #[default]
    Auto,
    /// Plain 64-bit arithmetic, as on processors without AVX2.
    Portable,
}

/// An engine that this processor has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scanner {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(super::avx2::Avx2),
}

impl From<Engine> for Scanner {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Portable => Self::Portable(Portable),
            Engine::Auto => Self::best(),
        }
    }
}

impl Scanner {
    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        super::avx2::Avx2::detect().map_or(Self::Portable(Portable), Self::Avx2)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Self {
        Self::Portable(Portable)
    }

    /// See [`super::block::index`].
    pub(super) fn index(self, bytes: &[u8], blocks: &mut [Block], carry: &mut Carry) -> usize {
        match self {
            Self::Portable(engine) => engine.index(bytes, blocks, carry),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(engine) => engine.index(bytes, blocks, carry),
        }
    }

    /// See [`super::block::skip`].
    pub(super) fn skip(self, bytes: &[u8], carry: &mut Carry, depth: &mut Depth) -> Skipped {
        match self {
            Self::Portable(engine) => engine.skip(bytes, carry, depth),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(engine) => engine.skip(bytes, carry, depth),
        }
    }
}
