//! Whatever comes as an AdmissionReview on any path: no panic, and no busy worker goes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| xtrinode_fuzz::review::check(body));
