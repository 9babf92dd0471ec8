//! Bodies that are broken, by accident or on purpose: each is a named error or read rightly.

use super::support::{ENGINES, Facts, read, read_chunks, read_strictly};
use crate::trino::query_info::Extractor;
use crate::trino::strict;
use crate::trino::{Limits, ParseError};

fn task(inner: &str) -> String {
    format!(r#"{{"outputStage":{{"tasks":[{{{inner}}}]}}}}"#)
}

/// Bodies that every reader refuses, each by the same word.
const REFUSED: &[(&str, &str)] = &[
    ("", "truncated"),
    ("  \n", "truncated"),
    ("{", "truncated"),
    (r#"{"queryId":"q"} x"#, "trailing_data"),
    ("{}{}", "trailing_data"),
    ("{},", "trailing_data"),
    ("<html><body>Log in</body></html>", "not_json"),
    ("\u{feff}{}", "not_json"),
    ("null", "not_json"),
    ("\"q\"", "not_json"),
    ("404 page not found", "not_json"),
    ("[]", "wrong_type"),
    (r#"{"queryId":5}"#, "wrong_type"),
    (r#"{"queryId":true}"#, "wrong_type"),
    (r#"{"queryId":{}}"#, "wrong_type"),
    (r#"{"pruned":"yes"}"#, "wrong_type"),
    (r#"{"pruned":1}"#, "wrong_type"),
    (r#"{"queryStats":[]}"#, "wrong_type"),
    (r#"{"queryStats":"x"}"#, "wrong_type"),
    (r#"{"queryStats":{"totalTasks":"5"}}"#, "wrong_type"),
    (r#"{"queryStats":{"totalTasks":true}}"#, "wrong_type"),
    (r#"{"queryStats":{"totalTasks":[5]}}"#, "wrong_type"),
    (r#"{"outputStage":[]}"#, "wrong_type"),
    (r#"{"outputStage":{"tasks":{}}}"#, "wrong_type"),
    (r#"{"outputStage":{"tasks":["x"]}}"#, "wrong_type"),
    (r#"{"outputStage":{"tasks":[5]}}"#, "wrong_type"),
    (r#"{"outputStage":{"tasks":[[]]}}"#, "wrong_type"),
    (r#"{"outputStage":{"subStages":[5]}}"#, "wrong_type"),
    (r#"{"stages":[]}"#, "wrong_type"),
    (r#"{"stages":{"stages":["q.0"]}}"#, "wrong_type"),
    (r#"{"queryStats":{"totalTasks":-1}}"#, "bad_number"),
    (r#"{"queryStats":{"totalTasks":1.5}}"#, "bad_number"),
    (r#"{"queryStats":{"totalTasks":1e400}}"#, "bad_number"),
    (
        r#"{"queryStats":{"totalTasks":18446744073709551616}}"#,
        "bad_number",
    ),
    (r#"{"queryId":"a","queryId":"b"}"#, "duplicate_key"),
    (r#"{"queryId":null,"queryId":"b"}"#, "duplicate_key"),
    (
        r#"{"state":"RUNNING","\u0073tate":"FINISHED"}"#,
        "duplicate_key",
    ),
    (
        r#"{"outputStage":{"tasks":[],"x":1,"tasks":[]}}"#,
        "duplicate_key",
    ),
    (
        r#"{"outputStage":{"tasks":[],"subStages":[{"tasks":[]}],"tasks":[]}}"#,
        "duplicate_key",
    ),
    (r#"{"outputStage":{},"outputStage":{}}"#, "duplicate_key"),
    (r#"{"queryId" "q"}"#, "syntax"),
    (r#"{"queryId":"q" "state":"x"}"#, "syntax"),
    (r#"{"queryId":"q",}"#, "syntax"),
    (r#"{,"queryId":"q"}"#, "syntax"),
    (r#"{"queryId":}"#, "syntax"),
    (r#"{"other":}"#, "syntax"),
    (r#"{"other": ,"queryId":"q"}"#, "syntax"),
    (r#"{queryId:"q"}"#, "syntax"),
    (r#"{"outputStage":{"tasks":[{}]]}"#, "syntax"),
    (r#"{"outputStage":{"tasks":[,]}}"#, "syntax"),
    (r#"{"outputStage":{"tasks":[{},]}}"#, "syntax"),
    (r#"{"outputStage":{"tasks":[{} {}]}}"#, "syntax"),
    (r#"{"queryId":"\ud800"}"#, "syntax"),
    (r#"{"queryId":"\x"}"#, "syntax"),
    ("{\"queryId\":\"a\nb\"}", "syntax"),
    (r#"{"stats":{"a":1],"queryId":"q"}"#, "syntax"),
];

/// The same for the inside of a task.
const REFUSED_IN_TASK: &[(&str, &str)] = &[
    (r#""taskStatus":"RUNNING""#, "wrong_type"),
    (r#""taskStatus":{"state":3}"#, "wrong_type"),
    (r#""outputBuffers":[]"#, "wrong_type"),
    (
        r#""outputBuffers":{"totalBufferedBytes":"1B"}"#,
        "wrong_type",
    ),
    (r#""outputBuffers":{"totalBufferedBytes":-1}"#, "bad_number"),
    (
        r#""outputBuffers":{},"stats":{},"outputBuffers":{}"#,
        "duplicate_key",
    ),
    (
        r#""taskStatus":{"self":"a","version":1,"self":"b"}"#,
        "duplicate_key",
    ),
];

/// All of them, and some that are too large to write down.
fn refused() -> Vec<(String, &'static str)> {
    let owned = |&(body, reason): &(&str, &'static str)| (body.to_owned(), reason);
    let in_task = |&(inner, reason): &(&str, &'static str)| (task(inner), reason);
    let mut table: Vec<_> = REFUSED.iter().map(owned).collect();
    table.extend(REFUSED_IN_TASK.iter().map(in_task));
    let long = "x".repeat(65_537);
    table.extend([
        (format!(r#"{{"plan":{}"#, "[".repeat(100_000)), "too_deep"),
        (
            format!(r#"{{"outputStage":{}"#, r#"{"subStages":["#.repeat(1000)),
            "too_deep",
        ),
        (format!(r#"{{"self":"{long}"}}"#), "string_too_long"),
        (
            task(&format!(r#""taskStatus":{{"nodeId":"{long}"#)),
            "string_too_long",
        ),
    ]);
    table
}

#[test]
fn a_bad_body_is_refused_by_name_in_any_cut() {
    for (body, reason) in refused() {
        for engine in ENGINES {
            for size in [1, 64, 1 << 20] {
                let chunks = body.as_bytes().chunks(size);
                let error = read_chunks(chunks, engine, Limits::default()).unwrap_err();
                let start: String = body.chars().take(80).collect();
                assert_eq!(error.reason(), reason, "{start}: {error}");
                assert!(error.to_string().len() < 200, "{error}");
            }
        }
    }
}

#[test]
fn the_strict_reader_refuses_the_same_by_the_same_name() {
    for (body, reason) in refused() {
        let error = read_strictly(body.as_bytes()).unwrap_err();
        let start: String = body.chars().take(80).collect();
        assert_eq!(error.reason(), reason, "{start}: {error}");
    }
}

/// Bodies that are odd but fine, with the tasks that they hold.
#[test]
fn an_odd_body_is_read_rightly() {
    let deep = format!(r#"{{"plan":{}{}}}"#, "[".repeat(1023), "]".repeat(1023));
    let stages = 511;
    let nested = format!(
        r#"{{"outputStage":{}{{"tasks":[{{}}]}}{}}}"#,
        r#"{"tasks":[{}],"subStages":["#.repeat(stages - 1),
        "]}".repeat(stages - 1)
    );
    let long = format!(
        r#"{{"query":"{}","self":"{}","{}":1}}"#,
        "x".repeat(200_000),
        "x".repeat(65_536),
        "k".repeat(70_000)
    );
    for (body, tasks) in [
        ("{}".to_owned(), 0),
        (" \t\r\n{ } \n".to_owned(), 0),
        (deep, 0),
        (nested, stages as u64),
        (long, 0),
        (r#"{"outputStage":null,"stages":null}"#.to_owned(), 0),
        (
            r#"{"outputStage":{"tasks":null,"subStages":null}}"#.to_owned(),
            0,
        ),
        (r#"{"stages":{"stages":null}}"#.to_owned(), 0),
        (task(r#""taskStatus":null,"outputBuffers":null"#), 1),
        (task(r#""outputBuffers":{"totalBufferedBytes":null}"#), 1),
        (task(r#""outputBuffers":{"totalBufferedBytes":1.0E0}"#), 1),
        (task(r#""x":1e400,"y":-0.0,"z":1e400"#), 1),
        (
            task(r#""x":1,"x":2,"stats":{"taskStatus":{},"taskStatus":{}}"#),
            1,
        ),
        (
            r#"{"outputStage":{"\u0074\u0061sks":[{},{}]}}"#.to_owned(),
            2,
        ),
        (
            r#"{"plan":{"tasks":[{"taskStatus":1}]},"query":"\"tasks\":[{}]"}"#.to_owned(),
            0,
        ),
    ] {
        let start: String = body.chars().take(80).collect();
        let strict = read_strictly(body.as_bytes());
        let found = strict.as_ref().map(|(head, _)| head.tasks_found);
        assert_eq!(found, Ok(tasks), "{start}");
        for engine in ENGINES {
            for size in [1, 64, 1 << 20] {
                let chunks = body.as_bytes().chunks(size);
                let outcome = read_chunks(chunks, engine, Limits::default());
                assert_eq!(outcome, strict, "{start}");
            }
        }
    }
}

/// What the streaming reader lets pass in parts that it does not read; the strict one does not.
#[test]
fn unread_parts_are_checked_only_by_the_strict_reader() {
    for (body, reason) in [
        (&br#"{"plan":NaN}"#[..], "syntax"),
        (br#"{"plan":{"x" 1 2 @@}}"#, "syntax"),
        (br#"{"plan":{"a":[}}}"#, "syntax"),
        (br#"{"plan":{"a":01}}"#, "syntax"),
        (b"{\"plan\":\"\xff\"}", "syntax"),
        (b"{\"plan\":\"\n\"}", "syntax"),
    ] {
        let text = body.escape_ascii();
        assert_eq!(read(body).err(), None, "{text}");
        assert_eq!(read_strictly(body).unwrap_err().reason(), reason, "{text}");
    }
}

#[test]
fn errors_name_the_path_and_the_place() {
    let error = read(task(r#""outputBuffers":{"totalBufferedBytes":-1}"#).as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "outputBuffers.totalBufferedBytes at byte 64 is not a whole number from 0 to 2^64-1"
    );
    let error = read(br#"{"state":"A","state":"B"}"#).unwrap_err();
    assert_eq!(error.path(), Some("state"));
    assert_eq!(
        error.to_string(),
        "state appears twice in one object, again at byte 19"
    );
}

#[test]
fn an_error_is_final() {
    let mut extractor = Extractor::new(Facts::default(), Limits::default());
    let error = extractor.push(b"<html>").unwrap_err();
    assert_eq!(extractor.push(b"{}").unwrap_err(), error);
    assert_eq!(extractor.finish().unwrap_err(), error);
}

#[test]
fn a_body_that_never_ends_is_cut_off() {
    let limits = Limits {
        document_bytes: 1_000_000,
        ..Limits::default()
    };
    let mut extractor = Extractor::new(Facts::default(), limits);
    extractor.push(br#"{"plan":""#).unwrap();
    let chunk = [b'x'; 1000];
    let mut pushed = 0;
    let error = loop {
        match extractor.push(&chunk) {
            Ok(()) => pushed += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(
        (pushed, &error),
        (999, &ParseError::TooLarge { limit: 1_000_000 })
    );
    let endless = std::io::Read::chain(&b"{\"plan\":\""[..], std::io::repeat(b'x'));
    let strict = strict::read_query_info(endless, Facts::default(), limits);
    assert_eq!(strict.unwrap_err(), error);
}

#[test]
fn a_source_that_fails_is_not_called_a_bad_document() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let body = std::io::Read::chain(&b"{\"plan\":\""[..], Broken);
    let error = strict::read_query_info(body, Facts::default(), Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "reading the body failed after about 9 bytes: connection reset"
    );
}
