//! Whatever the exporter's stream says: no panic, no task at risk is lost, and nobody goes without a proof.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    xtrinode_fuzz::snapshot::check(input);
});
