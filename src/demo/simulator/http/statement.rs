//! The statement protocol: tokens, slugs, pages that can be asked for again. It decides which page
//! a request gets; a page asked for twice with one token is the same page.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::access::required_user;
use super::reply::{Reply, json, status, text};
use super::shared::Shared;
use crate::demo::simulator::random::mix;
use crate::demo::simulator::spec::{Client, QuerySpec};
use crate::demo::simulator::wire::statement as page;
use crate::trino::words::{QueryState, RetryPolicy};

/// Statements under way, by query id.
pub type Statements = BTreeMap<String, Statement>;

/// Statements kept after their end, for clients that ask for a last page again.
const KEPT: usize = 1000;

/// One statement.
#[derive(Debug)]
pub struct Statement {
    spec: QuerySpec,
    secret: u64,
    submitted: bool,
    /// The last page and its token.
    last: Option<(u64, Value)>,
    rows_sent: u64,
    ended: bool,
}

/// Which part of the protocol a path belongs to.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Queued,
    Executing,
}

/// What to do with a request for a page.
enum Turn {
    Again(Value),
    Next,
    Refuse(StatusCode),
}

impl Statement {
    /// The unguessable part of a path.
    fn slug(&self, phase: Phase) -> String {
        let (letter, salt) = match phase {
            Phase::Queued => ('x', 1),
            Phase::Executing => ('y', 2),
        };
        let (a, b) = (
            mix(self.secret ^ salt),
            mix(self.secret.rotate_left(17) ^ salt),
        );
        format!("{letter}{a:016x}{b:016x}")
    }

    fn path(&self, id: &str, phase: Phase, token: u64) -> String {
        let word = match phase {
            Phase::Queued => "queued",
            Phase::Executing => "executing",
        };
        format!("/v1/statement/{word}/{id}/{}/{token}", self.slug(phase))
    }

    /// The last token again gives the last page, the next one the next, older ones are gone.
    fn turn(&self, slug: &str, phase: Phase, token: u64) -> Turn {
        if slug != self.slug(phase) {
            return Turn::Refuse(StatusCode::NOT_FOUND);
        }
        match &self.last {
            Some((last, page)) if token == *last => Turn::Again(page.clone()),
            Some((last, _)) if token < *last => Turn::Refuse(StatusCode::GONE),
            Some((last, _)) if token > last + 1 => Turn::Refuse(StatusCode::NOT_FOUND),
            _ if self.ended || (self.last.is_none() && token > 1) => {
                Turn::Refuse(StatusCode::NOT_FOUND)
            }
            _ => Turn::Next,
        }
    }
}

/// `POST /v1/statement`: hands out the first `nextUri`. The query is made when that is fetched.
pub async fn submit(State(shared): State<Arc<Shared>>, headers: HeaderMap, sql: String) -> Reply {
    let user = match required_user(&headers, &shared.config.access) {
        Ok(user) => user,
        Err(refusal) => return *refusal,
    };
    if sql.trim().is_empty() {
        return text(StatusCode::BAD_REQUEST, "SQL statement is empty");
    }
    let mut spec = QuerySpec::from_sql(&sql, retry_policy(&headers));
    spec.user = user;
    header(&headers, "x-trino-source")
        .unwrap_or_default()
        .clone_into(&mut spec.source);
    spec.client = Client::Remote;
    let id = shared.model().next_query_id();
    let secret = id.bytes().fold(mix(shared.config.seed), |hash, byte| {
        mix(hash ^ u64::from(byte))
    });
    let statement = Statement {
        spec,
        secret,
        submitted: false,
        last: None,
        rows_sent: 0,
        ended: false,
    };
    let next = statement.path(&id, Phase::Queued, 1);
    remember(&shared, id.clone(), statement);
    json(&page::queued(&id, &base(&shared, &headers), &next, None))
}

