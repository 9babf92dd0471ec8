//! What is told of disruptions and queries, as text: lines below the live table, plain lines, and the end. Touches no
//! terminal.

use std::time::Duration;

use super::guarding::NOTICE;
use super::stage::News;
use super::table::{Style, clip, paint, seconds};

/// Lines for a refusal's reason.
const ROOM: usize = 3;

/// What differs from real clusters, for the greeting.
pub fn haste() -> String {
    format!(
        "Everything is in a hurry here, so that a minute shows a day: shutdown.grace-period 1 s, noticeTime {} s, half of \
the\nworkers may drain at once, refused callers come back after 1 s, Trino gives a lost worker up after 3 s.",
        NOTICE.as_secs()
    )
}

/// The lines below the live table.
pub fn lines(news: &News, guarded: bool, style: Style) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        disruptions(news),
        removals(news, guarded),
        queries(news, style.colour),
    ];
    if let Some(why) = &news.last_refusal {
        lines.extend(wrapped("last refusal  ", why, style.width));
    }
    lines
        .into_iter()
        .map(|line| clip(&line, style.width))
        .collect()
}

fn disruptions(news: &News) -> String {
    let told = &news.disruptions;
    let counts = format!("disruptions   {} asked for, {} done", told.asked, told.done);
    match &told.current {
        Some((what, since)) => format!("{counts}; for {}: {what}", seconds(*since)),
        None => counts,
    }
}

fn removals(news: &News, guarded: bool) -> String {
    if !guarded {
        return format!(
            "no guard      {} removals went through",
            news.requests.granted
        );
    }
    format!(
        "guard         {} requests refused, {} workers drained, {} removals granted",
        news.requests.refused, news.drained, news.requests.granted
    )
}

fn queries(news: &News, colour: bool) -> String {
    let code = if news.killed == 0 { "32" } else { "31" };
    let killed = paint(code, &format!("{} killed", news.killed), colour);
    format!(
        "queries       {} started, {} finished, {killed}",
        news.queries.started, news.queries.finished
    )
}

/// A text in at most [`ROOM`] lines behind a heading; what has no room is left out.
fn wrapped(heading: &str, text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![heading.to_owned()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last + word.chars().count() >= width && last > heading.len() {
            if lines.len() == ROOM {
                break;
            }
            lines.push(" ".repeat(heading.len()));
        }
        if let Some(line) = lines.last_mut() {
            line.extend([word, " "]);
        }
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// The same as one line for logs and pipes.
pub fn plain(news: &News, at: Duration) -> String {
    let told = &news.disruptions;
    let current = told.current.as_ref();
    let current = current.map_or_else(String::new, |(what, since)| {
        format!(" now={what:?} for={}", seconds(*since))
    });
    format!(
        "{} disruptions asked={} done={} refused={} drained={} granted={} queries finished={} killed={}{current}",
        seconds(at),
        told.asked,
        told.done,
        news.requests.refused,
        news.drained,
        news.requests.granted,
        news.queries.finished,
        news.killed
    )
}

/// How it ended. The last line is what the whole demo is about.
pub fn verdict(news: &News) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((what, since)) = &news.disruptions.current {
        lines.push(format!(
            "Another disruption was still under way after {}: {what}",
            seconds(*since)
        ));
    }
    if news.killed > 0 {
        lines.push(format!("Killed: {}.", causes(news)));
    }
    lines.push(format!(
        "{} disruptions, {} queries killed",
        news.disruptions.done, news.killed
    ));
    lines
}

fn causes(news: &News) -> String {
    let known: usize = news.errors.values().sum();
    let waiting = news.killed.saturating_sub(known);
    let mut parts: Vec<_> = news
        .errors
        .iter()
        .map(|(error, count)| format!("{count} {error}"))
        .collect();
    if waiting > 0 {
        parts.push(format!("{waiting} still waiting for a worker that is gone"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::disruptions::board::Reading;
    use std::collections::BTreeMap;

    fn news(killed: usize, errors: BTreeMap<&'static str, usize>) -> News {
        News {
            disruptions: Reading {
                asked: 5,
                done: 4,
                current: Some(("kubectl drain node-1".to_owned(), Duration::from_secs(2))),
            },
            killed,
            errors,
            ..News::default()
        }
    }

    #[test]
    fn the_last_line_counts_what_is_done_and_who_died() {
        let told = verdict(&news(0, BTreeMap::new()));
        assert!(told[0].contains("under way after 2.0s: kubectl drain node-1"));
        assert_eq!(told.last().unwrap(), "4 disruptions, 0 queries killed");
        let told = verdict(&news(3, BTreeMap::from([("REMOTE_HOST_GONE", 2)])));
        assert!(told[1].contains("2 REMOTE_HOST_GONE, 1 still waiting"));
        assert_eq!(told.last().unwrap(), "4 disruptions, 3 queries killed");
    }

    #[test]
    fn a_long_reason_takes_lines_of_its_own_up_to_a_bound() {
        let text = "one two three four five six seven eight";
        let lines = wrapped("why  ", text, 14);
        assert_eq!(lines, ["why  one two", "     three", "     four five"]);
        assert_eq!(wrapped("why  ", "short", 80), ["why  short"]);
        assert_eq!(wrapped("why  ", "unbreakable", 4), ["why  unbreakable"]);
    }

    #[test]
    fn without_a_guard_nothing_is_called_granted() {
        let lines = |guarded, width| {
            let colour = false;
            lines(&news(1, BTreeMap::new()), guarded, Style { width, colour })
        };
        assert!(lines(true, 100)[2].ends_with("0 removals granted"));
        let unguarded = lines(false, 100)[2].clone();
        assert!(unguarded.starts_with("no guard") && !unguarded.contains("granted"));
        let narrow = lines(true, 40);
        assert!(narrow.iter().all(|line| line.chars().count() <= 40));
    }
}
