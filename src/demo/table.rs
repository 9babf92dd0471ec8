//! The table of workers as text. It decides columns, bars and colours for a given width; it
//! touches no terminal.

use std::time::Duration;

use super::wiring::{Held, Row, View};
use crate::trino::words::NodeState;

/// How the text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether colours are wanted.
    pub colour: bool,
}

/// Columns that all but the pod's name and the bar take.
const FIXED: usize = 63;

/// The longest bar.
const BAR: usize = 30;

/// A full bar is at least this much: one buffer of one slow query.
const LEAST_FULL: u64 = 34_000_000;

/// What the viewer looks at, in two sentences.
pub const STORY: &str = "Bytes in this table are results that a worker has made and its client has not read yet. \
Such a worker is idle: its CPU\nshows nothing, so an autoscaler that looks at CPU removes exactly this one, and \
every query that it holds something of fails.";

/// The lines of the table, the heading first.
#[must_use]
pub fn lines(view: &View, style: Style) -> Vec<String> {
    let pods = view
        .rows
        .iter()
        .map(|row| row.pod.len())
        .max()
        .unwrap_or(0)
        .clamp(6, 40);
    let pods = pods.min(style.width.saturating_sub(FIXED).max(6));
    let bar = style.width.saturating_sub(FIXED + pods).min(BAR);
    let full = view
        .rows
        .iter()
        .filter_map(|row| row.held)
        .map(|held| held.bytes)
        .max();
    let full = full.unwrap_or(0).max(LEAST_FULL);
    let mut lines = vec![heading(pods, bar)];
    lines.extend(
        view.rows
            .iter()
            .map(|row| line(row, pods, bar, full, style.colour)),
    );
    lines.push(footer(view, style.colour));
    if let Some(problem) = &view.problem {
        lines.push(format!("last cycle: {problem}"));
    }
    lines
        .into_iter()
        .map(|line| clip(&line, style.width))
        .collect()
}

fn heading(pods: usize, bar: usize) -> String {
    format!(
        "{:<pods$}  {:<8}  {:>7} {:>7} {:>8} {:>5}  {:<bar$} {:>9}  {:>7}",
        "WORKER", "STATE", "AT RISK", "HOLDING", "FLUSHING", "EMPTY", "", "BYTES", "QUERIES"
    )
}

fn line(row: &Row, pods: usize, bar: usize, full: u64, colour: bool) -> String {
    let pod = tail(&row.pod, pods);
    let state = paint(
        state_colour(row.state),
        &format!("{:<8}", state_word(row.state)),
        colour,
    );
    let Some(held) = row.held else {
        return format!("{pod:<pods$}  {state}  {:>7}", "unknown");
    };
    let risk = held.holding + held.flushing + held.empty;
    let drawn = paint(bar_colour(held), &bar_of(held.bytes, full, bar), colour);
    format!(
        "{pod:<pods$}  {state}  {risk:>7} {:>7} {:>8} {:>5}  {drawn} {:>9}  {:>7}",
        held.holding,
        held.flushing,
        held.empty,
        bytes(held.bytes),
        held.queries
    )
}

fn footer(view: &View, colour: bool) -> String {
    let known: Vec<_> = view.rows.iter().filter_map(|row| row.held).collect();
    let total: u64 = known.iter().map(|held| held.bytes).sum();
    let age = view.age.map_or_else(
        || "not known yet".to_owned(),
        |age| format!("{} old", seconds(age)),
    );
    let coverage = if view.coverage == "complete" {
        "32"
    } else {
        "31"
    };
    format!(
        "{} held by {} workers; facts are {age}, {}, queries are {}",
        bytes(total),
        known.len(),
        paint(coverage, view.coverage, colour),
        view.visibility
    )
}

/// One line for each worker, for logs and pipes.
#[must_use]
pub fn plain(view: &View, at: Duration) -> Vec<String> {
    let age = view.age.map_or_else(|| "unknown".to_owned(), seconds);
    let lines = view.rows.iter().map(|row| {
        let (pod, word) = (&row.pod, row.state.word());
        let prefix = format!("{} worker={pod} state={word} age={age}", seconds(at));
        match row.held {
            None => format!("{prefix} unknown"),
            Some(held) => format!(
                "{prefix} at_risk={} holding={} flushing={} empty={} bytes={} queries={}",
                held.holding + held.flushing + held.empty,
                held.holding,
                held.flushing,
                held.empty,
                held.bytes,
                held.queries
            ),
        }
    });
    lines.collect()
}

/// Bytes for people: `34.0 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let value = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.2} GB", value / 1e9),
    }
}

/// Seconds for people: `1.2s`.
#[must_use]
pub fn seconds(span: Duration) -> String {
    format!("{:.1}s", span.as_secs_f64())
}

