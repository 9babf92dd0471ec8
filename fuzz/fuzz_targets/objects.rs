//! Whatever the API says about pods, workloads, nodes and namespaces: no panic, and nothing is read that is not said.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| xtrinode_fuzz::objects::check(body));
