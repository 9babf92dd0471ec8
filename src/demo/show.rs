//! The course of the demo: greeting, table, a worker that drains, summary. It decides when what is
//! drawn; what is true comes from the exporter.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::players::Players;
use super::screen::Screen;
use super::simulator::Simulator;
use super::table::{STORY, bytes, lines, plain, seconds};
use super::wiring::{Exporter, View};
use crate::cli::DemoArgs;
use crate::trino::words::NodeState;

/// A frame of the live table.
const FRAME: Duration = Duration::from_millis(250);

/// Plain lines come this often.
const PLAIN: Duration = Duration::from_secs(5);

/// A worker starts to drain this often, and goes back to work when it is drained.
const DRAIN: Duration = Duration::from_secs(40);

/// Everything on stage.
#[derive(Debug)]
pub struct Show<'a> {
    /// The simulated cluster.
    pub simulator: &'a Simulator,
    /// The real exporter.
    pub exporter: &'a Exporter,
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
        let mut next_drain = DRAIN / 2;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = frames.tick() => {}
            }
            let at = self.began.elapsed();
            if at >= next_drain {
                next_drain = at + DRAIN;
                self.drain_one();
            }
            self.wake_drained();
            self.draw(screen, &self.exporter.view(self.simulator), at)?;
        }
    }

    /// What happened, for the end.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let (queries, work, documents) = (
            self.players.score.read(),
            self.exporter.work(),
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
            self.exporter
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

    fn draw(&self, screen: &mut Screen, view: &View, at: Duration) -> std::io::Result<()> {
        if screen.is_live() {
            screen.draw(&lines(view, screen.style()))
        } else {
            screen.print(&plain(view, at))
        }
    }

    /// Lets the first active worker drain, unless it is the last one or another still drains.
    fn drain_one(&self) {
        let workers = self.simulator.workers();
        let active: Vec<_> = workers
            .iter()
            .filter(|w| w.state == NodeState::Active && w.alive)
            .collect();
        let all_active = active.len() == workers.len();
        if let Some(worker) = active.first().filter(|_| all_active && active.len() > 1) {
            self.set(&worker.name, NodeState::Draining);
        }
    }

    fn wake_drained(&self) {
        let workers = self.simulator.workers();
        for worker in workers
            .iter()
            .filter(|worker| worker.state == NodeState::Drained)
        {
            self.set(&worker.name, NodeState::Active);
        }
    }

    fn set(&self, worker: &str, state: NodeState) {
        // A worker that has just changed its state by hand keeps that.
        let _ = self.simulator.set_worker_state(worker, state);
    }
}
