//! No allow out of garbage: a small cluster to which the input's bytes do whatever they like, and every worker's eviction
//! judged after each step. An allow must rest on what its row names, and that is looked up here in a record of what happened,
//! which shares no code with the guard.
#![no_main]

#[path = "../model/mod.rs"]
mod model;

use libfuzzer_sys::fuzz_target;
use model::{Model, Step, WORKERS};

fuzz_target!(|input: &[u8]| {
    let mut model = Model::default();
    for bytes in input.chunks_exact(3).take(200) {
        model.take(Step::of([bytes[0], bytes[1], bytes[2]]));
        for worker in 0..WORKERS {
            model.judge(worker);
        }
    }
});
