//! How log lines look and which are written. Moves events to a writer (standard error
//! in the program); never decides what is worth saying.

use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// The least important event that is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogLevel {
    /// Everything of ours; libraries stay at INFO, or their chatter would drown it.
    Debug,
    /// Ordinary milestones. The default.
    #[default]
    Info,
    /// Something a person should look at.
    Warning,
    /// Something failed.
    Error,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// Text when standard error is a terminal, JSON otherwise. The default.
    #[default]
    Auto,
    /// One flat object a line: `timestamp`, `level`, `target`, `message`, then the event's fields.
    Json,
    /// For people.
    Text,
}

/// A subscriber was installed before; one process has one log.
#[derive(Debug, thiserror::Error)]
#[error("logging is already set up")]
pub struct AlreadySetUp;

/// Sends this process's events to standard error. Call once, before anything logs.
pub fn init(level: LogLevel, format: LogFormat) -> Result<(), AlreadySetUp> {
    let format = format.resolve(std::io::stderr().is_terminal());
    let dispatch = dispatch(level, format, std::io::stderr);
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| AlreadySetUp)
}

/// A subscriber writing to `writer`; [`LogFormat::Auto`] counts as JSON here, for a
/// writer is not a terminal unless [`init`] found it to be one.
pub fn dispatch<W>(level: LogLevel, format: LogFormat, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let filtered = tracing_subscriber::registry().with(level.targets());
    match format {
        LogFormat::Text => filtered.with(layer.with_ansi(colours())).into(),
        LogFormat::Json | LogFormat::Auto => {
            let json = layer.json().flatten_event(true);
            filtered
                .with(json.with_current_span(false).with_span_list(false))
                .into()
        }
    }
}

/// <https://no-color.org>: any non-empty value switches colours off.
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

// === impl LogLevel ===

impl LogLevel {
    /// What the flag and the configuration accept, for messages.
    pub const ALLOWED: &str = "DEBUG, INFO, WARNING or ERROR, in any case";

    fn targets(self) -> Targets {
        let ours = Level::from(self);
        Targets::new()
            .with_target("xtrinode", ours)
            .with_default(LevelFilter::from_level(ours.min(Level::INFO)))
    }

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Info => Level::INFO,
            LogLevel::Warning => Level::WARN,
            LogLevel::Error => Level::ERROR,
        }
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARNING" | "WARN" => Ok(Self::Warning),
            "ERROR" => Ok(Self::Error),
            _ => Err(format!("give {}", Self::ALLOWED)),
        }
    }
}

// === impl LogFormat ===

impl LogFormat {
    /// What the flag and the configuration accept, for messages.
    pub const ALLOWED: &str = "auto, json or text";

    fn resolve(self, terminal: bool) -> Self {
        match (self, terminal) {
            (Self::Auto, true) => Self::Text,
            (Self::Auto, false) => Self::Json,
            (chosen, _) => chosen,
        }
    }

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(format!("give {}", Self::ALLOWED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(level: LogLevel, format: LogFormat, events: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let dispatch = dispatch(level, format, move || writer.clone());
        tracing::dispatcher::with_default(&dispatch, events);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_are_flat() {
        let line = written(LogLevel::Info, LogFormat::Json, || {
            tracing::info!(coordinator = "blue", queries = 3, "Cycle complete");
        });
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "Cycle complete");
        assert_eq!(value["coordinator"], "blue");
        assert_eq!(value["queries"], 3);
        assert_eq!(value["level"], "INFO");
        assert_eq!(value["target"], "xtrinode::process::logs::tests");
        assert!(
            value["timestamp"].as_str().unwrap().ends_with('Z'),
            "{line}"
        );
        assert!(
            value.as_object().unwrap().values().all(|v| !v.is_object()),
            "{line}"
        );
    }

    #[test]
    fn text_lines_are_not_json() {
        let line = written(LogLevel::Info, LogFormat::Text, || {
            tracing::info!("Started");
        });
        assert!(line.contains("Started"), "{line}");
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_err());
    }

    #[test]
    fn the_level_hides_what_is_below_it() {
        let lines = written(LogLevel::Warning, LogFormat::Json, || {
            tracing::info!("Hidden");
            tracing::warn!("Shown");
        });
        assert!(
            !lines.contains("Hidden") && lines.contains("Shown"),
            "{lines}"
        );
    }

    #[test]
    fn debug_is_for_our_own_events() {
        let lines = written(LogLevel::Debug, LogFormat::Json, || {
            tracing::debug!("Ours");
            tracing::debug!(target: "h2::frame", "Chatter");
            tracing::info!(target: "h2::frame", "News");
        });
        assert!(lines.contains("Ours") && lines.contains("News"), "{lines}");
        assert!(!lines.contains("Chatter"), "{lines}");
    }

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!("warn".parse(), Ok(LogLevel::Warning));
        assert_eq!("Debug".parse(), Ok(LogLevel::Debug));
        assert_eq!("TEXT".parse(), Ok(LogFormat::Text));
        assert!(
            "trace"
                .parse::<LogLevel>()
                .unwrap_err()
                .contains("DEBUG, INFO")
        );
        assert!(
            "xml"
                .parse::<LogFormat>()
                .unwrap_err()
                .contains("auto, json")
        );
    }

    #[test]
    fn auto_follows_the_terminal() {
        assert_eq!(LogFormat::Auto.resolve(true), LogFormat::Text);
        assert_eq!(LogFormat::Auto.resolve(false), LogFormat::Json);
        assert_eq!(LogFormat::Json.resolve(true), LogFormat::Json);
    }
}