/// A bar of `width` columns, filled in eighths of a column.
fn bar_of(value: u64, full: u64, width: usize) -> String {
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(value) * width as u128 * 8 / u128::from(full.max(1));
    let eighths = usize::try_from(eighths)
        .unwrap_or(usize::MAX)
        .min(width * 8);
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(parts[eighths % 8]);
    let drawn = bar.chars().count();
    bar.push_str(&" ".repeat(width - drawn));
    bar
}

/// The end of a name tells pods of one deployment apart.
fn tail(name: &str, width: usize) -> &str {
    let start = name.len().saturating_sub(width);
    name.get(start..).unwrap_or(name)
}

/// Shutting down is spelled shorter, to fit the column.
const fn state_word(state: NodeState) -> &'static str {
    match state {
        NodeState::ShuttingDown => "STOPPING",
        state => state.word(),
    }
}

const fn state_colour(state: NodeState) -> &'static str {
    match state {
        NodeState::Active => "32",
        NodeState::Draining => "33",
        NodeState::Drained => "36",
        _ => "31",
    }
}

const fn bar_colour(held: Held) -> &'static str {
    if held.bytes > 64_000_000 { "31" } else { "33" }
}

/// Colours a text, where colours are wanted.
#[must_use]
pub fn paint(code: &str, text: &str, colour: bool) -> String {
    if colour {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Cuts a line at `width` visible columns; escapes take none.
#[must_use]
pub fn clip(line: &str, width: usize) -> String {
    let (mut out, mut columns, mut in_escape) = (String::new(), 0, false);
    for c in line.chars() {
        if c == '\x1b' {
            in_escape = true;
        } else if in_escape {
            in_escape = c != 'm';
        } else if columns == width {
            continue;
        } else {
            columns += 1;
        }
        if in_escape || columns <= width {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let held = Held {
            holding: 3,
            empty: 1,
            bytes: 68_000_000,
            queries: 2,
            ..Held::default()
        };
        let row = |name: &str, held| Row {
            pod: name.to_owned(),
            state: NodeState::Draining,
            held,
        };
        View {
            rows: vec![
                row("trino-worker-abc-x2x9z", Some(held)),
                row("trino-worker-abc-zzzzz", None),
            ],
            age: Some(Duration::from_millis(1200)),
            coverage: "complete",
            visibility: "visible",
            problem: None,
        }
    }

    #[test]
    fn a_line_says_what_a_worker_holds_and_the_unknown_is_no_zero() {
        let lines = lines(
            &view(),
            Style {
                width: 120,
                colour: false,
            },
        );
        assert!(
            lines[1].contains("DRAINING") && lines[1].contains("68.0 MB"),
            "{}",
            lines[1]
        );
        assert!(lines[1].contains(&"█".repeat(BAR)));
        assert!(
            lines[2].contains("unknown") && !lines[2].contains('0'),
            "{}",
            lines[2]
        );
        assert!(lines[3].contains("68.0 MB held by 1 workers; facts are 1.2s old, complete"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [20, 60, 80, 200] {
            for line in lines(
                &view(),
                Style {
                    width,
                    colour: false,
                },
            ) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn colours_are_only_there_when_wanted_and_take_no_room() {
        let plain = lines(
            &view(),
            Style {
                width: 90,
                colour: false,
            },
        )
        .join("\n");
        assert!(!plain.contains('\x1b'));
        let painted = lines(
            &view(),
            Style {
                width: 90,
                colour: true,
            },
        )
        .join("\n");
        assert!(painted.contains("\x1b[33m"));
        let stripped = painted
            .replace("\x1b[33m", "")
            .replace("\x1b[31m", "")
            .replace("\x1b[32m", "");
        assert_eq!(stripped.replace("\x1b[0m", ""), plain);
    }

    #[test]
    fn bars_grow_by_eighths_and_stop_at_the_end() {
        assert_eq!(bar_of(0, 100, 4), "    ");
        assert_eq!(bar_of(50, 100, 4), "██  ");
        assert_eq!(bar_of(100, 100, 4), "████");
        assert_eq!(bar_of(500, 100, 4), "████");
        assert_eq!(bar_of(4, 100, 4), "▏   ");
    }

    #[test]
    fn plain_lines_are_for_machines_too() {
        let plain = plain(&view(), Duration::from_secs(3));
        assert_eq!(
            plain[0],
            "3.0s worker=trino-worker-abc-x2x9z state=DRAINING age=1.2s at_risk=4 holding=3 flushing=0 empty=1 bytes=68000000 queries=2"
        );
        assert!(plain[1].ends_with("age=1.2s unknown"));
    }
}
