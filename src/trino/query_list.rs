//! The streaming reader of the query list (`GET /v1/query`): an array with one object for each
//! query that the coordinator tracks, ended ones included. Takes three values of each.

use super::error::ParseError;
use super::json::Engine;
use super::json::model::{Element, Key, Model, Shape, Want};
use super::json::walker::Walker;
use super::limits::Limits;
use super::task::{ListSink, ListedQuery};
use super::task_slot::replace;
use super::words::{QueryState, RetryPolicy};

/// What the list says as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListHead {
    /// Entries that the reader found and handed to the sink.
    pub entries: u64,
}

/// Reads one query list from chunks of any size. Memory does not depend on the document.
///
/// An entry without `queryId` is an error, since nothing could be asked about it; a null entry
/// counts for nothing.
pub struct ListReader<S: ListSink> {
    walker: Walker<ListModel<S>>,
}

impl<S: ListSink> ListReader<S> {
    /// A reader with the fastest engine of this processor.
    pub fn new(sink: S, limits: Limits) -> Self {
        Self::with_engine(sink, limits, Engine::Auto)
    }

    /// A reader with a chosen engine.
    pub fn with_engine(sink: S, limits: Limits, engine: Engine) -> Self {
        let model = ListModel {
            sink,
            head: ListHead::default(),
            entry: Entry::default(),
        };
        Self {
            walker: Walker::new(model, limits, engine),
        }
    }

    /// Reads the next bytes of the body; any split is allowed.
    ///
    /// # Errors
    /// The first problem of the document, and the same again from every later call.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        self.walker.push(chunk)
    }

    /// Ends the body; gives back the number of entries, and the sink.
    ///
    /// # Errors
    /// An earlier problem, or [`ParseError::Truncated`] where the list is not closed.
    pub fn finish(self) -> Result<(ListHead, S), ParseError> {
        let model = self.walker.finish()?;
        Ok((model.head, model.sink))
    }
}

struct ListModel<S> {
    sink: S,
    head: ListHead,
    entry: Entry,
}

/// The entry that is open.
#[derive(Default)]
struct Entry {
    id: String,
    state: Option<QueryState>,
    retry_policy: Option<RetryPolicy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    List,
    Entry,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Id,
    State,
    RetryPolicy,
}

/// The path of the one key that an entry must have.
pub(super) const ENTRY_ID: &str = "[].queryId";

static LIST: Element<Node> = Element {
    node: Node::Entry,
    path: "[]",
    texts: false,
};

static ENTRY: [Key<Node, Field>; 3] = [
    Key {
        name: "queryId",
        path: ENTRY_ID,
        want: Want::Text(Field::Id),
    },
    Key {
        name: "state",
        path: "[].state",
        want: Want::Text(Field::State),
    },
    Key {
        name: "retryPolicy",
        path: "[].retryPolicy",
        want: Want::Text(Field::RetryPolicy),
    },
];

impl<S: ListSink> Model for ListModel<S> {
    type Node = Node;
    type Field = Field;

    const ROOT: Node = Node::List;

    #[inline]
    fn shape(node: Node) -> Shape<Node, Field> {
        match node {
            Node::List => Shape::Array(&LIST),
            Node::Entry => Shape::Object(&ENTRY),
        }
    }

    fn open(&mut self, node: Node) {
        if node == Node::Entry {
            self.entry.id.clear();
            self.entry.state = None;
            self.entry.retry_policy = None;
        }
    }

    fn close(&mut self, node: Node) -> Result<(), &'static str> {
        if node == Node::List {
            return Ok(());
        }
        if self.entry.id.is_empty() {
            return Err(ENTRY_ID);
        }
        self.head.entries += 1;
        self.sink.query(&ListedQuery {
            id: &self.entry.id,
            state: self.entry.state.unwrap_or(QueryState::Unknown),
            retry_policy: self.entry.retry_policy,
        });
        Ok(())
    }

    fn text(&mut self, field: Field, text: &str) {
        match field {
            Field::Id => replace(&mut self.entry.id, text),
            Field::State => self.entry.state = Some(QueryState::from_word(text)),
            Field::RetryPolicy => {
                self.entry.retry_policy = Some(RetryPolicy::from_word(text));
            }
        }
    }

    // An entry has no wanted counters and flags.
    fn count(&mut self, _: Field, _: u64) {}
    fn flag(&mut self, _: Field, _: bool) {}
}
