//! Whatever the strict reader accepts as a QueryInfo, the streaming reader reads alike, with either
//! engine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtrinode::trino::query_info::Extractor;
use xtrinode::trino::task::{QueryHead, Task};
use xtrinode::trino::{Engine, Limits, ParseError, strict};

type Outcome = Result<(QueryHead, Vec<String>), ParseError>;

fn streamed(body: &[u8], engine: Engine) -> Outcome {
    let mut tasks = Vec::new();
    let sink = |task: &Task<'_>| tasks.push(format!("{task:?}"));
    let mut extractor = Extractor::with_engine(sink, Limits::default(), engine);
    extractor.push(body)?;
    let (head, _) = extractor.finish()?;
    Ok((head, tasks))
}

fn checked(body: &[u8]) -> Outcome {
    let mut tasks = Vec::new();
    let sink = |task: &Task<'_>| tasks.push(format!("{task:?}"));
    let (head, _) = strict::read_query_info(body, sink, Limits::default())?;
    Ok((head, tasks))
}

fuzz_target!(|body: &[u8]| {
    let outcome = streamed(body, Engine::Auto);
    assert_eq!(outcome, streamed(body, Engine::Portable));
    if let Ok(facts) = checked(body) {
        assert_eq!(outcome, Ok(facts));
    }
});
