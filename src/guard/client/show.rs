//! What a guard told, as text for people.

use std::time::Duration;

use crate::core::guard::status::{ClusterStatus, Status};
use crate::core::guard::text::span;
use crate::guard::api::Explanation;

/// An explanation for people.
pub fn explanation(told: &Explanation) -> String {
    let mode = told.mode.as_deref();
    let verdict = match (told.code, mode) {
        (_, None) => "allowed".to_owned(),
        (200, Some(mode)) => format!("allowed ({mode}; {} {})", told.row, told.reason),
        (code, Some("audit")) => {
            format!(
                "allowed in audit mode; enforced it would be refused with {code} ({} {})",
                told.row, told.reason
            )
        }
        (code, Some(_)) => format!("refused with {code} ({} {})", told.row, told.reason),
    };
    let mut lines = vec![verdict];
    lines.extend(Some(told.message.clone()).filter(|message| !message.is_empty()));
    lines.extend(
        told.warnings
            .iter()
            .map(|warning| format!("warning: {warning}")),
    );
    lines.extend(
        told.unguarded
            .iter()
            .map(|why| format!("not guarded: {why}")),
    );
    lines.extend(told.effects.iter().map(|effect| format!("would {effect}")));
    lines.join("\n") + "\n"
}

/// A status for people.
pub fn table(told: &Status) -> String {
    let mut rows = vec![
        [
            "CLUSTER",
            "MODE",
            "PROTECTION",
            "WORKERS",
            "SERVING",
            "QUERIES",
            "AGE",
        ]
        .map(str::to_owned),
    ];
    rows.extend(told.clusters.iter().map(cluster_row));
    let mut text = columns(&rows);
    text.extend(told.clusters.iter().filter_map(short_bound));
    if !told.blocked.is_empty() {
        let mut rows = vec![
            [
                "BLOCKED",
                "CLASS",
                "CAUSE",
                "FOR",
                "AT THE LATEST",
                "ASKED BY",
            ]
            .map(str::to_owned),
        ];
        rows.extend(told.blocked.iter().map(|pod| {
            let latest = pod
                .latest
                .map_or("-".to_owned(), |latest| latest.to_string());
            let name = format!("{}/{}", pod.namespace, pod.pod);
            let waited = span(Duration::from_secs(pod.blocked_seconds));
            [
                name,
                pod.class.clone(),
                pod.cause.clone(),
                waited,
                latest,
                pod.by.clone(),
            ]
        }));
        text.push('\n');
        text.push_str(&columns(&rows));
    }
    if !told.drains.is_empty() {
        let mut rows = vec![["DRAIN", "STATE", "FOR"].map(str::to_owned)];
        rows.extend(told.drains.iter().map(|drain| {
            let name = format!("{}/{}", drain.namespace, drain.pod);
            [
                name,
                drain.state.clone(),
                span(Duration::from_secs(drain.seconds)),
            ]
        }));
        text.push('\n');
        text.push_str(&columns(&rows));
    }
    if !told.grants.is_empty() {
        let mut rows = vec![["GRANT", "UNTIL"].map(str::to_owned)];
        rows.extend(told.grants.iter().map(|grant| {
            [
                format!("{}/{}", grant.namespace, grant.pod),
                grant.until.to_string(),
            ]
        }));
        text.push('\n');
        text.push_str(&columns(&rows));
    }
    text
}

fn cluster_row(cluster: &ClusterStatus) -> [String; 7] {
    let protection = match cluster.protection.reason() {
        "" => cluster.protection.level().to_owned(),
        reason => format!("{}: {reason}", cluster.protection.level()),
    };
    let known = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    [
        format!("{}/{}", cluster.namespace, cluster.release),
        cluster.mode.clone(),
        protection,
        format!("{}/{}", cluster.workers, cluster.target),
        cluster.serving.to_string(),
        known(cluster.unfinished),
        cluster
            .age_seconds
            .map_or("?".to_owned(), |age| span(Duration::from_secs(age))),
    ]
}

/// A warning about a cluster whose drains take longer than they may.
fn short_bound(cluster: &ClusterStatus) -> Option<String> {
    let took = cluster
        .last_drain_seconds
        .filter(|_| cluster.bound_too_short)?;
    let took = span(Duration::from_secs(took));
    let (namespace, release) = (&cluster.namespace, &cluster.release);
    Some(format!(
        "warning: the last drain of {namespace}/{release} took {took}, longer than maxBlock: the next may be forced\n"
    ))
}

/// Left-aligned columns, two spaces apart.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["A", "BB"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "A     BB\nlong  x\n");
    }
}
