//! The readers against facts that were read from the captures by other means.

use super::facts::{CAPTURES, Capture};
use super::support::{ENGINES, Outcome, read_chunks, read_strictly};
use crate::trino::Limits;

/// Writes what a reader found in the form of the table of facts.
fn in_words(capture: &Capture, outcome: Outcome) -> (String, Vec<String>) {
    let (head, tasks) = outcome.unwrap_or_else(|error| panic!("{}: {error}", capture.file));
    let id = head.query_id.unwrap();
    assert_eq!(head.pruned, Some(capture.pruned), "{}", capture.file);
    assert_eq!(head.is_final, Some(capture.is_final), "{}", capture.file);
    assert_eq!(
        head.total_tasks,
        Some(capture.total_tasks),
        "{}",
        capture.file
    );
    assert_eq!(head.tasks_found, tasks.len() as u64, "{}", capture.file);
    let coordinator = head.self_uri.unwrap();
    assert!(
        coordinator.starts_with("http://127.0.0.1:"),
        "{coordinator}"
    );
    assert!(
        coordinator.ends_with(&format!("/v1/query/{id}")),
        "{coordinator}"
    );
    let (state, retry) = (
        head.state.unwrap().word(),
        head.retry_policy.unwrap().word(),
    );
    let words = tasks.iter().map(|task| {
        let buffer = task.buffer.unwrap();
        let (_, place) = task.id.split_once('.').unwrap();
        assert_eq!(task.id, format!("{id}.{place}"));
        let address = task.self_uri.split('/').nth(2).unwrap();
        assert_eq!(
            task.self_uri,
            format!("http://{address}/v1/task/{}", task.id)
        );
        format!(
            "{place} {} {address} {} {} {} {} {} {}",
            task.node_id,
            task.state.word(),
            buffer.kind.word(),
            buffer.state.word(),
            buffer.bytes,
            buffer.pages,
            buffer.pages_sent
        )
    });
    (format!("{id} {state} {retry}"), words.collect())
}

fn check(capture: &Capture, outcome: Outcome) {
    let (query, tasks) = in_words(capture, outcome);
    assert_eq!(query, capture.query, "{}", capture.file);
    assert_eq!(tasks, capture.tasks, "{}", capture.file);
}

#[test]
fn the_streaming_reader_finds_the_facts() {
    for capture in CAPTURES {
        for engine in ENGINES {
            check(
                capture,
                read_chunks([capture.body], engine, Limits::default()),
            );
        }
    }
}

#[test]
fn the_strict_reader_finds_the_facts() {
    for capture in CAPTURES {
        check(capture, read_strictly(capture.body));
    }
}

#[test]
fn a_document_that_is_not_pruned_counts_its_tasks_right() {
    let mut pruned = 0;
    for capture in CAPTURES {
        let (head, _) = super::support::read(capture.body).unwrap();
        let complete = head.total_tasks == Some(head.tasks_found);
        assert_eq!(complete, !capture.pruned, "{}", capture.file);
        pruned += usize::from(capture.pruned);
    }
    assert_eq!((CAPTURES.len(), pruned), (17, 1));
}
