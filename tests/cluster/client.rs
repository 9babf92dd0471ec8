//! A client of Trino's statement protocol that can be as slow as a test wants: it fetches a page
//! only when it is told to. Knows nothing about workers or buffers.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::http::{self, Answer};

/// Who asks, where, and with which session.
#[derive(Clone)]
pub struct Client {
    url: String,
    user: String,
    session: String,
}

/// A query that Trino failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{query} failed with {name}: {message}")]
pub struct QueryFailed {
    pub query: String,
    /// Trino's error name, such as `REMOTE_HOST_GONE`.
    pub name: String,
    pub message: String,
}

/// One running statement.
pub struct Statement {
    client: Client,
    /// The query id.
    pub id: String,
    /// Rows fetched until now.
    pub rows: u64,
    /// The state that the last page reported.
    pub state: String,
    last: String,
    next: Option<String>,
    values: Vec<Vec<Value>>,
}

impl Client {
    /// A client in `tpch.tiny`.
    pub fn new(url: &str, user: &str) -> Self {
        Self {
            url: url.to_owned(),
            user: user.to_owned(),
            session: String::new(),
        }
    }

    /// The same client with one more session property, such as `retry_policy` = `QUERY`.
    #[must_use]
    pub fn with(mut self, property: &str, value: &str) -> Self {
        if !self.session.is_empty() {
            self.session.push(',');
        }
        self.session.push_str(property);
        self.session.push('=');
        self.session.push_str(value);
        self
    }

    /// POSTs the statement. Trino makes a query of it only when its first page is fetched.
    pub async fn submit(&self, sql: &str) -> Result<Statement> {
        let request = http::client()
            .post(format!("{}/v1/statement", self.url))
            .body(sql.to_owned());
        let headers = [
            ("X-Trino-User", self.user.as_str()),
            ("X-Trino-Catalog", "tpch"),
            ("X-Trino-Schema", "tiny"),
            ("X-Trino-Session", self.session.as_str()),
        ];
        let used = if self.session.is_empty() { 3 } else { 4 };
        let first = http::send(request, &headers[..used]).await?.json()?;
        let mut statement = Statement {
            client: self.clone(),
            id: first["id"].as_str().context("a page has an id")?.to_owned(),
            rows: 0,
            state: String::new(),
            last: String::new(),
            next: None,
            values: Vec::new(),
        };
        statement.take(&first)?;
        Ok(statement)
    }

    /// Runs a statement to its end and gives its rows.
    pub async fn run(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let mut statement = self.submit(sql).await?;
        let mut rows = Vec::new();
        while statement.fetch().await? {
            rows.append(&mut statement.values);
        }
        rows.append(&mut statement.values);
        Ok(rows)
    }

    /// Submits and fetches until the first row has come, then stops fetching: the workers' buffers
    /// fill up and stay full until somebody fetches again.
    pub async fn hold(&self, sql: &str) -> Result<Statement> {
        let mut statement = self.submit(sql).await?;
        while statement.rows == 0 {
            ensure!(
                statement.fetch().await?,
                "{} ended before its first row",
                statement.id
            );
        }
        Ok(statement)
    }

    /// Cancels any query by its id.
    pub async fn kill(&self, id: &str) -> Result<Answer> {
        let request = http::client().delete(format!("{}/v1/query/{id}", self.url));
        http::send(request, &[("X-Trino-User", &self.user)]).await
    }
}

impl Statement {
    /// Fetches one page; false when the statement had ended already. A page that did not come can be fetched again.
    pub async fn fetch(&mut self) -> Result<bool> {
        let Some(uri) = self.next.clone() else {
            return Ok(false);
        };
        let page = self.get(&uri).await?;
        self.last = uri;
        self.take(&page)?;
        Ok(true)
    }

    /// Asks for the last page once more: the client is still there, but takes nothing new.
    pub async fn stay_alive(&self) -> Result<()> {
        ensure!(!self.last.is_empty(), "nothing was fetched yet");
        self.get(&self.last).await.map(drop)
    }

    /// Fetches to the last row; gives the number of all rows since the start.
    pub async fn finish(&mut self) -> Result<u64> {
        while self.fetch().await? {
            self.values.clear();
        }
        Ok(self.rows)
    }

    /// Cancels the statement as its own client does.
    pub async fn cancel(&mut self) -> Result<()> {
        if let Some(uri) = self.next.take() {
            let request = http::client().delete(uri);
            http::send(request, &[("X-Trino-User", &self.client.user)]).await?;
        }
        Ok(())
    }

    /// Drops the values that have come; they are counted already.
    pub fn forget_rows(&mut self) {
        self.values.clear();
    }

    /// Whether there is nothing left to fetch.
    pub fn is_over(&self) -> bool {
        self.next.is_none()
    }

    async fn get(&self, uri: &str) -> Result<Value> {
        http::get(uri, &[("X-Trino-User", &self.client.user)])
            .await?
            .json()
    }

    fn take(&mut self, page: &Value) -> Result<()> {
        if !page["error"].is_null() {
            let text = |key: &str| page["error"][key].as_str().unwrap_or_default().to_owned();
            bail!(QueryFailed {
                query: self.id.clone(),
                name: text("errorName"),
                message: text("message"),
            });
        }
        self.next = page["nextUri"].as_str().map(str::to_owned);
        page["stats"]["state"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut self.state);
        for row in page["data"].as_array().into_iter().flatten() {
            self.rows += 1;
            self.values
                .push(row.as_array().cloned().unwrap_or_default());
        }
        Ok(())
    }
}
