//! Whatever stands in the guard's configuration file: settings or sentences, never a panic; and what is accepted can be
//! summed up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtrinode::guard::config::{Overrides, OwnPod, parse, summary};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match parse(text, &Overrides::default(), &OwnPod::default()) {
        Ok(parsed) => assert!(!summary(&parsed.settings).is_empty()),
        Err(problems) => assert!(!problems.in_file("guard.yaml").to_string().is_empty()),
    }
});
