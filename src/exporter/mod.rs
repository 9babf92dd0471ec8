//! The exporter: loads its configuration, then serves until it is asked to stop. Decides
//! the order of starting and stopping, and exit codes; collects nothing itself.

pub mod config;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::ExporterArgs;
use crate::process::metrics::Metrics;
use crate::process::readiness::Readiness;
use crate::process::tasks::Tasks;
use crate::process::{logs, runtime, shutdown};
use crate::web::admin::{self, Admin};
use crate::web::limits::Limits;
use crate::web::serve::Server;
use crate::web::tls::{RELOAD_INTERVAL, Tls};
use config::{Overrides, Parsed, Settings};

/// Wrong command line or configuration.
const USAGE: u8 = 2;

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
    match start(parsed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "Stopped by an error");
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
    logs::init(parsed.settings.log_level, parsed.settings.log_format)?;
    for notice in &parsed.notices {
        tracing::warn!(key = notice.key, "{}", notice.message);
    }
    runtime::block_on(serve(parsed.settings)).context("cannot start the runtime")?
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let stop = shutdown::on_signals().context("cannot handle signals")?;
    let mut metrics = Metrics::default();
    let readiness = Readiness::default();
    let mut tasks = Tasks::default();
    let tls = server_tls(&settings, &mut metrics)?;
    if let Some(tls) = tls.clone() {
        tasks.spawn(
            "certificate reload",
            tls.watch(RELOAD_INTERVAL, stop.clone()),
        );
    }
    let address = (settings.bind_address, settings.metrics_port).into();
    let limits = Limits {
        shutdown: settings.shutdown_grace,
        ..Limits::default()
    };
    let server = Server::bind(address, limits).await?.with_tls(tls);
    let admin = Admin {
        component: "exporter",
        metrics: Arc::new(metrics),
        readiness: readiness.clone(),
        index: Vec::new(),
    };
    tasks.spawn(
        "HTTP server",
        server.run(admin::router(admin), stop.clone()),
    );
    Ok(tasks.run(&stop, settings.shutdown_grace + MARGIN).await?)
}

fn server_tls(settings: &Settings, metrics: &mut Metrics) -> anyhow::Result<Option<Arc<Tls>>> {
    let Some(files) = &settings.server_tls else {
        return Ok(None);
    };
    let tls = Tls::load(&files.cert_file, &files.key_file).context("serverTls")?;
    tls.register(metrics, "trino_buffer_exporter");
    Ok(Some(Arc::new(tls)))
}
