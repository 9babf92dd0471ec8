//! Label selectors as Kubernetes writes them, so that the same text selects on the server and among pod templates here.
//! Parses; matching is kube's.

use std::collections::BTreeSet;

use kube::core::{Expression, Selector};

/// Reads a selector such as `app=trino,tier in (a, b),!legacy`.
///
/// # Errors
/// When a part is not one of `key`, `!key`, `key=value`, `key==value`, `key!=value`, `key in (a,b)`, `key notin (a,b)`;
/// the error quotes the part. An empty selector would name every pod and is refused.
pub fn parse(text: &str) -> Result<Selector, String> {
    if text.trim().is_empty() {
        return Err("the label selector is empty, and would name every pod".to_owned());
    }
    parts(text).into_iter().map(expression).collect()
}

/// Splits at commas that stand outside parentheses.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn expression(part: &str) -> Result<Expression, String> {
    let part = part.trim();
    let found = set(part).or_else(|| equality(part)).or_else(|| bare(part));
    found.ok_or_else(|| {
        format!("{part:?} is no label selector; allowed are key, !key, key=value, key!=value, key in (a,b), key notin (a,b)")
    })
}

fn set(part: &str) -> Option<Expression> {
    let (head, values) = part.strip_suffix(')')?.split_once('(')?;
    let mut words = head.split_whitespace();
    let (key, operator) = (name(words.next()?)?, words.next()?);
    let values: Option<BTreeSet<String>> = values.split(',').map(|v| value(v.trim())).collect();
    match (operator, words.next()) {
        ("in", None) => Some(Expression::In(key, values?)),
        ("notin", None) => Some(Expression::NotIn(key, values?)),
        _ => None,
    }
}

fn equality(part: &str) -> Option<Expression> {
    if let Some((key, text)) = part.split_once("!=") {
        return Some(Expression::NotEqual(name(key.trim())?, value(text.trim())?));
    }
    let (key, text) = part.split_once("==").or_else(|| part.split_once('='))?;
    Some(Expression::Equal(name(key.trim())?, value(text.trim())?))
}

fn bare(part: &str) -> Option<Expression> {
    match part.strip_prefix('!') {
        Some(key) => Some(Expression::DoesNotExist(name(key.trim())?)),
        None => Some(Expression::Exists(name(part)?)),
    }
}

fn name(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
}

fn value(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.chars().all(fits).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use kube::core::SelectorExt as _;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let labels: BTreeMap<_, _> = labels.collect();
        parse(selector).expect(selector).matches(&labels)
    }

    #[test]
    fn every_form_selects_as_kubernetes_does() {
        let labels = [("app", "trino"), ("tier", "b"), ("x.io/role", "worker")];
        for yes in [
            "app=trino",
            "app==trino,tier!=a",
            "tier in (a, b),app",
            "tier notin (c),!legacy",
            "legacy notin (x)",
            "x.io/role=worker",
            "legacy!=x",
        ] {
            assert!(matches(yes, &labels), "{yes}");
        }
        for no in [
            "app=hive",
            "tier in (a)",
            "!app",
            "legacy",
            "tier notin (b)",
            "app=",
        ] {
            assert!(!matches(no, &labels), "{no}");
        }
    }

    #[test]
    fn what_is_none_is_quoted() {
        for wrong in [
            "", " ", "a,", "a b", "a in b", "a in (b", "in (a)", "=a", "a=b c", "a of (b)", "!",
            "a>1",
        ] {
            let error = parse(wrong).expect_err(wrong);
            assert!(error.contains("selector"), "{wrong}: {error}");
        }
        assert!(
            parse("app=trino,tier of (a)")
                .expect_err("of")
                .contains("tier of (a)")
        );
    }

    #[test]
    fn it_is_sent_as_it_was_read() {
        for text in ["app=trino", "tier in (a,b)", "!legacy", "app"] {
            assert_eq!(parse(text).expect(text).to_string(), text);
        }
    }
}
