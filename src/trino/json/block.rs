//! The arithmetic on bit masks that all engines share: bit n of a mask speaks of byte n of a block
//! of 64. Decides which quotes are real and which brackets stand outside of strings.

/// Bytes that one mask covers.
pub(super) const BLOCK: usize = 64;

/// Where certain bytes are in a block, before strings are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub quotes: u64,
    /// `{` and `[`.
    pub opens: u64,
    /// `}` and `]`.
    pub closes: u64,
    /// `,` and `:`, and perhaps other bytes that no grammar allows outside of strings.
    pub separators: u64,
}

/// Where the events of a block are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Quotes that open or close a string.
    pub quotes: u64,
    /// Brackets outside of strings.
    pub brackets: u64,
    /// Brackets and separators outside of strings.
    pub ops: u64,
}

/// What one block must tell the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carry {
    /// All ones inside a string, else 0.
    in_string: u64,
    /// 1 when the next byte is escaped, else 0.
    escaped: u64,
    /// Whether there was a backslash since the owner last cleared this.
    pub backslash: bool,
}

/// A skip over containers: how many are open, and how many may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    pub open: u32,
    pub limit: u32,
}

/// How a skip ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// The bytes are used up.
    Open,
    /// The last container closed at this index.
    Closed(usize),
    /// One container too many opened at this index.
    TooDeep(usize),
}

/// One way to find bytes in a block.
pub(super) trait Lanes: Copy {
    /// Finds backslashes. Apart from the rest, since what follows from them is decided by a branch,
    /// and compilers handle vectors badly that live across one.
    fn backslashes(self, block: &[u8; BLOCK]) -> u64;
    /// Finds the other bytes that matter.
    fn classify(self, block: &[u8; BLOCK]) -> Raw;
    /// Bit n of the answer is the parity of bits 0 to n.
    fn prefix_xor(self, mask: u64) -> u64;
}

/// Fills `blocks` with the masks of `bytes`; returns how many there are. The last may be partial.
#[inline(always)] // so that it is compiled with the instruction set of its caller
pub(super) fn index<L: Lanes>(
    lanes: L,
    bytes: &[u8],
    blocks: &mut [Block],
    carry: &mut Carry,
) -> usize {
    let (whole, tail) = bytes.as_chunks::<BLOCK>();
    for (block, slot) in whole.iter().zip(blocks.iter_mut()) {
        *slot = understand(lanes, block, BLOCK, carry).0;
    }
    if let (false, Some(slot)) = (tail.is_empty(), blocks.get_mut(whole.len())) {
        *slot = understand(lanes, &padded(tail), tail.len(), carry).0;
        return whole.len() + 1;
    }
    whole.len()
}

/// Runs over `bytes` until `depth` is back at 0.
#[inline(always)] // so that it is compiled with the instruction set of its caller
pub(super) fn skip<L: Lanes>(
    lanes: L,
    bytes: &[u8],
    carry: &mut Carry,
    depth: &mut Depth,
) -> Skipped {
    let (whole, tail) = bytes.as_chunks::<BLOCK>();
    for (number, block) in whole.iter().enumerate() {
        let (_, opens, closes) = understand(lanes, block, BLOCK, carry);
        let ended = depth.pass(opens, closes);
        if ended != Skipped::Open {
            return ended.shifted(number * BLOCK);
        }
    }
    if tail.is_empty() {
        return Skipped::Open;
    }
    let (_, opens, closes) = understand(lanes, &padded(tail), tail.len(), carry);
    depth.pass(opens, closes).shifted(whole.len() * BLOCK)
}

/// Sorts out strings: the block's events, and apart its opening and closing brackets.
#[inline(always)] // so that it is compiled with the instruction set of its caller
fn understand<L: Lanes>(
    lanes: L,
    block: &[u8; BLOCK],
    len: usize,
    carry: &mut Carry,
) -> (Block, u64, u64) {
    let escaped = carry.escaped_bytes(lanes.backslashes(block), len);
    let raw = lanes.classify(block);
    let quotes = raw.quotes & !escaped;
    let inside = lanes.prefix_xor(quotes) ^ carry.in_string;
    carry.in_string = 0u64.wrapping_sub(inside >> 63);
    let (opens, closes) = (raw.opens & !inside, raw.closes & !inside);
    let brackets = opens | closes;
    let ops = brackets | (raw.separators & !inside);
    let block = Block {
        quotes,
        brackets,
        ops,
    };
    (block, opens, closes)
}

/// A partial block, filled up with spaces: they are never an event and never change a carry.
fn padded(tail: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..tail.len()].copy_from_slice(tail);
    block
}

impl Carry {
    /// The bytes that a backslash before them makes plain; remembers whether byte `len` is one.
    #[inline(always)] // a call would cost more than the usual case
    fn escaped_bytes(&mut self, backslashes: u64, len: usize) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        self.pair_up(backslashes, len)
    }

    /// Each backslash that is not itself escaped escapes its successor.
    fn pair_up(&mut self, backslashes: u64, len: usize) -> u64 {
        self.backslash = true;
        let mut escaped = self.escaped;
        let mut left = backslashes & !escaped;
        let mut beyond = 0;
        while left != 0 {
            let first = left & left.wrapping_neg();
            let next = first << 1;
            beyond = first >> 63;
            escaped |= next;
            left &= !(first | next);
        }
        self.escaped = if len == BLOCK {
            beyond
        } else {
            (escaped >> len) & 1
        };
        escaped
    }
}

impl Depth {
    /// Counts the brackets of one block; looks at single ones only where the skip may end.
    #[inline(always)] // so that it is compiled with the instruction set of its caller
    fn pass(&mut self, opens: u64, closes: u64) -> Skipped {
        let (more, less) = (opens.count_ones(), closes.count_ones());
        if self.open > less && self.open + more <= self.limit {
            self.open = self.open + more - less;
            return Skipped::Open;
        }
        self.pass_singly(opens, closes)
    }

    fn pass_singly(&mut self, opens: u64, closes: u64) -> Skipped {
        let mut brackets = opens | closes;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            let ended = self.bracket(opens >> at & 1 == 1, at as usize);
            if ended != Skipped::Open {
                return ended;
            }
        }
        Skipped::Open
    }

    /// Counts one bracket at `at`.
    #[inline]
    pub(super) fn bracket(&mut self, opens: bool, at: usize) -> Skipped {
        if opens {
            self.open += 1;
            if self.open > self.limit {
                return Skipped::TooDeep(at);
            }
        } else {
            self.open -= 1;
            if self.open == 0 {
                return Skipped::Closed(at);
            }
        }
        Skipped::Open
    }
}

impl Skipped {
    /// The same, counted from `base` bytes earlier.
    #[inline]
    pub(super) fn shifted(self, base: usize) -> Self {
        match self {
            Self::Open => Self::Open,
            Self::Closed(at) => Self::Closed(base + at),
            Self::TooDeep(at) => Self::TooDeep(base + at),
        }
    }
}
