//! Whatever happens to a cluster: no allow without its reason.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    xtrinode_fuzz::verdict::check(input);
});
