//! `xtrinode demo`: a simulated Trino cluster, clients that read it slowly, and the real exporter
//! watching, live in a terminal. It decides how these are started and stopped; nothing imports it.

mod players;
mod screen;
mod show;
pub mod simulator;
mod table;
mod wiring;

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use self::players::Players;
use self::screen::Screen;
use self::show::Show;
use self::simulator::{Access, Bind, Simulator, SimulatorConfig, Users};
use self::wiring::Watcher;
use crate::cli::{DemoArgs, DemoSize};
use crate::process::logs::{self, LogFormat, LogLevel};
use crate::process::{runtime, shutdown};

/// `xtrinode demo`: 0 when it ended as asked, 1 when it could not run.
#[must_use]
pub fn run(args: &DemoArgs) -> ExitCode {
    let ended = runtime::block_on(Box::pin(perform(args))).context("cannot start the runtime");
    match ended.and_then(|ended| ended) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtrinode: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn perform(args: &DemoArgs) -> anyhow::Result<()> {
    let mut screen = Screen::open();
    start_logs(args, screen.is_live())?;
    let stop = shutdown::on_signals().context("cannot handle signals")?;
    let simulator = Simulator::start(cluster(args))
        .await
        .context("cannot start the simulator")?;
    let (watcher, exporter) = Watcher::prepare(&simulator, args.port, &stop).await?;
    let players = Players::start(&simulator.coordinator_uri(), args.queries, &stop)?;
    let show = Show {
        simulator: &simulator,
        watcher: &watcher,
        players: &players,
        args,
        began: Instant::now(),
    };
    tokio::spawn(end_after(args.run_for, stop.clone()));
    let drawing = async {
        let drawn = show.run(&mut screen, &stop).await;
        stop.cancel();
        drawn
    };
    let (drawn, outcome) = tokio::join!(drawing, exporter.run());
    // Nobody reads: no reason to complain, as with `xtrinode demo | head`.
    let _ = drawn.and_then(|()| screen.print(&show.summary()));
    players.leave().await;
    simulator.shutdown().await;
    outcome
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

/// The cluster of the demo: everybody may do everything, so that a viewer can drain by hand.
fn cluster(args: &DemoArgs) -> SimulatorConfig {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    SimulatorConfig {
        workers: usize::from(args.workers),
        bind: if usize::from(args.workers) > 250 {
            Bind::Ports
        } else {
            Bind::default()
        },
        access: Access {
            write_system: Users::Everyone,
            ..Access::default()
        },
        document_bytes: document_bytes(args.size),
        epoch_millis: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
        ..SimulatorConfig::default()
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