/// `GET /v1/statement/queued/…`: makes the query, then waits for its dispatch.
pub async fn queued(
    State(shared): State<Arc<Shared>>,
    Path((id, slug, token)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Reply {
    let base = base(&shared, &headers);
    match start(&shared, &id, &slug, token) {
        Turn::Again(page) => return json(&page),
        Turn::Refuse(code) => return status(code),
        Turn::Next => {}
    }
    wait(&shared, |shared| dispatched(shared, &id)).await;
    let ready = dispatched(&shared, &id);
    let mut statements = statements(&shared);
    let Some(statement) = statements.get_mut(&id) else {
        return status(StatusCode::NOT_FOUND);
    };
    let next = if ready {
        statement.path(&id, Phase::Executing, 0)
    } else {
        statement.path(&id, Phase::Queued, token + 1)
    };
    let model = shared.model();
    let context = shared.context(&model);
    let page = page::queued(
        &id,
        &base,
        &next,
        model.query(&id).map(|query| (query, &context)),
    );
    // The tokens of the executing phase begin anew.
    statement.last = (!ready).then(|| (token, page.clone()));
    json(&page)
}

/// `GET /v1/statement/executing/…`: the next page of results, waited for a while.
pub async fn executing(
    State(shared): State<Arc<Shared>>,
    Path((id, slug, token)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Reply {
    match statements(&shared)
        .get(&id)
        .map(|s| s.turn(&slug, Phase::Executing, token))
    {
        Some(Turn::Again(page)) => return json(&page),
        Some(Turn::Refuse(code)) => return status(code),
        None => return status(StatusCode::NOT_FOUND),
        Some(Turn::Next) => {}
    }
    wait(&shared, |shared| has_news(shared, &id)).await;
    let base = base(&shared, &headers);
    next_page(&shared, &id, token, &base)
        .map_or_else(|| status(StatusCode::GONE), |page| json(&page))
}

/// `DELETE` of a `nextUri`: the client does not want the rest.
pub async fn cancel(
    State(shared): State<Arc<Shared>>,
    Path((id, slug, _)): Path<(String, String, u64)>,
) -> Reply {
    let known = statements(&shared).get(&id).is_some_and(|statement| {
        slug == statement.slug(Phase::Queued) || slug == statement.slug(Phase::Executing)
    });
    if !known {
        return status(StatusCode::NOT_FOUND);
    }
    shared.model().cancel(&id);
    status(StatusCode::NO_CONTENT)
}

/// Checks a queued token and makes the query at the first one.
fn start(shared: &Shared, id: &str, slug: &str, token: u64) -> Turn {
    let mut statements = statements(shared);
    let Some(statement) = statements.get_mut(id) else {
        return Turn::Refuse(StatusCode::NOT_FOUND);
    };
    let turn = statement.turn(slug, Phase::Queued, token);
    if matches!(turn, Turn::Next) && !statement.submitted {
        statement.submitted = true;
        shared
            .model()
            .create_query(id.to_owned(), statement.spec.clone());
    }
    turn
}

/// Takes a page off the model and remembers it under its token.
fn next_page(shared: &Shared, id: &str, token: u64, base: &str) -> Option<Value> {
    let mut statements = statements(shared);
    let statement = statements.get_mut(id)?;
    // Two requests with one token may have waited side by side.
    if let Turn::Again(page) =
        statement.turn(&statement.slug(Phase::Executing), Phase::Executing, token)
    {
        return Some(page);
    }
    let mut model = shared.model();
    let rows = model.fetch_page(id);
    let context = shared.context(&model);
    let query = model.query(id)?;
    let over = query.is_over() || (query.state == QueryState::Finishing && query.pages_ready == 0);
    let next = (!over).then(|| statement.path(id, Phase::Executing, token + 1));
    let page = page::results(
        query,
        &context,
        base,
        next.as_deref(),
        statement.rows_sent,
        rows,
    );
    statement.rows_sent += rows;
    statement.ended = over;
    statement.last = Some((token, page.clone()));
    Some(page)
}

fn dispatched(shared: &Shared, id: &str) -> bool {
    shared
        .model()
        .query(id)
        .is_none_or(|query| query.state != QueryState::Queued)
}

/// Whether the next page would say something.
fn has_news(shared: &Shared, id: &str) -> bool {
    shared.model().query(id).is_none_or(|query| {
        query.pages_ready > 0 || query.is_over() || query.state == QueryState::Finishing
    })
}

/// Waits until `ready`, or for as long as Trino would.
async fn wait(shared: &Shared, ready: impl Fn(&Shared) -> bool) {
    let mut ticks = shared.ticks();
    let until_ready = async {
        while !ready(shared) {
            if ticks.changed().await.is_err() {
                return;
            }
        }
    };
    let bound: Duration = shared.config.timing.max_wait;
    // Running out of time is an answer too: an empty page.
    let _ = tokio::time::timeout(bound, until_ready).await;
}

fn statements(shared: &Shared) -> MutexGuard<'_, Statements> {
    shared
        .statements
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a statement, and the table small: ids sort by age.
fn remember(shared: &Shared, id: String, statement: Statement) {
    let mut statements = statements(shared);
    statements.insert(id, statement);
    while statements.len() > KEPT {
        let Some(oldest) = statements
            .iter()
            .find(|(_, s)| s.ended)
            .map(|(id, _)| id.clone())
        else {
            break;
        };
        statements.remove(&oldest);
    }
}

/// Links follow the request's Host, as without processed forwarded headers.
fn base(shared: &Shared, headers: &HeaderMap) -> String {
    format!(
        "http://{}",
        header(headers, "host").unwrap_or(&shared.coordinator)
    )
}

/// `retry_policy` of the session properties.
fn retry_policy(headers: &HeaderMap) -> RetryPolicy {
    let session = header(headers, "x-trino-session").unwrap_or_default();
    let property = session
        .split(',')
        .find_map(|pair| pair.trim().strip_prefix("retry_policy="));
    match property.map(RetryPolicy::from_word) {
        Some(RetryPolicy::Unknown) | None => RetryPolicy::None,
        Some(policy) => policy,
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
