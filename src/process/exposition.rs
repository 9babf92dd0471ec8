//! The two texts of `/metrics`. Decides which one a scraper asked for, and turns the
//! OpenMetrics text that the registry writes into Prometheus text 0.0.4. Pure.

use std::fmt::Write as _;

/// A text format of metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exposition {
    /// Prometheus text 0.0.4, which everything reads. The default.
    Prometheus,
    /// OpenMetrics 1.0.0, only for who asks.
    OpenMetrics,
}

/// The family whose samples follow: its name and its OpenMetrics type.
#[derive(Clone, Copy)]
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
}

impl Exposition {
    /// Reads an `Accept` header: OpenMetrics when it is named with a quality above
    /// zero and not below that of `text/plain`, else Prometheus text.
    pub fn negotiate(accept: &str) -> Self {
        let mut best = (0.0, 0.0);
        for range in accept.split(',') {
            let quality = quality(range);
            match media_type(range) {
                "application/openmetrics-text" if speaks_ours(range) => {
                    best.0 = quality.max(best.0);
                }
                "text/plain" => best.1 = quality.max(best.1),
                _ => {}
            }
        }
        if best.0 > 0.0 && best.0 >= best.1 {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Rewrites OpenMetrics text as Prometheus text 0.0.4.
///
/// Counters and infos get the suffix of their samples in `HELP` and `TYPE`, since 0.0.4
/// names a family after its samples; an info is a gauge there and `unknown` is
/// `untyped`. `UNIT`, `EOF` and exemplars do not exist there and go.
pub fn to_prometheus_text(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest.split_once(' ').unwrap_or((rest, "")));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
            write_family(&mut out, Family { name, kind }, help.take());
        } else if !line.starts_with('#') {
            out.push_str(without_exemplar(line));
            out.push('\n');
        }
    }
    out
}

fn write_family(out: &mut String, family: Family<'_>, help: Option<(&str, &str)>) {
    let Family { name, kind } = family;
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "gauge" => ("", "gauge"),
        "histogram" => ("", "histogram"),
        _ => ("", "untyped"),
    };
    if let Some((_, text)) = help.filter(|(of, _)| *of == name) {
        // Writing to a string does not fail.
        let _ = writeln!(out, "# HELP {name}{suffix} {text}");
    }
    let _ = writeln!(out, "# TYPE {name}{suffix} {kind}");
}

/// Cuts ` # {...} value` off a sample. A label value may hold the same characters, so
/// only what stands outside quotes counts.
fn without_exemplar(sample: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in sample.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted => return sample[..at].trim_end(),
            _ => {}
        }
    }
    sample
}

fn media_type(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim()
}

fn parameter<'a>(range: &'a str, name: &str) -> Option<&'a str> {
    let pairs = range
        .split(';')
        .skip(1)
        .filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}

/// 1 when not given, 0 ("not acceptable") when unreadable.
fn quality(range: &str) -> f64 {
    parameter(range, "q").map_or(1.0, |text| text.parse().unwrap_or(0.0))
}

/// We write version 1.0.0; a scraper that wants another one gets Prometheus text.
fn speaks_ours(range: &str) -> bool {
    parameter(range, "version").is_none_or(|version| version.trim_matches('"') == "1.0.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(open_metrics: &str, expected: &str) {
        assert_eq!(to_prometheus_text(open_metrics), expected);
    }

    #[test]
    fn counters_are_named_after_their_samples() {
        check(
            "# HELP reads Reads.\n# TYPE reads counter\nreads_total{a=\"b\"} 3\n# EOF\n",
            "# HELP reads_total Reads.\n# TYPE reads_total counter\nreads_total{a=\"b\"} 3\n",
        );
    }

    #[test]
    fn an_info_is_a_gauge() {
        check(
            "# HELP build Build.\n# TYPE build info\nbuild_info{version=\"1\"} 1\n# EOF\n",
            "# HELP build_info Build.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n",
        );
    }

    #[test]
    fn units_go_and_gauges_stay() {
        check(
            "# HELP age_seconds Age.\n# TYPE age_seconds gauge\n# UNIT age_seconds seconds\nage_seconds 0.5\n# EOF\n",
            "# HELP age_seconds Age.\n# TYPE age_seconds gauge\nage_seconds 0.5\n",
        );
    }

    #[test]
    fn exemplars_go_but_hashes_in_labels_stay() {
        check(
            "# TYPE h histogram\nh_bucket{le=\"1.0\"} 2 # {id=\"x\"} 0.5\nh_count{p=\"a # {\\\"b\"} 2\n",
            "# TYPE h histogram\nh_bucket{le=\"1.0\"} 2\nh_count{p=\"a # {\\\"b\"} 2\n",
        );
    }

    #[test]
    fn unknown_is_untyped() {
        check("# TYPE x unknown\nx 1\n", "# TYPE x untyped\nx 1\n");
    }

    #[test]
    fn only_who_asks_gets_open_metrics() {
        let asks = [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/openmetrics-text; version=\"1.0.0\", text/plain",
        ];
        for accept in asks {
            assert_eq!(
                Exposition::negotiate(accept),
                Exposition::OpenMetrics,
                "{accept}"
            );
        }
        let others = [
            "",
            "*/*",
            "text/plain",
            "text/html,*/*;q=0.8",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.1,text/plain",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=NaN",
        ];
        for accept in others {
            assert_eq!(
                Exposition::negotiate(accept),
                Exposition::Prometheus,
                "{accept}"
            );
        }
    }
}
