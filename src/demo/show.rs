//! The course of the demo: greeting, table, a worker that drains, summary. It decides when what is
//! drawn; what is true comes from the exporter.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::players::Players;
use super::screen::Screen;
use super::simulator::Simulator;
use super::table::{STORY, bytes, lines, plain, seconds};
use super::wiring::{View, Watcher};
use crate::cli::DemoArgs;
use crate::trino::words::NodeState;

/// A frame of the live table.
const FRAME: Duration = Duration::from_millis(250);

/// Plain lines come this often.
const PLAIN: Duration = Duration::from_secs(5);

/// This often a worker starts to drain, or those that are drained go back to work.
const CHANGE: Duration = Duration::from_secs(20);

/// Everything on stage.
#[derive(Debug)]
pub struct Show<'a> {
    /// The simulated cluster.
    pub simulator: &'a Simulator,
    /// The real exporter, watching.
    pub watcher: &'a Watcher,
    /// The clients.
    pub players: &'a Players,
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
        let mut next_change = CHANGE;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = frames.tick() => {}
            }
            let at = self.began.elapsed();
            if at >= next_change {
                next_change = at + CHANGE;
                self.change_workers();
            }
            draw(screen, &self.watcher.view(self.simulator), at)?;
        }
    }

    /// What happened, for the end.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let (queries, work, documents) = (
            self.players.score.read(),
            self.watcher.work(),
            self.simulator.documents(),
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
        let coordinator = self.simulator.coordinator_uri();
        let worker = self
            .simulator
            .workers()
            .first()
            .map(|worker| worker.uri.clone())
            .unwrap_or_default();
        let mut lines = vec![
            format!(
                "xtrinode demo: {} simulated Trino workers, {} queries at a time, watched by the real exporter. Ctrl-C ends it.",
                self.args.workers, self.args.queries
            ),
            String::new(),
        ];
        lines.extend(STORY.lines().map(str::to_owned));
        lines.push(String::new());
        lines.extend(
            self.watcher
                .urls()
                .into_iter()
                .map(|(what, url)| format!("  {what:<12} {url}")),
        );
        lines.push(format!(
            "  {:<12} curl -H 'X-Trino-User: you' {coordinator}/v1/query",
            "simulator"
        ));
        lines.push(format!(
            "  {:<12} curl -X PUT -H 'X-Trino-User: you' -H 'Content-Type: application/json' -d '\"DRAINING\"' {worker}/v1/info/state",
            "drain one"
        ));
        lines.push(String::new());
        lines
    }

    /// Wakes the drained. With none of them, the first worker drains, unless another still does.
    fn change_workers(&self) {
        let workers = self.simulator.workers();
        let drained: Vec<_> = workers
            .iter()
            .filter(|w| w.state == NodeState::Drained)
            .collect();
        for worker in &drained {
            self.set(&worker.name, NodeState::Active);
        }
        let all_active = workers
            .iter()
            .all(|worker| worker.state == NodeState::Active);
        if let Some(first) = workers.first().filter(|_| all_active && workers.len() > 1) {
            self.set(&first.name, NodeState::Draining);
        }
    }

    fn set(&self, worker: &str, state: NodeState) {
        // A worker that has just changed its state by hand keeps that.
        let _ = self.simulator.set_worker_state(worker, state);
    }
}

/// Draws over the last table, or adds plain lines.
fn draw(screen: &mut Screen, view: &View, at: Duration) -> std::io::Result<()> {
    if screen.is_live() {
        screen.draw(&lines(view, screen.style()))
    } else {
        screen.print(&plain(view, at))
    }
}
