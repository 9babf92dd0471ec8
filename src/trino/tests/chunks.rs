//! A document means the same however it is cut, whichever engine reads it.

use super::facts::CAPTURES;
use super::support::{ENGINES, Outcome, SMALL, read, read_chunks, read_strictly};
use crate::trino::words::QueryState;
use crate::trino::{Engine, Limits, ParseError};

fn in_sizes(body: &[u8], size: usize, engine: Engine) -> Outcome {
    read_chunks(body.chunks(size), engine, Limits::default())
}

#[test]
fn the_small_document_means_what_it_says() {
    let (head, tasks) = read(SMALL.as_bytes()).unwrap();
    assert_eq!(head.self_uri.as_deref(), Some("http://c:8080/v1/query/q_1"));
    assert_eq!((head.total_tasks, head.tasks_found), (Some(3), 3));
    assert_eq!((head.pruned, head.is_final), (Some(false), None));
    assert_eq!(tasks[0].self_uri, "http://w/1");
    assert_eq!(tasks[0].node_id, "w-ä");
    let buffer = tasks[0].buffer.unwrap();
    assert_eq!((buffer.bytes, buffer.pages, buffer.pages_sent), (10, 2, 5));
    assert!(
        tasks[1..]
            .iter()
            .all(|task| task.buffer.is_none() && task.id.is_empty())
    );
    assert_eq!(read_strictly(SMALL.as_bytes()).unwrap(), (head, tasks));
}

#[test]
fn every_split_in_two() {
    let body = SMALL.as_bytes();
    let whole = read(body);
    for engine in ENGINES {
        for at in 0..=body.len() {
            let (first, second) = body.split_at(at);
            let split = read_chunks([first, second], engine, Limits::default());
            assert_eq!(split, whole, "{engine:?} split at {at}");
        }
    }
}

#[test]
fn every_chunk_size() {
    let body = SMALL.as_bytes();
    let whole = read(body);
    for engine in ENGINES {
        for size in 1..body.len() {
            assert_eq!(
                in_sizes(body, size, engine),
                whole,
                "{engine:?} size {size}"
            );
        }
    }
}

#[test]
fn captures_in_many_chunk_sizes() {
    for capture in CAPTURES {
        let whole = read(capture.body);
        for engine in ENGINES {
            for size in [1, 3, 7, 63, 64, 65, 511, 512, 513, 4096, 65536] {
                if size < 7 && capture.body.len() > 25_000 {
                    continue; // one at a time takes long without optimization
                }
                let parts = in_sizes(capture.body, size, engine);
                assert_eq!(parts, whole, "{} {engine:?} size {size}", capture.file);
            }
        }
    }
}

#[test]
fn a_body_that_ends_early_is_truncated_wherever_it_ends() {
    let body = SMALL.trim_end().as_bytes();
    for engine in ENGINES {
        for end in 0..body.len() {
            for size in [1, 64, body.len()] {
                let error = in_sizes(&body[..end], size, engine).unwrap_err();
                let offset = end as u64;
                assert_eq!(
                    error,
                    ParseError::Truncated { offset },
                    "{engine:?} {end} {size}"
                );
            }
        }
    }
    for end in 1..body.len() {
        let error = read_strictly(&body[..end]).unwrap_err();
        assert!(
            matches!(error.reason(), "truncated" | "syntax"),
            "{end}: {error}"
        );
    }
}

#[test]
fn one_byte_that_changed_is_judged_alike_in_any_cut() {
    let body = SMALL.as_bytes();
    for at in 0..body.len() {
        for foreign in [b'"', b'\\', b'}', b',', b' ', 0xff] {
            let mut changed = body.to_vec();
            changed[at] = foreign;
            let whole = read(&changed);
            for (engine, size) in [(Engine::Portable, 5), (Engine::Auto, 64)] {
                let parts = in_sizes(&changed, size, engine);
                assert_eq!(parts, whole, "{} size {size}", changed.escape_ascii());
            }
            if let Ok(facts) = read_strictly(&changed) {
                assert_eq!(whole, Ok(facts), "{}", changed.escape_ascii());
            }
        }
    }
}

/// The scanner indexes a chunk piece by piece: an escape may stand in one, the key's end in the next.
#[test]
fn an_escaped_key_is_found_wherever_it_lies_in_a_chunk() {
    for padding in 0..1200 {
        let plan = "x".repeat(padding);
        let body = format!(r#"{{"plan":"{plan}","st\u0061te":"FLUSHED","\u0073elf":"here"}}"#);
        for engine in ENGINES {
            let (head, _) = in_sizes(body.as_bytes(), body.len(), engine).unwrap();
            assert_eq!(
                head.self_uri.as_deref(),
                Some("here"),
                "{engine:?} {padding}"
            );
            assert_eq!(
                head.state,
                Some(QueryState::Unknown),
                "{engine:?} {padding}"
            );
        }
    }
}
