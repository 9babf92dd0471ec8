//! Whatever the strict reader accepts as a query list, the streaming reader reads alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtrinode::trino::query_list::{ListHead, ListReader};
use xtrinode::trino::task::{ListSink, ListedQuery};
use xtrinode::trino::{Limits, ParseError, strict};

#[derive(Default)]
struct Entries(Vec<String>);

impl ListSink for Entries {
    fn query(&mut self, query: &ListedQuery<'_>) {
        self.0.push(format!("{query:?}"));
    }
}

type Outcome = Result<(ListHead, Vec<String>), ParseError>;

fn streamed(body: &[u8]) -> Outcome {
    let mut reader = ListReader::new(Entries::default(), Limits::default());
    reader.push(body)?;
    reader.finish().map(|(head, entries)| (head, entries.0))
}

fn checked(body: &[u8]) -> Outcome {
    strict::read_query_list(body, Entries::default(), Limits::default())
        .map(|(head, entries)| (head, entries.0))
}

fuzz_target!(|body: &[u8]| {
    let outcome = streamed(body);
    if let Ok(facts) = checked(body) {
        assert_eq!(outcome, Ok(facts));
    }
});
