//! What a coordinator with nothing but running queries answers. Documents are generated once, so
//! that serving is as fast as the exporter can take.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::mix::Recipe;
use super::mixes::WORKERS;
use super::scene::Scene;

/// The id that generated documents bear.
const GENERATED: &str = "20261122_120000_00042_mixed";
/// Its number.
const FIRST: usize = 42;

/// The answers of one scene.
pub struct Answers {
    document: Vec<u8>,
    queries: usize,
}

impl Answers {
    /// Generates them.
    pub fn new(scene: &Scene) -> anyhow::Result<Self> {
        let recipe = Recipe {
            mix: scene.kind.mix,
            wire: scene.kind.wire,
            bytes: scene.bytes,
            workers: WORKERS,
        };
        let mut document = Vec::new();
        recipe.write(&mut document)?;
        Ok(Self {
            document,
            queries: scene.queries,
        })
    }

    /// `GET /v1/info`
    pub fn info() -> String {
        r#"{"nodeVersion":{"version":"476"},"environment":"bench","coordinator":true,"starting":false,"uptime":"5.82m"}"#
            .to_owned()
    }

    /// `GET /v1/status`
    pub fn status() -> String {
        r#"{"nodeId":"trino-coordinator","nodeVersion":{"version":"476"},"environment":"bench","coordinator":true,"uptime":"5.82m"}"#
            .to_owned()
    }

    /// `GET /metrics`
    pub fn metrics(&self) -> String {
        let name = "trino_execution_name_QueryManager_RunningQueries";
        format!("# TYPE {name} gauge\n{name} {}\n", self.queries)
    }

    /// `GET /v1/query`
    pub fn list(&self) -> String {
        let mut list = String::from("[");
        for number in 0..self.queries {
            let comma = if number > 0 { "," } else { "" };
            let id = id(number);
            let _ = write!(
                list,
                r#"{comma}{{"queryId":"{id}","session":{{"user":"bench","catalog":"tpch"}},"state":"RUNNING","scheduled":true,"self":"http://10.0.0.1:8080/v1/query/{id}","query":"SELECT 1","queryStats":{{"totalDrivers":16,"runningDrivers":16}},"retryPolicy":"NONE"}}"#
            );
        }
        list.push(']');
        list
    }

    /// `GET /v1/query/{id}`; `None` for ids that are not listed.
    pub fn document(&self, asked: &str) -> Option<Cow<'_, [u8]>> {
        let known = (0..self.queries).map(id).any(|id| id == asked);
        if !known {
            return None;
        }
        if asked == GENERATED {
            return Some(Cow::Borrowed(&self.document));
        }
        Some(Cow::Owned(renamed(&self.document, asked)))
    }
}

fn id(number: usize) -> String {
    format!("20261122_120000_{:05}_mixed", FIRST + number)
}

/// The document of a query with another id of the same length.
fn renamed(document: &[u8], id: &str) -> Vec<u8> {
    let mut copy = document.to_vec();
    let (old, new) = (GENERATED.as_bytes(), id.as_bytes());
    let mut place = 0;
    while place + old.len() <= copy.len() {
        if copy[place] == old[0] && copy[place..].starts_with(old) {
            copy[place..place + old.len()].copy_from_slice(new);
            place += old.len();
        } else {
            place += 1;
        }
    }
    copy
}
