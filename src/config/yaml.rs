//! YAML text to a tree whose nodes know their lines. Decides which YAML we take: one
//! document of maps, lists and scalars; no anchors, no tags. Knows no key of ours.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, options};

use super::problem::Problem;

/// Our deepest key is at depth 3; this leaves room and bounds recursion.
const MAX_DEPTH: usize = 16;

/// A value and the line where it begins, counted from 1.
#[derive(Debug)]
pub(crate) struct Node {
    pub line: usize,
    pub value: Value,
}

/// Scalars stay text: the key that reads one decides its type, quoted or not.
#[derive(Debug)]
pub(crate) enum Value {
    /// An empty plain value, `~` or `null`.
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub line: usize,
    pub node: Node,
}

/// The one document of `text`, or `None` when there is none to speak of; why is then
/// among the problems. Duplicate keys, anchors and tags are problems that do not stop reading.
/// `needed` is what a file has to hold at least, to be told where it holds nothing.
pub(crate) fn parse(text: &str, needed: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree {
        needed,
        events: Parser::new_from_str_with_options(text, limits()),
        problems,
    };
    tree.document().unwrap_or_default()
}

fn limits() -> Options {
    let mut options = options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    options
}

/// Reading can't go on; the reason is already among the problems.
struct Stop;

struct Tree<'text, 'p, I>
where
    I: Iterator<Item = Result<(Event<'text>, Span), ScanError>>,
{
    events: I,
    needed: &'p str,
    problems: &'p mut Vec<Problem>,
}

impl<'text, I> Tree<'text, '_, I>
where
    I: Iterator<Item = Result<(Event<'text>, Span), ScanError>>,
{
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    self.problem(
                        &span,
                        "a second document begins here; one file holds one document",
                    );
                    return Err(Stop);
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                other => root = Some(self.node(other, &span)?),
            }
        }
        let problem = match root {
            Some(Node {
                value: Value::Map(_),
                ..
            }) => return Ok(root),
            None
            | Some(Node {
                value: Value::Null, ..
            }) => empty(self.needed),
            Some(Node { line, .. }) => {
                Problem::at(line, "", "the file must be a map of keys and values")
            }
        };
        self.problems.push(problem);
        Ok(None)
    }

    fn node(&mut self, event: Event<'text>, span: &Span) -> Result<Node, Stop> {
        self.refuse_properties(&event, span);
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) if is_null(&text) => Value::Null,
            Event::Scalar(text, ..) => Value::Scalar(text.into_owned()),
            Event::SequenceStart(..) => Value::List(self.list()?),
            Event::MappingStart(..) => Value::Map(self.map()?),
            // An alias, already refused; reading on finds further problems.
            _ => Value::Null,
        };
        Ok(Node {
            line: span.start.line(),
            value,
        })
    }

    fn list(&mut self) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, &span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<Entry>, Stop> {
        let (mut entries, mut seen) = (Vec::new(), HashMap::new());
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.node(event, &span)?;
            let (event, span) = self.next()?;
            let node = self.node(event, &span)?;
            if let Some(entry) = self.entry(key, node, &mut seen) {
                entries.push(entry);
            }
        }
    }

    fn entry(&mut self, key: Node, node: Node, seen: &mut HashMap<String, usize>) -> Option<Entry> {
        let line = key.line;
        let Value::Scalar(key) = key.value else {
            self.problems
                .push(Problem::at(line, "", "a key must be plain text"));
            return None;
        };
        if let Some(first) = seen.insert(key.clone(), line) {
            let message = format!("given twice, first on line {first}; keep one");
            self.problems.push(Problem::at(line, key, message));
            return None;
        }
        Some(Entry { key, line, node })
    }

    fn next(&mut self) -> Result<(Event<'text>, Span), Stop> {
        match self.events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                self.problems.push(broken(&error));
                Err(Stop)
            }
            None => Err(Stop),
        }
    }

    fn refuse_properties(&mut self, event: &Event<'text>, span: &Span) {
        if event.is_alias() || matches!(event, Event::UnresolvedAlias(_)) {
            self.problem(
                span,
                "aliases (*name) are not supported; write the value out",
            );
        } else if event.anchor_id().is_some() {
            self.problem(
                span,
                "anchors (&name) are not supported; write the value out where it is used",
            );
        }
        if event.tag().is_some() {
            self.problem(
                span,
                "tags (!name) are not supported; the key decides how its value is read",
            );
        }
    }

    fn problem(&mut self, span: &Span, message: &str) {
        self.problems
            .push(Problem::at(span.start.line(), "", message));
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn empty(needed: &str) -> Problem {
    Problem {
        line: None,
        key: String::new(),
        message: format!("the file is empty; it needs at least {needed}"),
    }
}

/// The scanner's own words, which name tabs and unclosed brackets well.
fn broken(error: &ScanError) -> Problem {
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    let message = format!("not valid YAML at column {column}: {}", error.info());
    Problem::at(line, "", message)
}
