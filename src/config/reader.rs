//! Typed access to one map of the file. Decides how a wrong type, a wrong value and an
//! unknown key are reported; never which keys there are.

use std::collections::BTreeMap;
use std::fmt::Display;

use url::Url;

use super::problem::Problem;
use super::values::server_url;
use super::yaml::{Entry, Node, Value};

/// Where each key of the file stands.
pub(crate) type Lines = BTreeMap<String, usize>;

/// What reading has found so far.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub problems: Vec<Problem>,
    pub lines: Lines,
}

/// One map of the file (empty where the file has none) and the path that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Map<'doc> {
    path: String,
    entries: &'doc [Entry],
}

/// Whether a message may repeat a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Show {
    Value,
    /// It may hold a credential.
    Nothing,
}

impl Reader {
    /// Reports a problem with a key, on its line or that of the nearest map around it.
    pub fn problem(&mut self, key: impl Into<String>, message: impl Into<String>) {
        let key = key.into();
        let line = self.line(&key);
        self.problems.push(Problem {
            line,
            key,
            message: message.into(),
        });
    }

    fn line(&self, key: &str) -> Option<usize> {
        let outer = || key.rsplit_once('.').and_then(|(outer, _)| self.line(outer));
        self.lines.get(key).copied().or_else(outer)
    }

    /// Whether a key already has a problem, so that rules don't report what follows from it.
    pub fn failed(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key == key)
    }

    /// Whether a key, or one below it, already has a problem.
    pub fn failed_within(&self, key: &str) -> bool {
        let within = |path: &str| {
            path.strip_prefix(key)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.problems.iter().any(|problem| within(&problem.key))
    }

    /// The map at `path`. Null and absent are an empty map; another value is a problem.
    pub fn map<'doc>(&mut self, node: Option<&'doc Node>, path: impl Into<String>) -> Map<'doc> {
        let path = path.into();
        let entries = match node.map(|node| &node.value) {
            None | Some(Value::Null) => &[],
            Some(Value::Map(entries)) => entries.as_slice(),
            Some(_) => {
                self.problem(path.as_str(), "must be a map of keys and values");
                &[]
            }
        };
        let map = Map { path, entries };
        for entry in entries {
            self.lines.insert(map.key(&entry.key), entry.line);
        }
        map
    }

    /// A server's address. One with `@` or `?` may carry a credential and is not repeated.
    pub fn url(&mut self, map: &Map<'_>, key: &str) -> Option<Url> {
        let text = self.text(map, key)?;
        let show = if text.contains(['@', '?']) {
            Show::Nothing
        } else {
            Show::Value
        };
        self.value_shown(map, key, show, server_url)
    }

    /// Like [`Reader::map`]; keys other than `known` are problems.
    pub fn section<'doc>(
        &mut self,
        node: Option<&'doc Node>,
        path: impl Into<String>,
        known: &[&str],
    ) -> Map<'doc> {
        let map = self.map(node, path);
        for entry in map.entries() {
            if !known.contains(&entry.key.as_str()) {
                self.problem(map.key(&entry.key), unknown(&entry.key, known));
            }
        }
        map
    }

    /// The text of a scalar; `None` when absent, null, or (a problem) not a scalar.
    pub fn text<'doc>(&mut self, map: &Map<'doc>, key: &str) -> Option<&'doc str> {
        match map.get(key).map(|node| &node.value)? {
            Value::Scalar(text) => Some(text),
            _ => {
                self.problem(map.key(key), "must be a single value, not a list or a map");
                None
            }
        }
    }

    /// A value read by `read`, whose error says what is allowed. `None` when absent or wrong.
    pub fn value<T, E: Display>(
        &mut self,
        map: &Map<'_>,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.value_shown(map, key, Show::Value, read)
    }

    /// [`Reader::value`] for a key whose value may have to stay out of messages.
    pub fn value_shown<T, E: Display>(
        &mut self,
        map: &Map<'_>,
        key: &str,
        show: Show,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(map, key)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(allowed) => {
                self.problem(map.key(key), refused(text, show, &allowed));
                None
            }
        }
    }

    /// The texts of a list; absent and null are an empty list.
    pub fn texts<'doc>(&mut self, map: &Map<'doc>, key: &str) -> Vec<&'doc str> {
        let Some(node) = map.get(key) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            self.problem(map.key(key), "must be a list, for example [a, b]");
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Scalar(text) => texts.push(text.as_str()),
                _ => self.problem(map.key(key), "must be a list of single values"),
            }
        }
        texts
    }
}

impl<'doc> Map<'doc> {
    /// The path of one of this map's keys.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The entries in the order of the file.
    pub fn entries(&self) -> &'doc [Entry] {
        self.entries
    }

    /// The value of a key; `None` when absent or null, which mean the same everywhere.
    pub fn get(&self, key: &str) -> Option<&'doc Node> {
        let entry = self.entries().iter().find(|entry| entry.key == key)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }
}

fn refused(text: &str, show: Show, allowed: &impl Display) -> String {
    match show {
        Show::Value => format!("{text:?} is not allowed; {allowed}"),
        Show::Nothing => format!("the value (not shown) is not allowed; {allowed}"),
    }
}

/// The value stays out of the message: a misspelt `passwordFile` may hold a password.
fn unknown(key: &str, known: &[&str]) -> String {
    match nearest(key, known) {
        Some(meant) => format!("unknown key; did you mean {meant}?"),
        None => format!("unknown key; allowed here: {}", known.join(", ")),
    }
}

/// The known key that `key` most likely stands for. Case, `-` and `_` don't count.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let scores = known.iter().map(|&known| (distance(key, known), known));
    let (distance, known) = scores.min()?;
    // A third of the word wrong is still a slip; more is another word.
    (distance * 3 <= known.len()).then_some(known)
}

fn distance(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(&folded(a), &folded(b))
}

fn folded(key: &str) -> String {
    let letters = key.chars().filter(|c| !matches!(c, '-' | '_'));
    letters.flat_map(char::to_lowercase).collect()
}
