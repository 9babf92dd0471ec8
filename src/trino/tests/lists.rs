//! The reader of the query list.

use super::support::{ENGINES, list, list_strictly};
use crate::trino::words::{QueryState, RetryPolicy};

const BUSY_476: &[u8] = include_bytes!("../../../tests/data/trino-476/list-busy.json");
const BUSY_482: &[u8] = include_bytes!("../../../tests/data/trino-482/list-busy.json");
const HIDDEN: &[u8] =
    include_bytes!("../../../tests/data/trino-476/list-without-view-permission.json");

fn entry(
    id: &str,
    state: QueryState,
    retry: RetryPolicy,
) -> (String, QueryState, Option<RetryPolicy>) {
    (id.to_owned(), state, Some(retry))
}

#[test]
fn captured_lists_say_what_the_files_say() {
    let (head, entries) = list(BUSY_476, 4096, ENGINES[0]).unwrap();
    assert_eq!(head.entries, 5);
    assert_eq!(
        entries,
        [
            entry(
                "20261122_024212_00005_ic53v",
                QueryState::Failed,
                RetryPolicy::None
            ),
            entry(
                "20261122_024236_00007_ic53v",
                QueryState::Planning,
                RetryPolicy::None
            ),
            entry(
                "20261122_024120_00000_ic53v",
                QueryState::Running,
                RetryPolicy::None
            ),
            entry(
                "20261122_024227_00006_ic53v",
                QueryState::Running,
                RetryPolicy::Task
            ),
            entry(
                "20261122_024203_00004_ic53v",
                QueryState::Running,
                RetryPolicy::None
            ),
        ]
    );
    let (_, entries) = list(BUSY_482, 4096, ENGINES[0]).unwrap();
    assert_eq!(
        entries,
        [
            entry(
                "20261122_025013_00000_watay",
                QueryState::Running,
                RetryPolicy::None
            ),
            entry(
                "20261122_025043_00002_watay",
                QueryState::Planning,
                RetryPolicy::None
            ),
            entry(
                "20261122_025029_00001_watay",
                QueryState::Running,
                RetryPolicy::None
            ),
        ]
    );
    assert_eq!(list(HIDDEN, 1, ENGINES[0]).unwrap().0.entries, 0);
}

#[test]
fn lists_mean_the_same_in_any_cut_and_to_the_strict_reader() {
    for body in [BUSY_476, BUSY_482, HIDDEN, br#"[ null , {"queryId":"q"} ]"#] {
        let strict = list_strictly(body);
        assert!(strict.is_ok());
        for engine in ENGINES {
            for size in [1, 2, 63, 64, 65, 1000, 100_000] {
                assert_eq!(list(body, size, engine), strict, "{engine:?} size {size}");
            }
        }
    }
}

#[test]
fn bad_lists_are_named() {
    for (body, reason) in [
        (r#"[{"state":"RUNNING"}]"#, "missing_key"),
        (r#"[{"queryId":""}]"#, "missing_key"),
        (r#"[{"queryId":null}]"#, "missing_key"),
        (r#"[{"queryId":"a","queryId":"a"}]"#, "duplicate_key"),
        (r#"[{"queryId":1}]"#, "wrong_type"),
        (r#"["q"]"#, "wrong_type"),
        ("[[]]", "wrong_type"),
        (r#"{"queryId":"q"}"#, "wrong_type"),
        (r#"[{"queryId":"q"},]"#, "syntax"),
        (r#"[{"queryId":"q"}"#, "truncated"),
        ("[] []", "trailing_data"),
        ("<html>", "not_json"),
    ] {
        for engine in ENGINES {
            for size in [1, 100] {
                let error = list(body.as_bytes(), size, engine).unwrap_err();
                assert_eq!(error.reason(), reason, "{body}: {error}");
            }
        }
        assert_eq!(
            list_strictly(body.as_bytes()).unwrap_err().reason(),
            reason,
            "{body}"
        );
    }
}
