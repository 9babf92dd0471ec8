//! The course of the demo: greeting, table, summary. It decides when what is drawn; what is true comes from the exporter,
//! the guard and the simulator.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::news;
use super::screen::Screen;
use super::stage::Stage;
use super::table::{STORY, bytes, lines, plain, seconds};
use crate::cli::DemoArgs;

/// A frame of the live table.
const FRAME: Duration = Duration::from_millis(250);

/// Plain lines come this often.
const PLAIN: Duration = Duration::from_secs(5);

/// Everything on stage.
#[derive(Debug)]
pub struct Show<'a> {
    /// What is played.
    pub stage: &'a Stage,
    /// What was asked for.
    pub args: &'a DemoArgs,
    /// When it began.
    pub began: Instant,
}

impl Show<'_> {
    /// Draws until `stop`, or until the terminal is gone.
    pub async fn run(&self, screen: &mut Screen, stop: &CancellationToken) -> std::io::Result<()> {
        screen.print(&self.greeting())?;
        let mut frames = tokio::time::interval(if screen.is_live() { FRAME } else { PLAIN });
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = frames.tick() => {}
            }
            self.draw(screen)?;
        }
    }

    /// What happened, for the end.
    #[must_use]
    pub fn account(&self) -> Vec<String> {
        let (queries, work, documents) = (
            self.stage.news().queries,
            self.stage.watcher.work(),
            self.stage.simulator.documents(),
        );
        vec![
            String::new(),
            format!(
                "In {}: {} queries started, {} finished, {} failed; the rest was still running.",
                seconds(self.began.elapsed()),
                queries.started,
                queries.finished,
                queries.failed
            ),
            format!(
                "The exporter ran {} complete cycles and {} others, read {} documents and parsed {}; the largest document was {}.",
                work.complete,
                work.others,
                documents.sent,
                bytes(work.bytes),
                bytes(documents.largest)
            ),
        ]
    }

    fn greeting(&self) -> Vec<String> {
        let guard = if self.args.without_guard {
            "no guard"
        } else {
            "the real guard"
        };
        let mut lines = vec![
            format!(
                "xtrinode demo: {} simulated Trino workers, {} queries at a time, disruptions from seed {}, the real exporter and \
{guard}. Ctrl-C ends it.",
                self.args.workers, self.args.queries, self.args.seed
            ),
            String::new(),
        ];
        lines.extend(STORY.lines().map(str::to_owned));
        lines.extend(news::haste().lines().map(str::to_owned));
        lines.push(String::new());
        lines.extend(
            self.stage
                .watcher
                .urls()
                .into_iter()
                .map(|(what, url)| format!("  {what:<12} {url}")),
        );
        lines.push(format!(
            "  {:<12} curl -H 'X-Trino-User: you' {}/v1/query",
            "simulator",
            self.stage.simulator.coordinator_uri()
        ));
        lines.push(String::new());
        lines
    }

    /// Draws over the last table, or adds plain lines.
    fn draw(&self, screen: &mut Screen) -> std::io::Result<()> {
        let view = self.stage.watcher.view(&self.stage.simulator);
        let (told, at) = (self.stage.news(), self.began.elapsed());
        if screen.is_live() {
            let (style, guarded) = (screen.style(), !self.args.without_guard);
            screen.draw(&[lines(&view, style), news::lines(&told, guarded, style)].concat())
        } else {
            screen.print(&[plain(&view, at), vec![news::plain(&told, at)]].concat())
        }
    }
}
