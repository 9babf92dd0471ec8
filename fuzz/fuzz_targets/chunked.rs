//! A body means the same, or fails the same way, however it is cut. The first byte of the input
//! says into how large pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtrinode::trino::query_info::Extractor;
use xtrinode::trino::task::{QueryHead, Task};
use xtrinode::trino::{Limits, ParseError};

fn read(body: &[u8], size: usize) -> Result<(QueryHead, Vec<String>), ParseError> {
    let mut tasks = Vec::new();
    let sink = |task: &Task<'_>| tasks.push(format!("{task:?}"));
    let mut extractor = Extractor::new(sink, Limits::default());
    for chunk in body.chunks(size) {
        extractor.push(chunk)?;
    }
    let (head, _) = extractor.finish()?;
    Ok((head, tasks))
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, body)) = input.split_first() else {
        return;
    };
    let whole = read(body, body.len().max(1));
    assert_eq!(read(body, usize::from(size) + 1), whole);
    assert_eq!(read(body, 1), whole);
});
