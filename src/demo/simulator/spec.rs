//! What a query does: how many stages, how much data, who reads it and how fast.
//! `from_sql` decides the shape from a statement's words; it does not run SQL.

use crate::trino::words::RetryPolicy;

/// Who fetches the results of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Client {
    /// A client on the statement protocol; it is given up after the client timeout.
    Remote,
    /// A client inside the simulator that takes this many pages a second.
    Paced(f64),
    /// A client inside the simulator that has stopped reading and is still there.
    Held,
}

/// A query to be simulated. Stages form a chain; each has one task on every worker that it uses.
#[derive(Clone, Debug, PartialEq)]
pub struct QuerySpec {
    /// The text shown in lists and documents.
    pub sql: String,
    /// Its user.
    pub user: String,
    /// `X-Trino-Source`.
    pub source: String,
    /// Its retry policy.
    pub retry: RetryPolicy,
    /// Length of the chain, at least 1. The last stage scans, the first one feeds the client.
    pub stages: u32,
    /// Tasks of each stage; `None` is one on every active worker.
    pub tasks_per_stage: Option<u32>,
    /// Names of the workers that it uses, as far as it is not retried task by task; empty is all. It fails for want of a
    /// node when none of them is active.
    pub workers: Vec<String>,
    /// Pages that each scanning task makes.
    pub pages_per_task: u64,
    /// Pages that each scanning task makes in a second.
    pub pages_per_second: f64,
    /// Retained bytes of one page (a slow client's capture: 40 pages are 34 MB).
    pub page_bytes: u64,
    /// Rows in one page.
    pub rows_per_page: u64,
    /// Who reads the results.
    pub client: Client,
    /// Fails while it is analysed, as for a table that does not exist.
    pub fails_analysis: bool,
}

impl Default for QuerySpec {
    fn default() -> Self {
        Self {
            sql: "SELECT * FROM tpch.sf1.orders".to_owned(),
            user: "admin".to_owned(),
            source: "simulator".to_owned(),
            retry: RetryPolicy::None,
            stages: 1,
            tasks_per_stage: None,
            workers: Vec::new(),
            pages_per_task: 200,
            pages_per_second: 60.0,
            page_bytes: 850_000,
            rows_per_page: 20,
            client: Client::Remote,
            fails_analysis: false,
        }
    }
}

impl QuerySpec {
    /// The query that a statement stands for. Each JOIN adds a stage, so does ORDER BY or GROUP BY;
    /// schema `tiny` is two pages a task, `sfN` is N times 60, fractions too; `nope` is a missing table.
    #[must_use]
    pub fn from_sql(sql: &str, retry: RetryPolicy) -> Self {
        let words = sql.to_ascii_lowercase();
        let joins = words.matches(" join ").count();
        let exchange = usize::from(words.contains(" order by ") || words.contains(" group by "));
        Self {
            sql: sql.to_owned(),
            retry,
            stages: u32::try_from(1 + joins + exchange)
                .unwrap_or(u32::MAX)
                .min(16),
            pages_per_task: pages_of_schema(&words),
            fails_analysis: words.contains("nope"),
            ..Self::default()
        }
    }
}

/// Pages that one task makes from the schema that a statement names.
fn pages_of_schema(words: &str) -> u64 {
    if words.contains("tiny") {
        return 2;
    }
    let hundredths = words.split("sf").skip(1).find_map(hundredths);
    let factor = hundredths.unwrap_or(100).clamp(1, 100_000);
    (factor * 60).div_ceil(100)
}

/// The number at the beginning, in hundredths: 25 for `0.25.orders`.
fn hundredths(rest: &str) -> Option<u64> {
    let mut parts = rest.split('.');
    let (whole, part) = (digits(parts.next()?)?, parts.next().and_then(digits));
    let part = part.map_or(Some(0), |part| format!("{part:0<2}").get(..2)?.parse().ok())?;
    let whole: u64 = whole.parse().ok()?;
    Some(whole.saturating_mul(100).saturating_add(part))
}

/// The digits that a text begins with, if it does.
fn digits(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let digits = &text[..end.unwrap_or(text.len())];
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_statement_decide_its_shape() {
        let spec = QuerySpec::from_sql(
            "SELECT * FROM sf10.lineitem l JOIN sf10.orders o ON 1=1 ORDER BY 1",
            RetryPolicy::Query,
        );
        assert_eq!((spec.stages, spec.pages_per_task), (3, 600));
        assert_eq!(spec.retry, RetryPolicy::Query);
        assert_eq!(
            QuerySpec::from_sql("SELECT * FROM tpch.tiny.a", RetryPolicy::None).pages_per_task,
            2
        );
        for (schema, pages) in [
            ("sf0.5", 30),
            ("sf0.05", 3),
            ("sf0.001", 1),
            ("sf2.25", 135),
        ] {
            let sql = format!("SELECT * FROM tpch.{schema}.orders");
            let spec = QuerySpec::from_sql(&sql, RetryPolicy::None);
            assert_eq!(spec.pages_per_task, pages, "{schema}");
        }
        assert!(
            QuerySpec::from_sql("SELECT * FROM tpch.tiny.nope", RetryPolicy::None).fails_analysis
        );
    }
}
