//! The exporter: loads its configuration, then collects and serves until it is asked to stop. Decides
//! the order of starting and stopping, and exit codes; parses and judges nothing itself.

pub mod config;
mod feed;
mod follow;
mod gauges;
pub mod once;
pub mod options;
mod own_metrics;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::cli::{ExporterArgs, Output};
use crate::collect::Collector;
use crate::process::causes::causes;
use crate::process::metrics::Metrics;
use crate::process::readiness::Readiness;
use crate::process::tasks::Tasks;
use crate::process::{logs, runtime, shutdown};
use crate::web::admin::{self, Admin};
use crate::web::limits::Limits;
use crate::web::serve::Server;
use crate::web::tls::{RELOAD_INTERVAL, Tls};

use config::{Overrides, Parsed, Settings};
use feed::Feed;
use follow::{FirstCycles, follow};
use gauges::Gauges;
use options::collector_options;

/// Wrong command line or configuration.
const USAGE: u8 = 2;

/// A reader who waits with `maxAge` is answered just before the server would give up on the handler.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

/// The server drops what is left open when the grace is over; that takes a moment.
const MARGIN: Duration = Duration::from_secs(1);

/// `xtrinode exporter`: 0 when it stopped as asked, 1 when it failed while running, 2 when the
/// configuration is wrong.
pub fn run(args: &ExporterArgs) -> ExitCode {
    let parsed = match config::load(&args.config, &overrides(args)) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(USAGE);
        }
    };
    if args.check_config {
        report(&parsed);
        return ExitCode::SUCCESS;
    }
    let outcome = if args.once {
        collect_once(&parsed, args.output)
    } else {
        start(parsed).map(|()| true)
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!(error = causes(&error), "Stopped by an error");
            ExitCode::FAILURE
        }
    }
}

fn overrides(args: &ExporterArgs) -> Overrides {
    Overrides {
        log_level: args.logs.log_level,
        log_format: args.logs.log_format,
        strict: args.strict,
        metrics_port: args.metrics_port,
        bind_address: args.bind_address,
    }
}

fn report(parsed: &Parsed) {
    println!("configuration is valid");
    for notice in &parsed.notices {
        println!("warning: {}: {}", notice.key, notice.message);
    }
    print!("{}", config::summary(&parsed.settings));
}

fn start(parsed: Parsed) -> anyhow::Result<()> {
    begin_logs(&parsed)?;
    runtime::block_on(run_until_signal(parsed.settings)).context("cannot start the runtime")?
}

fn begin_logs(parsed: &Parsed) -> anyhow::Result<()> {
    logs::init(parsed.settings.log_level, parsed.settings.log_format)?;
    for notice in &parsed.notices {
        tracing::warn!(key = notice.key, "{}", notice.message);
    }
    Ok(())
}

/// True when nothing is unknown.
fn collect_once(parsed: &Parsed, output: Output) -> anyhow::Result<bool> {
    begin_logs(parsed)?;
    let work = once::collect(&parsed.settings);
    let snapshot = runtime::block_on(work).context("cannot start the runtime")??;
    print!("{}", once::render(&snapshot, output));
    Ok(once::is_known(&snapshot))
}

async fn run_until_signal(settings: Settings) -> anyhow::Result<()> {
    let stop = shutdown::on_signals().context("cannot handle signals")?;
    let exporter = Exporter::prepare(&settings, &stop).await?;
    exporter.run().await
}

/// An exporter whose port is open and whose tasks are about to run.
#[derive(Debug)]
pub struct Exporter {
    /// Where its state is.
    pub collector: Collector,
    /// Where it serves, with the port that was found.
    pub url: String,
    tasks: Tasks,
    stop: CancellationToken,
    grace: Duration,
}

impl Exporter {
    /// Opens the port and starts to collect.
    ///
    /// # Errors
    /// When the port or the certificate can't be used.
    pub async fn prepare(settings: &Settings, stop: &CancellationToken) -> anyhow::Result<Self> {
        let mut tasks = Tasks::default();
        let (collector, work) = Collector::prepare(&collector_options(settings), stop);
        let readiness = Readiness::default();
        let names = settings.coordinators.iter().map(|one| one.name.as_str());
        let first = FirstCycles::hold(&readiness, names);
        tasks.spawn("follow", follow(collector.clone(), first, stop.clone()));
        let server = serve(settings, &collector, readiness, &mut tasks, stop).await?;
        for (name, work) in work.sources.into_iter().chain(work.pollers) {
            tasks.spawn(name, work);
        }
        Ok(Self {
            collector,
            url: server,
            tasks,
            stop: stop.clone(),
            grace: settings.shutdown_grace + MARGIN,
        })
    }

    /// Runs until the token given to [`Exporter::prepare`] is cancelled.
    ///
    /// # Errors
    /// When a task ends early or does not end in time.
    pub async fn run(self) -> anyhow::Result<()> {
        Ok(self.tasks.run(&self.stop, self.grace).await?)
    }
}

/// Opens the port, adds the server to the tasks, and returns the base URL.
async fn serve(
    settings: &Settings,
    collector: &Collector,
    readiness: Readiness,
    tasks: &mut Tasks,
    stop: &CancellationToken,
) -> anyhow::Result<String> {
    let mut metrics = Metrics::default();
    let gauges = Gauges::new(collector.clone(), settings.source_lag);
    own_metrics::register(&mut metrics, gauges, &collector.counters);
    let tls = server_tls(settings, &mut metrics)?;
    if let Some(tls) = tls.clone() {
        tasks.spawn(
            "certificate reload",
            tls.watch(RELOAD_INTERVAL, stop.clone()),
        );
    }
    let server = Server::bind(address(settings), limits(settings)).await?;
    let server = server.with_tls(tls);
    let url = server.url();
    let router = admin::router(Admin {
        component: "exporter",
        metrics: Arc::new(metrics),
        readiness,
        index: vec![(
            "/v1/snapshot",
            "what each worker holds, as JSON; ?watch streams, ?maxAge=5s waits",
        )],
    });
    let router = router.merge(feed::router(snapshot_feed(settings, collector, stop)));
    tasks.spawn("HTTP server", server.run(router, stop.clone()));
    Ok(url)
}

fn address(settings: &Settings) -> SocketAddr {
    (settings.bind_address, settings.metrics_port).into()
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        shutdown: settings.shutdown_grace,
        answer: settings.request_timeout + ANSWER_MARGIN,
        ..Limits::default()
    }
}

fn snapshot_feed(settings: &Settings, collector: &Collector, stop: &CancellationToken) -> Feed {
    Feed {
        collector: collector.clone(),
        source_lag: settings.source_lag,
        patience: settings.request_timeout,
        token_file: settings.snapshot_token_file.clone(),
        stop: stop.clone(),
    }
}

fn server_tls(settings: &Settings, metrics: &mut Metrics) -> anyhow::Result<Option<Arc<Tls>>> {
    let Some(files) = &settings.server_tls else {
        return Ok(None);
    };
    let tls = Tls::load(&files.cert_file, &files.key_file).context("serverTls")?;
    tls.register(metrics, "trino_buffer_exporter");
    Ok(Some(Arc::new(tls)))
}
