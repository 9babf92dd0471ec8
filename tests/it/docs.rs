//! docs/keys.md and docs/verdicts.md say what the code says: every key, every row of the decision tables, nothing else.
//! docs/rules.md names functions and tests that exist.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use xtrinode::api::keys::{self, Place, Writer};
use xtrinode::core::guard::rows::Row;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
const VERDICTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verdicts.md");

const HEAD: &str = "# Labels and annotations

Every label and annotation that the guard reads or writes. Generated from `src/api/keys.rs`. What the guard alone writes is protected from
other writers by the chart's ValidatingAdmissionPolicy; what is marked `override` there needs that verb. Without that policy whoever
may patch pods can end a bound early, or vouch for a worker that says DRAINED. What does not parse counts as absent,
except break-glass: a removal that would be refused anyway is then refused with what is wrong in it.

| key | stands on | written by | says |
|---|---|---|---|
";

fn place(place: Place) -> &'static str {
    match place {
        Place::NamespaceLabel => "namespace (label)",
        Place::PodLabel => "pod (label)",
        Place::Pod => "pod",
        Place::Workload => "workload",
        Place::Any => "pod, workload or namespace",
        Place::Lease => "the guard's Lease",
    }
}

fn writer(writer: Writer) -> &'static str {
    match writer {
        Writer::User => "you",
        Writer::Override => "whoever may `override`",
        Writer::Guard => "the guard",
        Writer::Operator => "the operator",
        Writer::Chart => "Trino's chart",
    }
}

/// `UPDATE=1 cargo test --test it docs` rewrites the page.
#[test]
fn the_page_of_keys_is_current() {
    let mut page = HEAD.to_owned();
    for key in keys::ALL {
        let (place, writer) = (place(key.place), writer(key.writer));
        writeln!(
            page,
            "| `{}` | {place} | {writer} | {} |",
            key.name, key.says
        )
        .unwrap();
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(KEYS, &page).unwrap();
    }
    assert!(
        fs::read_to_string(KEYS).unwrap() == page,
        "docs/keys.md is out of date: run UPDATE=1 cargo test --test it docs"
    );
}

/// Number and reason of each table row: the first two columns.
fn documented() -> Vec<(String, String)> {
    let page = fs::read_to_string(VERDICTS).unwrap();
    let rows = page.lines().filter_map(|line| {
        let mut columns = line.strip_prefix("| ")?.split(" | ");
        let number = columns.next()?;
        let reason = columns.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((number.to_owned(), reason.to_owned()))
    });
    rows.collect()
}

#[test]
fn every_row_stands_in_the_page_of_verdicts_once() {
    let documented = documented();
    let distinct: BTreeSet<_> = documented.iter().cloned().collect();
    assert_eq!(distinct.len(), documented.len(), "a row stands there twice");
    let rows = Row::ALL
        .iter()
        .map(|row| (row.number().to_owned(), row.reason().to_owned()));
    let rows: BTreeSet<_> = rows.collect();
    let missing: Vec<_> = rows.difference(&distinct).collect();
    assert!(missing.is_empty(), "not in docs/verdicts.md: {missing:?}");
    let unknown: Vec<_> = distinct.difference(&rows).collect();
    assert!(unknown.is_empty(), "only in docs/verdicts.md: {unknown:?}");
}

/// Each row says all of it: condition, answer, effects.
#[test]
fn every_row_of_the_page_of_verdicts_is_whole() {
    let page = fs::read_to_string(VERDICTS).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.matches(" | `").count() > 0 && line.starts_with("| "));
    for row in rows {
        let columns = row
            .trim_matches('|')
            .split(" | ")
            .filter(|text| !text.trim().is_empty());
        assert_eq!(columns.count(), 5, "{row}");
    }
}

/// The words in backticks of a table cell.
fn ticked(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The cells of the rows of docs/rules.md: rule, code, tests.
fn rules() -> Vec<[String; 3]> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<_> = line
            .trim_matches('|')
            .split(" | ")
            .map(str::to_owned)
            .collect();
        let rule = line.starts_with("| ") && !line.starts_with("| rule ");
        rule.then(|| cells.try_into().expect("three cells"))
    });
    rows.collect()
}

#[test]
fn every_rule_names_the_function_that_decides_it() {
    let guard = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core/guard");
    for [rule, code, _] in rules() {
        let named: Vec<_> = ticked(&code).collect();
        assert!(!named.is_empty(), "{rule}");
        for place in named {
            let (file, function) = place.split_once("::").expect("FILE::FUNCTION");
            let text = fs::read_to_string(guard.join(file)).expect(place);
            let opens = ['(', '<'].map(|open| format!("fn {function}{open}"));
            assert!(
                opens.iter().any(|open| text.contains(open)),
                "{place} is not there: {rule}"
            );
        }
    }
}

#[test]
fn every_rule_names_tests_that_exist() {
    let mut text = String::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut text,
    );
    for [rule, _, tests] in rules() {
        let named: Vec<_> = ticked(&tests).collect();
        assert!(!named.is_empty(), "{rule}");
        for test in named {
            let is_there =
                text.contains(&format!("fn {test}(")) || text.contains(&format!(" {test} = "));
            assert!(is_there, "{test} is not there: {rule}");
        }
    }
}

/// All Rust below a folder.
fn collect(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
