//! What a guard told, as text for people.

use std::time::Duration;

use crate::core::guard::status::{Blocked, ClusterStatus, Draining, Granted, Status};
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
    let mut text = columns(&section(CLUSTERS, &told.clusters, cluster_row));
    text.extend(told.clusters.iter().filter_map(short_bound));
    append(&mut text, &section(BLOCKED, &told.blocked, blocked_row));
    append(&mut text, &section(DRAINS, &told.drains, drain_row));
    append(&mut text, &section(GRANTS, &told.grants, grant_row));
    text
}

const CLUSTERS: [&str; 7] = [
    "CLUSTER",
    "MODE",
    "PROTECTION",
    "WORKERS",
    "SERVING",
    "QUERIES",
    "AGE",
];
const BLOCKED: [&str; 6] = [
    "BLOCKED",
    "CLASS",
    "CAUSE",
    "FOR",
    "AT THE LATEST",
    "ASKED BY",
];
const DRAINS: [&str; 3] = ["DRAIN", "STATE", "FOR"];
const GRANTS: [&str; 2] = ["GRANT", "UNTIL"];

/// A head and a row for each.
fn section<T, const N: usize>(
    head: [&str; N],
    of: &[T],
    row: fn(&T) -> [String; N],
) -> Vec<[String; N]> {
    std::iter::once(head.map(str::to_owned))
        .chain(of.iter().map(row))
        .collect()
}

/// Below the text, unless there is nothing but its head.
fn append<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    if rows.len() > 1 {
        text.push('\n');
        text.push_str(&columns(rows));
    }
}

fn blocked_row(pod: &Blocked) -> [String; 6] {
    let latest = pod.latest.map(|latest| latest.to_string());
    [
        format!("{}/{}", pod.namespace, pod.pod),
        pod.class.clone(),
        pod.cause.clone(),
        span(Duration::from_secs(pod.blocked_seconds)),
        latest.unwrap_or("-".to_owned()),
        pod.by.clone(),
    ]
}

fn drain_row(drain: &Draining) -> [String; 3] {
    [
        format!("{}/{}", drain.namespace, drain.pod),
        drain.state.clone(),
        span(Duration::from_secs(drain.seconds)),
    ]
}

fn grant_row(grant: &Granted) -> [String; 2] {
    [
        format!("{}/{}", grant.namespace, grant.pod),
        grant.until.to_string(),
    ]
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
