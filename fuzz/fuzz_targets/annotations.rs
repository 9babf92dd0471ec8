//! Whatever people write into our annotations: no panic, and nobody goes who was not ordered to or kept for long.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    xtrinode_fuzz::annotations::check(input);
});
