//! The engines against each other and against a byte-by-byte account of what a mask means.

use proptest::prelude::*;

use super::block::{Block, Carry, Depth, Skipped};
use super::engine::{Engine, Scanner};

/// Bytes that matter are frequent, so that all their neighbourhoods occur.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        6 => any::<u8>(),
        6 => proptest::sample::select(&b"\"\\{}[]:,"[..]),
        2 => Just(b'\\'),
    ];
    proptest::collection::vec(byte, 0..700)
}

/// Kinds of events, one letter a byte: quote, bracket, separator, nothing.
fn plainly(bytes: &[u8]) -> Vec<char> {
    let (mut inside, mut escaped) = (false, false);
    let mut kind = |&byte: &u8| {
        let plain = std::mem::take(&mut escaped);
        escaped = byte == b'\\' && !plain;
        match byte {
            b'"' if !plain => {
                inside = !inside;
                'q'
            }
            b'{' | b'}' | b'[' | b']' if !inside => 'b',
            b':' | b',' if !inside => 's',
            _ => '.',
        }
    };
    bytes.iter().map(&mut kind).collect()
}

fn by_masks(scanner: Scanner, bytes: &[u8], size: usize) -> Vec<char> {
    let mut carry = Carry::default();
    let mut kinds = Vec::new();
    for part in bytes.chunks(size) {
        let mut blocks = vec![Block::default(); part.len() / 64 + 1];
        let count = scanner.index(part, &mut blocks, &mut carry);
        assert_eq!(count, part.len().div_ceil(64));
        kinds.extend((0..part.len()).map(|at| kind(blocks[at / 64], at % 64)));
    }
    kinds
}

fn kind(block: Block, bit: usize) -> char {
    let has = |mask: u64| mask >> bit & 1 == 1;
    assert!(!has(block.brackets) || has(block.ops));
    match (has(block.quotes), has(block.brackets), has(block.ops)) {
        (true, _, _) => 'q',
        (_, true, _) => 'b',
        (_, _, true) => 's',
        _ => '.',
    }
}

fn skip_plainly(bytes: &[u8], limit: u32) -> Skipped {
    let mut depth = Depth { open: 1, limit };
    for (at, kind) in plainly(bytes).into_iter().enumerate() {
        if kind == 'b' {
            let ended = depth.bracket(matches!(bytes[at], b'{' | b'['), at);
            if ended != Skipped::Open {
                return ended;
            }
        }
    }
    Skipped::Open
}

fn skip(scanner: Scanner, bytes: &[u8], size: usize, limit: u32) -> Skipped {
    let mut carry = Carry::default();
    let mut depth = Depth { open: 1, limit };
    for (number, part) in bytes.chunks(size).enumerate() {
        let ended = scanner.skip(part, &mut carry, &mut depth);
        if ended != Skipped::Open {
            return ended.shifted(number * size);
        }
    }
    Skipped::Open
}

proptest! {
    #[test]
    fn masks_say_what_the_bytes_are(bytes in bytes(), size in 1usize..300) {
        let plain = plainly(&bytes);
        for engine in [Engine::Auto, Engine::Portable] {
            prop_assert_eq!(&by_masks(engine.into(), &bytes, size), &plain);
        }
    }

    #[test]
    fn skips_end_where_the_bytes_say(bytes in bytes(), size in 1usize..300, limit in 1u32..8) {
        let plain = skip_plainly(&bytes, limit);
        for engine in [Engine::Auto, Engine::Portable] {
            prop_assert_eq!(skip(engine.into(), &bytes, size, limit), plain);
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_vector_engine_is_used_where_the_processor_has_it() {
    let vector = matches!(Scanner::from(Engine::Auto), Scanner::Avx2(_));
    let able = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("pclmulqdq");
    assert_eq!(vector, able);
    assert!(matches!(
        Scanner::from(Engine::Portable),
        Scanner::Portable(_)
    ));
}
