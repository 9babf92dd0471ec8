//! Prints what was measured, and whether the goals are met.

use super::rounds::Row;

/// Prints each method's rate, and its ratio to the peer's.
pub fn print(title: &str, rows: &[Row]) {
    println!("\n{title}: MB per CPU second, median");
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by(|a, b| b.rate.total_cmp(&a.rate));
    let ijson = rate(rows.iter().copied(), "ijson");
    for row in rows {
        println!(
            "  {:<10} {:>7.0} {:>7.1} x ijson",
            row.name,
            row.rate,
            row.rate / ijson
        );
    }
}

/// Prints each goal; whether all are met.
pub fn goals(finished: &[Row], running: &[Row], http: &[Row]) -> bool {
    let ratio = |rows: &[Row], a, b| rate(rows, a) / rate(rows, b);
    let share = 100.0 * ratio(finished, "vector", "read");
    println!();
    [
        goal(
            "finished-heavy, vector, x ijson",
            ratio(finished, "vector", "ijson"),
            35.0,
        ),
        goal(
            "finished-heavy, portable, x ijson",
            ratio(finished, "portable", "ijson"),
            15.0,
        ),
        goal(
            "running-heavy, vector, x ijson",
            ratio(running, "vector", "ijson"),
            10.0,
        ),
        goal("finished-heavy, % of a bare read()", share, 30.0),
        goal(
            "HTTP, x ijson behind requests",
            ratio(http, "http", "ijson"),
            20.0,
        ),
    ]
    .iter()
    .all(|met| *met)
}

fn goal(what: &str, value: f64, least: f64) -> bool {
    let met = value >= least;
    let verdict = if met { "met" } else { "MISSED" };
    println!("{what:<36} {value:>7.1}, at least {least}: {verdict}");
    met
}

/// A method's rate; not a number where it did not run, which meets no goal.
fn rate<'a>(rows: impl IntoIterator<Item = &'a Row>, name: &str) -> f64 {
    let found = rows.into_iter().find(|row| row.name == name);
    found.map_or(f64::NAN, |row| row.rate)
}
