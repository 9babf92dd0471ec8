//! Generated documents: whatever the strict reader accepts, the streaming reader reads alike.

use proptest::prelude::*;

use super::support::{ENGINES, list, list_strictly, read, read_chunks, read_strictly};
use crate::trino::Limits;

/// Keys of all levels, so that wanted and unwanted ones meet everywhere.
const KEYS: [&str; 22] = [
    "queryId",
    "state",
    "self",
    "queryStats",
    "totalTasks",
    "outputStage",
    "stages",
    "subStages",
    "tasks",
    "taskStatus",
    "outputBuffers",
    "taskId",
    "nodeId",
    "type",
    "totalBufferedBytes",
    "totalBufferedPages",
    "totalPagesSent",
    "retryPolicy",
    "pruned",
    "finalQueryInfo",
    "plan",
    "st\\u0061te",
];

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\n\t\r ")]
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("RUNNING"),
        Just("x"),
        Just(r"\\"),
        Just(r#"\""#),
        Just(r"\u00e4"),
        Just("ä"),
        Just("{["),
        Just("]}"),
        Just(":"),
        Just(","),
        Just(r"\ud83d\ude00"),
        Just("/"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text(),
        2 => any::<u32>().prop_map(|number| number.to_string()),
        1 => Just("null".to_owned()),
        1 => Just("true".to_owned()),
        1 => Just("12.0e1".to_owned()),
        1 => Just("-7".to_owned()),
    ]
}

/// Any JSON with our keys.
fn anything() -> impl Strategy<Value = String> {
    scalar().prop_recursive(5, 60, 6, |inner| {
        let member = (
            proptest::sample::select(&KEYS[..]),
            space(),
            inner.clone(),
            space(),
        )
            .prop_map(|(key, before, value, after)| format!("\"{key}\"{before}:{value}{after}"));
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            proptest::collection::vec(member, 0..6)
                .prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

/// A task as Trino may write it, with anything in between.
fn task() -> impl Strategy<Value = String> {
    (text(), text(), any::<u64>(), anything(), any::<bool>()).prop_map(
        |(node, word, bytes, noise, first)| {
            let status = format!(
                r#""taskStatus":{{"x":{noise},"nodeId":{node},"state":{word},"self":{node}}}"#
            );
            let buffers = format!(
                r#""outputBuffers":{{"type":{word},"totalBufferedBytes":{bytes},"y":{noise}}}"#
            );
            if first {
                format!(r#"{{{status},"stats":{noise},{buffers}}}"#)
            } else {
                format!(r#"{{{buffers},"stats":{noise},{status}}}"#)
            }
        },
    )
}

/// A QueryInfo as Trino may write it.
fn document() -> impl Strategy<Value = String> {
    let tasks = proptest::collection::vec(task(), 0..4);
    (tasks, anything(), space(), any::<bool>()).prop_map(|(tasks, noise, space, flat)| {
        let tasks = tasks.join(",");
        let stage =
            format!(r#"{{"plan":{noise},"tasks":[{space}{tasks}{space}],"subStages":["s"]}}"#);
        let stages = if flat {
            format!(r#""stages":{{"stages":[{stage},{stage}]}}"#)
        } else {
            format!(r#""outputStage":{{"subStages":[{stage}],"tasks":[{tasks}]}}"#)
        };
        format!(r#"{{"plan":{noise},{space}{stages},"queryStats":{{"totalTasks":1}}}}"#)
    })
}

/// Bytes that are nearly JSON: a document in which some were replaced.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let byte = proptest::sample::select(&b"{}[]\",:\\ 01xn\n\xff"[..]);
    let changes = proptest::collection::vec((any::<proptest::sample::Index>(), byte), 1..4);
    (document(), changes).prop_map(|(document, changes)| {
        let mut bytes = document.into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// The streaming reader judges a body alike in any cut, and agrees with the strict one on all that
/// the strict one accepts.
fn agree(body: &[u8], size: usize) -> Result<(), TestCaseError> {
    let whole = read(body);
    for engine in ENGINES {
        let parts = read_chunks(body.chunks(size), engine, Limits::default());
        prop_assert_eq!(&parts, &whole);
    }
    if let Ok(facts) = read_strictly(body) {
        prop_assert_eq!(whole, Ok(facts));
    }
    let whole = list(body, body.len().max(1), ENGINES[0]);
    for engine in ENGINES {
        prop_assert_eq!(&list(body, size, engine), &whole);
    }
    if let Ok(entries) = list_strictly(body) {
        prop_assert_eq!(whole, Ok(entries));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn documents(body in document(), size in 1usize..200) {
        prop_assert!(read(body.as_bytes()).is_ok(), "{}", body);
        agree(body.as_bytes(), size)?;
    }

    #[test]
    fn arbitrary_json(value in anything(), size in 1usize..200) {
        agree(value.as_bytes(), size)?;
        agree(format!("[{value},{{\"queryId\":{value}}}]").as_bytes(), size)?;
    }

    #[test]
    fn damaged_documents(body in damaged(), size in 1usize..200) {
        agree(&body, size)?;
    }
}
