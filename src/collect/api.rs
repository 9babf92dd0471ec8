//! The questions that we ask a Trino node, each one GET, and what their answers amount to.
//! Decides nothing about when to ask.

use std::sync::Arc;

use http::StatusCode;
use serde::de::DeserializeOwned;
use url::Url;

use crate::core::buffers::fold::{Fold, Outcome};
use crate::core::buffers::ledger::Due;
use crate::core::buffers::listing::{ListFold, Listing};
use crate::trino::ids::is_query_id;
use crate::trino::info::{NodeStatus, ServerInfo};
use crate::trino::limits::Limits;
use crate::trino::query_info::Extractor;
use crate::trino::query_list::ListReader;
use crate::trino::task::QueryHead;

use super::body::pour;
use super::client::{Client, Expect};
use super::failure::Failure;
use super::metric_text::{Sample, Whole};
use super::strict;

/// Small documents are read whole, up to this.
const SMALL: u64 = 4 << 20;

/// The metrics page of a large coordinator is about 1 MB.
const METRICS_PAGE: u64 = 64 << 20;

/// A Trino node.
#[derive(Debug)]
pub struct TrinoApi {
    client: Arc<Client>,
    base: Url,
    limits: Limits,
    strict: bool,
}

/// What reading one query brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The query vanished between list and read: it is over.
    Gone,
    /// A document.
    Document(Outcome),
}

/// A document's result and its size in bytes, decompressed.
pub type Sized<T> = (T, u64);

impl TrinoApi {
    /// A node at `base`. `max_bytes` bounds each body; `strict` validates all of it.
    #[must_use]
    pub fn new(client: Arc<Client>, base: Url, max_bytes: u64, strict: bool) -> Self {
        let limits = Limits {
            document_bytes: max_bytes,
            ..Limits::default()
        };
        Self {
            client,
            base,
            limits,
            strict,
        }
    }

    /// `GET /v1/info`.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub async fn info(&self) -> Result<ServerInfo, Failure> {
        self.small("/v1/info").await
    }

    /// `GET /v1/status`.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub async fn status(&self) -> Result<NodeStatus, Failure> {
        self.small("/v1/status").await
    }

    /// `GET /v1/query`, unfiltered.
    ///
    /// # Errors
    /// When the list could not be read to its end.
    pub async fn list(&self, fold: ListFold) -> Result<Sized<Listing>, Failure> {
        let response = self.client.get(self.url("/v1/query"), Expect::Json).await?;
        let timeout = self.client.timeout();
        if self.strict {
            let (_, fold, bytes) = strict::list(response, fold, self.limits, timeout).await?;
            return Ok((fold.into_listing(), bytes));
        }
        let reader = ListReader::new(fold, self.limits);
        let (reader, bytes) = pour(response, reader, timeout).await?;
        let (_, fold) = reader.finish()?;
        Ok((fold.into_listing(), bytes))
    }

    /// `GET /v1/query/{id}`.
    ///
    /// # Errors
    /// When the document could not be read to its end or does not prove itself complete.
    pub async fn query(&self, due: &Due) -> Result<Sized<Read>, Failure> {
        if !is_query_id(&due.id) {
            return Err(Failure::Unexpected(
                "a query id that can't stand in a URL".into(),
            ));
        }
        let url = self.url(&format!("/v1/query/{}", due.id));
        let response = match self.client.get(url, Expect::Json).await {
            Err(Failure::Status { status, .. }) if is_gone(status) => return Ok((Read::Gone, 0)),
            answer => answer?,
        };
        let (head, fold, bytes) = self.document(response).await?;
        let outcome = fold.finish(&head, &due.id, due.retry)?;
        Ok((Read::Document(outcome), bytes))
    }

    async fn document(
        &self,
        response: reqwest::Response,
    ) -> Result<(QueryHead, Fold, u64), Failure> {
        let timeout = self.client.timeout();
        if self.strict {
            return strict::query(response, Fold::default(), self.limits, timeout).await;
        }
        let extractor = Extractor::new(Fold::default(), self.limits);
        let (extractor, bytes) = pour(response, extractor, timeout).await?;
        let (head, fold) = extractor.finish()?;
        Ok((head, fold, bytes))
    }

    /// One value of `GET /metrics`; `None` where the page lacks it.
    ///
    /// # Errors
    /// When the page could not be read to its end.
    pub async fn metric(&self, name: &'static str) -> Result<Option<f64>, Failure> {
        let mut url = self.url("/metrics");
        url.query_pairs_mut().append_pair("name[]", name);
        let response = self.client.get(url, Expect::Text).await?;
        let sample = Sample::new(name, METRICS_PAGE);
        let (sample, _) = pour(response, sample, self.client.timeout()).await?;
        Ok(sample.finish())
    }

    async fn small<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let response = self.client.get(self.url(path), Expect::Json).await?;
        let (whole, _) = pour(response, Whole::new(SMALL), self.client.timeout()).await?;
        serde_json::from_slice(&whole.bytes)
            .map_err(|_| Failure::Unexpected(format!("{path} is not what a Trino node answers")))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }
}

fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::GONE | StatusCode::NOT_FOUND)
}
