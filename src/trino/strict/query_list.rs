//! A query list, read strictly.

use std::io::Read;

use struson::reader::ValueType;

use super::reader::{Key, Reader};
use crate::trino::error::ParseError;
use crate::trino::query_list::ListHead;
use crate::trino::task::{ListSink, ListedQuery};
use crate::trino::words::{QueryState, RetryPolicy};

const ENTRY: [Key; 3] = [
    ("queryId", "[].queryId"),
    ("state", "[].state"),
    ("retryPolicy", "[].retryPolicy"),
];

pub(super) fn read<R: Read, S: ListSink>(
    mut reader: Reader<'_, R>,
    mut sink: S,
) -> Result<(ListHead, S), ParseError> {
    let mut head = ListHead::default();
    reader.expect(ValueType::Array, "$", "an array")?;
    reader.array("$", |reader| {
        entry(reader, &mut sink)?;
        head.entries += 1;
        Ok(())
    })?;
    reader.end()?;
    Ok((head, sink))
}

fn entry<R: Read>(reader: &mut Reader<'_, R>, sink: &mut impl ListSink) -> Result<(), ParseError> {
    let mut texts: [Option<String>; 3] = [None, None, None];
    reader.expect(ValueType::Object, "[]", "an object or null")?;
    reader.object("[]", &ENTRY, |reader, key| {
        texts[key] = reader.text(ENTRY[key].1)?;
        Ok(())
    })?;
    let [id, state, retry_policy] = texts;
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Err(ParseError::MissingKey {
            offset: reader.position(),
            path: ENTRY[0].1,
        });
    };
    sink.query(&ListedQuery {
        id: &id,
        state: state.map_or(QueryState::Unknown, |word| QueryState::from_word(&word)),
        retry_policy: retry_policy.map(|word| RetryPolicy::from_word(&word)),
    });
    Ok(())
}
