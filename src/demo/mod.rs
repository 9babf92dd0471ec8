//! `xtrinode demo`: a simulated Trino cluster on a simulated Kubernetes, clients that read slowly, people who disrupt, the
//! real exporter and the real guard in between, live in a terminal. It decides how these are started and stopped;
//! nothing imports it.

mod casualties;
pub mod disruptions;
mod guarding;
pub mod kubernetes;
mod news;
pub mod players;
mod screen;
mod show;
pub mod simulator;
pub mod stage;
mod table;
pub mod wiring;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use self::screen::Screen;
use self::show::Show;
use self::stage::{Script, Stage};
use crate::cli::{DemoArgs, DemoSize};
use crate::process::logs::{self, LogFormat, LogLevel};
use crate::process::{runtime, shutdown};

/// `xtrinode demo`: 0 when it ended as asked and no query was killed, else 1.
#[must_use]
pub fn run(args: &DemoArgs) -> ExitCode {
    let ended = runtime::block_on(Box::pin(perform(args))).context("cannot start the runtime");
    match ended.and_then(|ended| ended) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtrinode: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays; answers whether every query lived.
async fn perform(args: &DemoArgs) -> anyhow::Result<bool> {
    let mut screen = Screen::open();
    start_logs(args, screen.is_live())?;
    let stop = shutdown::on_signals().context("cannot handle signals")?;
    let stage = Stage::set(&script(args), &stop).await?;
    let show = Show {
        stage: &stage,
        args,
        began: Instant::now(),
    };
    tokio::spawn(end_after(args.run_for, stop.clone()));
    let drawn = show.run(&mut screen, &stop).await;
    stop.cancel();
    let account = show.account();
    let news = stage.end().await?;
    // Nobody reads: no reason to complain, as with `xtrinode demo | head`.
    let _ = drawn.and_then(|()| screen.print(&[account, news::verdict(&news)].concat()));
    Ok(news.killed == 0 && news.queries.failed == 0)
}

/// Cancels `stop` when the time is over; without a time, never.
async fn end_after(time: Option<Duration>, stop: CancellationToken) {
    if let Some(time) = time {
        tokio::time::sleep(time).await;
        stop.cancel();
    }
}

/// Lines of a log would tear the live table apart, so there only errors are told.
fn start_logs(args: &DemoArgs, live: bool) -> anyhow::Result<()> {
    let quiet = if live {
        LogLevel::Error
    } else {
        LogLevel::Warning
    };
    let level = args.logs.log_level.unwrap_or(quiet);
    let format = args.logs.log_format.unwrap_or(LogFormat::Text);
    Ok(logs::init(level, format)?)
}

fn script(args: &DemoArgs) -> Script {
    Script {
        workers: args.workers,
        queries: args.queries,
        seed: args.seed,
        guarded: !args.without_guard,
        disruptions: None,
        document_bytes: document_bytes(args.size),
        port: args.port,
    }
}

/// Length of a query's document.
const fn document_bytes(size: DemoSize) -> u64 {
    match size {
        DemoSize::Small => 0,
        DemoSize::Medium => 10_000_000,
        DemoSize::Large => 200_000_000,
    }
}
